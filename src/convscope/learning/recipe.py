"""Every setting of a training run, with defaults that are good without options."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any, Literal

from convscope.errors import UserError, did_you_mean
from convscope.learning.schedule import Schedule

Optimizer = Literal["adamw", "sgd"]
Precision = Literal["auto", "float32", "bfloat16"]
CHOICES: dict[str, tuple[str, ...]] = {
    "optimizer": ("adamw", "sgd"),
    "schedule": ("onecycle", "cosine"),
    "augment": ("auto", "none", "light"),
    "precision": ("auto", "float32", "bfloat16"),
    "device": ("auto", "cpu", "cuda"),
}


PRETRAINED = 0.1
"""What the usual learning rate is multiplied by where a run starts from trained weights."""


@dataclass(frozen=True)
class Recipe:
    """How a network is trained.

    Args:
        epochs: passes over the training pictures; None where ``time`` decides, or 10 where nothing does.
        time: seconds for everything, from reading the data to the evaluation.
        batch_size: pictures a step; None: 128, less where the data is small.
        lr: peak learning rate; None: 3e-3 for AdamW, 0.1 for SGD, both for 128 pictures a step and scaled with it.
        optimizer: ``adamw`` (Loshchilov and Hutter 2017) or ``sgd`` with Nesterov momentum (Sutskever et al. 2013).
        momentum: of SGD; of AdamW it is the first beta.
        weight_decay: None: 0.15 for AdamW, 5e-4 for SGD; never on biases and normalisation.
        schedule, warmup: see :func:`convscope.learning.schedule.rate`.
        label_smoothing: share of a label given to all classes alike (Szegedy et al. 2015).
        ema: decay a step of an average of the weights that is evaluated and saved in their place; 0: none.
        augment: ``light`` shifts by an eighth, and mirrors colour pictures; ``auto``: light from 15 epochs on.
        patience: epochs without a better validation accuracy before the run stops; 0: never.
        precision: ``auto`` is bfloat16 where the processor computes in it, else float32.
        device: ``auto`` is the GPU where there is one.
        init: the scheme of initialisation.
        checkpoint_seconds: how often the run is saved.
        seed: of all randomness.
    """

    epochs: float | None = None
    time: float | None = None
    batch_size: int | None = None
    lr: float | None = None
    optimizer: Optimizer = "adamw"
    momentum: float = 0.9
    weight_decay: float | None = None
    schedule: Schedule = "onecycle"
    warmup: float = 0.2
    label_smoothing: float = 0.0
    ema: float = 0.0
    augment: str = "auto"
    patience: int = 0
    precision: Precision = "auto"
    device: str = "auto"
    init: str = "default"
    checkpoint_seconds: float = 15.0
    seed: int = 0

    def __post_init__(self) -> None:
        for name, choices in CHOICES.items():
            value = getattr(self, name)
            if value not in choices:
                raise UserError(f"--{name}", f"{value!r}", ", ".join(choices), did_you_mean(str(value), choices))
        limits: tuple[tuple[str, float, float, str], ...] = (
            ("epochs", 1e-6, 1e6, "a number of epochs above 0"),
            ("time", 1e-3, 1e8, "a time such as 90s or 10m"),
            ("batch_size", 1, 2**20, "a whole number of at least 1"),
            ("lr", 1e-12, 1e6, "a learning rate above 0, such as 0.003"),
            ("momentum", 0, 0.9999, "from 0 up to, not including, 1"),
            ("weight_decay", 0, 10, "from 0 to 10"),
            ("warmup", 0, 0.99, "a share of the plan, from 0 to 0.99"),
            ("label_smoothing", 0, 0.9, "from 0 to 0.9"),
            ("ema", 0, 0.99999, "a decay from 0 up to, not including, 1"),
            ("patience", 0, 1e6, "a number of epochs"),
            ("checkpoint_seconds", 0, 1e8, "seconds"),
            ("seed", 0, 2**53, "a whole number from 0"),
        )
        for name, low, high, expected in limits:
            value = getattr(self, name)
            if value is not None and not low <= value <= high:
                raise UserError(f"--{name.replace('_', '-')}", f"{value}", expected)

    def resolved(self, pictures: int, pretrained: bool = False) -> Recipe:
        """The recipe with its open values chosen for a number of training pictures; trained weights are moved less."""
        batch_size = self.batch_size
        if batch_size is None:
            # Small data wants more steps than pictures / 128 an epoch.
            batch_size = 128 if pictures >= 5000 else 64 if pictures >= 2500 else 32
        batch_size = min(batch_size, max(1, pictures))
        sgd = self.optimizer == "sgd"
        scale = batch_size / 128
        peak = (0.1 * scale if sgd else 3e-3 * scale**0.5) * (PRETRAINED if pretrained else 1)
        lr = self.lr if self.lr is not None else peak
        decay = self.weight_decay if self.weight_decay is not None else (5e-4 if sgd else 0.15)
        epochs = self.epochs
        if epochs is None and self.time is None:
            epochs = 10.0 if pictures >= 5000 else 30.0
        return dataclasses.replace(self, batch_size=batch_size, lr=lr, weight_decay=decay, epochs=epochs)

    def to_dict(self) -> dict[str, Any]:
        """The settings as plain JSON."""
        return dataclasses.asdict(self)
