"""How PyTorch and Keras spell the fully connected layer."""

from __future__ import annotations

from convscope.ops.linear.spec import Linear
from convscope.ops.spelling import (
    CHANNELS,
    KERAS,
    PYTORCH,
    Code,
    Layer,
    Place,
    Written,
    WrittenKeras,
    call,
)


@PYTORCH.enter(Linear)
def _pytorch_linear(op: Linear, a: Written, node: Place) -> Code:
    return call("nn.Linear", a.channels, a.text("out_features"), **a.changed("bias"))


@KERAS.enter(Linear)
def _keras_linear(op: Linear, v: WrittenKeras, node: Place) -> Layer:
    bias: dict[str, Code] = {} if op.bias else {"use_bias": "False"}
    return Layer(call("layers.Dense", v.text("out_features"), **bias, name=v.name))


CHANNELS.enter(Linear)((("+", "out_features"),))
