"""How PyTorch and Keras spell activations: as their classes say; and softmax."""

from __future__ import annotations

from convscope.ops.activation.spec import GELU, Activation, LeakyReLU, Softmax
from convscope.ops.spec import Misfit
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


@PYTORCH.enter(Activation)
def _pytorch_activation(op: Activation, a: Written, node: Place) -> Code:
    if not op.module:
        raise Misfit(f"{op.word} is no module of torch.nn", "a spelling of its own, see convscope.ops.spelling.PYTORCH")
    return call(f"nn.{op.module}", **a.changed(*op.arguments()))


@PYTORCH.enter(GELU)
def _pytorch_gelu(op: GELU, a: Written, node: Place) -> Code:
    return call("nn.GELU", '"tanh"') if op.approximate == "tanh" else call("nn.GELU")


@PYTORCH.enter(Softmax)
def _pytorch_softmax(op: Softmax, a: Written, node: Place) -> Code:
    return call("nn.Softmax", dim="1")


@KERAS.enter(Activation)
def _keras_activation(op: Activation, v: WrittenKeras, node: Place) -> Layer:
    if not op.keras:
        raise Misfit(f"{op.word} is no function of Keras", "a spelling of its own, see convscope.ops.spelling.KERAS")
    return Layer(call(op.keras, v.tensor), True)


@KERAS.enter(LeakyReLU)
def _keras_leaky_relu(op: LeakyReLU, v: WrittenKeras, node: Place) -> Layer:
    return Layer(call(op.keras, negative_slope=v.text("negative_slope")))


@KERAS.enter(GELU)
def _keras_gelu(op: GELU, v: WrittenKeras, node: Place) -> Layer:
    return Layer(call(op.keras, v.tensor, approximate=str(op.approximate == "tanh")), True)


@KERAS.enter(Softmax)
def _keras_softmax(op: Softmax, v: WrittenKeras, node: Place) -> Layer:
    return Layer(call("keras.ops.softmax", v.tensor, axis="-1"), True)
