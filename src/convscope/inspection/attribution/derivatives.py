"""What of a picture a class's score comes from: what all methods share, the class and the differentiable run."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from convscope.data.dataset import Inputs
from convscope.errors import UserError, did_you_mean
from convscope.inspection.look import Look
from convscope.model.folder import Model

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Target:
    """The class whose score is explained.

    Args:
        index: its number among the outputs.
        name: as the model calls it.
        score: before any softmax, as the model computed it for the picture.
        probability: after it, from 0 to 1.
    """

    index: int
    name: str
    score: float
    probability: float


def class_index(model: Model, name: str) -> int:
    """The number of a class by its name; capitals do not matter, and one of several names is enough: ``"jeep"`` for
    ``"jeep, landrover"``.

    Raises:
        UserError: the model knows no such class, or several.
    """
    if name in model.classes:
        return model.classes.index(name)
    folded = name.strip().casefold()
    wholly = [n for n, known in enumerate(model.classes) if known.casefold() == folded]
    partly = [n for n, known in enumerate(model.classes) if folded in map(str.strip, known.casefold().split(","))]
    found = wholly or partly
    if len(found) == 1:
        return found[0]
    if found:
        names = "; ".join(model.classes[n] for n in found[:5])
        raise UserError("class", f"{name!r} may be any of {len(found)}: {names}", "one class", "write its whole name")
    raise UserError("class", f"the model knows no {name!r}", "one of its classes", did_you_mean(name, model.classes))


def target_of(look: Look, name: str | None = None) -> Target:
    """A class by name; the predicted one if None.

    Raises:
        UserError: see :func:`class_index`.
    """
    scores_K = look.values[look.model.scores_path]
    index = int(scores_K.argmax()) if name is None else class_index(look.model, name)
    return Target(index, look.model.classes[index], float(scores_K[index]), float(look.probabilities[index]))


def device_of(model: Model) -> torch.device:
    """Where the model's weights are."""
    return next((p.device for p in model.module.parameters()), torch.device("cpu"))


def normalised(model: Model, inputs_N: Inputs) -> torch.Tensor:
    """Pictures as the network's input (N, C, H, W), on the model's device."""
    return model.normalise(torch.from_numpy(np.array(inputs_N)).to(device_of(model)))


def gradients(
    model: Model, image_NCHW: torch.Tensor, index: int, paths: Collection[str]
) -> tuple[dict[str, torch.Tensor], dict[str, torch.Tensor], torch.Tensor]:
    """Outputs of nodes, the derivatives of a class's score after them, and the scores.

    Any node of any network: the plan keeps what is asked for from being overwritten, and the gradient ends there.

    Args:
        model: as it is; nothing of it is changed, no gradient of a weight is computed.
        image_NCHW: normalised pictures.
        index: of the class.
        paths: of nodes, or ``"input"``.

    Returns:
        outputs by path, derivatives by path (each picture's by its own score), scores (N, K).

    Raises:
        UserError: a path that the graph does not have, or from which nothing reaches the scores.
    """
    training, scores_path = model.module.training, model.scores_path
    model.module.eval()
    try:
        # The input asks for a gradient, so that frozen weights make no difference.
        with torch.enable_grad():
            values = model.module.forward_all(image_NCHW.detach().requires_grad_(), [*paths, scores_path])
            scores_NK = values[scores_path]
            found = torch.autograd.grad(scores_NK[:, index].sum(), [values[path] for path in paths], allow_unused=True)
    finally:
        model.module.train(training)
    outputs, slopes = {}, {}
    for path, slope in zip(paths, found, strict=True):
        if slope is None:
            raise UserError(path, "nothing of it reaches the scores", f"a node before {scores_path}")
        outputs[path], slopes[path] = values[path].detach(), slope
    return outputs, slopes, scores_NK.detach()
