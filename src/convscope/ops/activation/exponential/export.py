"""How Keras spells activations with an exponential: where a name alone does not say it."""

from __future__ import annotations

from convscope.ops.activation.exponential.spec import ELU, Mish, Softplus
from convscope.ops.spelling import KERAS, Layer, Place, WrittenKeras, call, factor


@KERAS.enter(ELU)
def _keras_elu(op: ELU, v: WrittenKeras, node: Place) -> Layer:
    return Layer(call(op.keras, v.tensor, **v.given("alpha")), True)


@KERAS.enter(Softplus)
def _keras_softplus(op: Softplus, v: WrittenKeras, node: Place) -> Layer:
    if not v.given("beta"):
        return Layer(call(op.keras, v.tensor), True)
    beta = factor(v.text("beta"))
    return Layer(f"keras.ops.softplus({beta} * {v.tensor}) / {beta}", True)


@KERAS.enter(Mish)
def _keras_mish(op: Mish, v: WrittenKeras, node: Place) -> Layer:
    return Layer(f"{v.tensor} * keras.ops.tanh(keras.ops.softplus({v.tensor}))", True)
