"""How PyTorch and Keras spell activations with trained numbers."""

from __future__ import annotations

from convscope.ops.activation.trained.spec import PReLU
from convscope.ops.spelling import KERAS, PYTORCH, Code, Helper, Layer, Place, Written, WrittenKeras, call

_KERAS_PRELU = '''class PReLU(layers.Layer):
    """The value, or a trained multiple of it below zero."""

    def __init__(self, slopes=1, init=0.25, **options):
        super().__init__(**options)
        self.slopes, self.init = slopes, init

    def build(self, shape):
        start = keras.initializers.Constant(self.init)
        self.weight = self.add_weight((self.slopes,), start, name="weight")

    def call(self, x):
        return keras.ops.where(x > 0, x, self.weight * x)'''


@PYTORCH.enter(PReLU)
def _pytorch_prelu(op: PReLU, a: Written, node: Place) -> Code:
    return call("nn.PReLU", **a.changed("num_parameters", "init"))


@KERAS.enter(PReLU)
def _keras_prelu(op: PReLU, v: WrittenKeras, node: Place) -> Layer:
    # Keras's own has a slope for every value unless it is told which axes share one.
    code = call("PReLU", v.text("num_parameters"), **v.given("init"), name=v.name)
    return Layer(code, helpers=(Helper("prelu", _KERAS_PRELU, order=215),))
