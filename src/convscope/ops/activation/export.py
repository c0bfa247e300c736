"""How PyTorch and Keras spell activations: as their classes say; and softmax."""

from __future__ import annotations

from convscope.ops.activation.spec import GELU, Activation, Clip, Hardsigmoid, LeakyReLU, LogSoftmax, Softmax
from convscope.ops.spec import Misfit
from convscope.ops.spelling import (
    KERAS,
    PYTORCH,
    Code,
    Helper,
    Layer,
    Place,
    Written,
    WrittenKeras,
    call,
    factor,
)

_HARDSIGMOID = '''class HardSigmoid(nn.Module):
    """A line cut off at 0 and 1."""

    def __init__(self, alpha=1 / 6, beta=0.5):
        super().__init__()
        self.alpha, self.beta = alpha, beta

    def forward(self, x):
        return F.hardtanh(self.alpha * x + self.beta, 0.0, 1.0)'''


@PYTORCH.enter(Activation)
def _pytorch_activation(op: Activation, a: Written, node: Place) -> Code:
    if not op.module:
        raise Misfit(f"{op.word} is no module of torch.nn", "a spelling of its own, see convscope.ops.spelling.PYTORCH")
    return call(f"nn.{op.module}", **a.changed(*op.arguments()))


@PYTORCH.enter(GELU)
def _pytorch_gelu(op: GELU, a: Written, node: Place) -> Code:
    return call("nn.GELU", '"tanh"') if op.approximate == "tanh" else call("nn.GELU")


@PYTORCH.enter(Hardsigmoid)
def _pytorch_hardsigmoid(op: Hardsigmoid, a: Written, node: Place) -> Code:
    changed = a.changed("alpha", "beta")
    if not changed:
        return call("nn.Hardsigmoid")
    a.helpers.add(Helper("hardsigmoid", _HARDSIGMOID, ("from torch.nn import functional as F",), 430))
    return call("HardSigmoid", **changed)


@PYTORCH.enter(Clip)
def _pytorch_clip(op: Clip, a: Written, node: Place) -> Code:
    return call("nn.Hardtanh", a.text("min"), a.text("max")) if a.changed("min", "max") else call("nn.Hardtanh")


@PYTORCH.enter(LogSoftmax)
def _pytorch_log_softmax(op: LogSoftmax, a: Written, node: Place) -> Code:
    return call("nn.LogSoftmax", dim="1")


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


@KERAS.enter(LogSoftmax)
def _keras_log_softmax(op: LogSoftmax, v: WrittenKeras, node: Place) -> Layer:
    return Layer(call("keras.ops.log_softmax", v.tensor, axis="-1"), True)


@KERAS.enter(Clip)
def _keras_clip(op: Clip, v: WrittenKeras, node: Place) -> Layer:
    return Layer(call(op.keras, v.tensor, v.text("min"), v.text("max")), True)


@KERAS.enter(Hardsigmoid)
def _keras_hardsigmoid(op: Hardsigmoid, v: WrittenKeras, node: Place) -> Layer:
    if not v.given("alpha", "beta"):
        return Layer(call(op.keras, v.tensor), True)
    line = f"{factor(v.text('alpha'))} * {v.tensor} + {v.text('beta')}"
    return Layer(call("keras.ops.clip", line, "0.0", "1.0"), True)
