"""How PyTorch and Keras spell dropout."""

from __future__ import annotations

from convscope.ops.regularisation.spec import Dropout
from convscope.ops.spelling import (
    KERAS,
    PYTORCH,
    Code,
    Layer,
    Place,
    Written,
    WrittenKeras,
    call,
)


@PYTORCH.enter(Dropout)
def _pytorch_dropout(op: Dropout, a: Written, node: Place) -> Code:
    return call("nn.Dropout", a.text("p"))


@KERAS.enter(Dropout)
def _keras_dropout(op: Dropout, v: WrittenKeras, node: Place) -> Layer:
    return Layer(call("layers.Dropout", v.text("p")))
