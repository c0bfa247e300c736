"""The vocabulary: an operation is one room, here; see :mod:`convscope.ops.spec` and :mod:`convscope.ops.registry`."""

from convscope.ops.activation.exponential.spec import *
from convscope.ops.activation.spec import *
from convscope.ops.activation.trained.spec import *
from convscope.ops.convolution.spec import *
from convscope.ops.linear.spec import *
from convscope.ops.merge.spec import *
from convscope.ops.normalisation.rms.spec import *
from convscope.ops.normalisation.spec import *
from convscope.ops.pooling.spec import *
from convscope.ops.registry import load as load
from convscope.ops.registry import load_installed as load_installed
from convscope.ops.regularisation.spec import *
from convscope.ops.shape.spec import *
from convscope.ops.spec import LARGEST as LARGEST
from convscope.ops.spec import OPERATIONS as OPERATIONS
from convscope.ops.spec import Misfit as Misfit
from convscope.ops.spec import Op as Op
from convscope.ops.spec import Shape as Shape
from convscope.ops.spec import Size as Size
from convscope.ops.spec import Window as Window
from convscope.ops.spec import build as build
from convscope.ops.spec import elements as elements
from convscope.ops.spec import per_dimension as per_dimension
from convscope.ops.spec import spell as spell
from convscope.ops.spec import spell_shape as spell_shape
from convscope.ops.spec import usage as usage
from convscope.ops.traits import Traits as Traits
