"""Every setting of a training run, with defaults that are good without options."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any, Literal

from convscope.data.image.policy import asked
from convscope.errors import UserError, did_you_mean
from convscope.learning.schedule import Schedule

Optimizer = Literal["adamw", "sgd", "muon"]
Tta = Literal["none", "flip"]
Precision = Literal["auto", "float32", "bfloat16"]
CHOICES: dict[str, tuple[str, ...]] = {
    "optimizer": ("adamw", "sgd", "muon"),
    "tta": ("none", "flip"),
    "schedule": ("onecycle", "cosine"),
    "balance": ("auto", "none", "weights", "sampling"),
    "precision": ("auto", "float32", "bfloat16"),
    "device": ("auto", "cpu", "cuda"),
}


PRETRAINED = 0.1
"""What the usual learning rate is multiplied by where a run starts from trained weights."""
WHITENED = "whitened"
"""The scheme of initialisation that needs pictures: see :mod:`convscope.engine.whitening`."""
BIAS_RATE, HEAD_RATE, PLAIN_MOMENTUM = 0.053, 0.67, 0.85
"""Beside Muon, by SGD: the rate of vectors for each picture of a step, of the last layer (for each picture, by the
square of its inputs), and the momentum of both (airbench, 2024)."""
ALTERNATIVES: dict[str, dict[str, Any]] = {
    "adamw": {"momentum": 0.9, "warmup": 0.2, "label_smoothing": 0.0, "init": "default", "weight_decay": 0.15},
    "sgd": {"momentum": 0.9, "warmup": 0.2, "label_smoothing": 0.0, "init": "default", "weight_decay": 5e-4},
    "muon": {"momentum": 0.6, "warmup": 0.0, "label_smoothing": 0.1, "init": WHITENED, "weight_decay": 2e-6},
}
"""What goes well with each optimiser, where nothing else is asked for."""


@dataclass(frozen=True)
class Recipe:
    """How a network is trained.

    Args:
        epochs: passes over the training pictures; None where ``time`` decides, or 10 where nothing does.
        time: seconds for everything, from reading the data to the evaluation.
        batch_size: pictures a step; None: 128, less where the data is small.
        lr: peak learning rate; None: 3e-3 for AdamW, 0.1 for SGD, both for 128 pictures a step and scaled with it.
        optimizer: ``adamw`` (Loshchilov and Hutter 2017), ``sgd`` with Nesterov momentum (Sutskever et al. 2013) or
            ``muon`` (Jordan et al. 2024), for networks of convolutions with batch norm; None: ``muon`` where the
            network was chosen for it, else ``adamw``.
        momentum: of SGD and Muon; of AdamW it is the first beta. None: as :data:`ALTERNATIVES` has it, and so the next.
        weight_decay: never on biases and normalisation; for Muon, a step and picture, on all that it leaves to SGD.
        schedule, warmup: see :func:`convscope.learning.schedule.rate`.
        label_smoothing: share of a label given to all classes alike (Szegedy et al. 2015).
        ema: decay a step of an average of the weights that is evaluated and saved in their place; 0: none.
        augment: ``none``, ``light``, ``medium`` or ``strong``, see :func:`convscope.data.image.policy.named`; ``auto``:
            by the pictures' kind and how often they are seen; also finer, as ``medium,flip=never``.
        balance: of classes with few and with many pictures: ``weights`` in the loss, or ``sampling``, which draws every
            class as often as any other; ``auto``: weights where they are very unequal, else ``none``; see
            :mod:`convscope.learning.balance`.
        memory: bytes that the process may take, or take on the GPU; None: what is free. A step that takes more is
            computed in pieces.
        patience: epochs without a better validation accuracy before the run stops; 0: never.
        precision: ``auto`` is bfloat16 where the processor computes in it, else float32.
        device: ``auto`` is the GPU where there is one.
        init: the scheme of initialisation, or ``whitened``.
        micro_batch: pictures computed at a time; a step adds up the gradients of as many as it takes. Batch norm then
            sees only these. None: the whole batch at once.
        progressive: the share of the plan that sees pictures of three quarters of the size, which costs half
            (fast.ai's DAWNBench entry, 2018). None: 0.
        tta: ``flip`` averages the scores of a picture and its mirror image, in the saved model. None: not,
            but for networks that were chosen for pictures that may be mirrored.
        freeze: of trained weights: ``all`` but the head, ``none``, or up to and including a node, by its path. None:
            all, then fine-tuning where the time allows and it helps; see :mod:`convscope.learning.transfer.run`.
        sure: the share of its answers that the model must get right, above 0 and below 1; it answers ``unknown`` where
            it is not sure enough. None: it always answers. See :mod:`convscope.model.risk_coverage`.
        checkpoint_seconds: how often the run is saved.
        seed: of all randomness.
    """

    epochs: float | None = None
    time: float | None = None
    batch_size: int | None = None
    lr: float | None = None
    optimizer: Optimizer | None = None
    momentum: float | None = None
    weight_decay: float | None = None
    schedule: Schedule = "onecycle"
    warmup: float | None = None
    label_smoothing: float | None = None
    ema: float = 0.0
    augment: str = "auto"
    balance: str = "auto"
    memory: int | None = None
    patience: int = 0
    precision: Precision = "auto"
    device: str = "auto"
    init: str | None = None
    micro_batch: int | None = None
    progressive: float | None = None
    tta: Tta | None = None
    freeze: str | None = None
    sure: float | None = None
    checkpoint_seconds: float = 15.0
    seed: int = 0

    def __post_init__(self) -> None:
        for name, choices in CHOICES.items():
            value = getattr(self, name)
            if value is not None and value not in choices:
                raise UserError(f"--{name}", f"{value!r}", ", ".join(choices), did_you_mean(str(value), choices))
        asked(self.augment)
        limits: tuple[tuple[str, float, float, str], ...] = (
            ("epochs", 1e-6, 1e6, "a number of epochs above 0"),
            ("time", 1e-3, 1e8, "a time such as 90s or 10m"),
            ("batch_size", 1, 2**20, "a whole number of at least 1"),
            ("lr", 1e-12, 1e6, "a learning rate above 0, such as 0.003"),
            ("momentum", 0, 0.9999, "from 0 up to, not including, 1"),
            ("micro_batch", 1, 2**20, "a whole number of at least 1"),
            ("progressive", 0, 0.9, "a share of the plan, from 0 to 0.9"),
            ("weight_decay", 0, 10, "from 0 to 10"),
            ("warmup", 0, 0.99, "a share of the plan, from 0 to 0.99"),
            ("label_smoothing", 0, 0.9, "from 0 to 0.9"),
            ("ema", 0, 0.99999, "a decay from 0 up to, not including, 1"),
            ("memory", 1e6, 1e15, "an amount of memory such as 2GB"),
            ("patience", 0, 1e6, "a number of epochs"),
            ("sure", 1e-6, 0.999999, "a share such as 99% or 0.99, below 100 %"),
            ("checkpoint_seconds", 0, 1e8, "seconds"),
            ("seed", 0, 2**53, "a whole number from 0"),
        )
        for name, low, high, expected in limits:
            value = getattr(self, name)
            if value is not None and not low <= value <= high:
                raise UserError(f"--{name.replace('_', '-')}", f"{value}", expected)

    def resolved(self, pictures: int, pretrained: bool = False) -> Recipe:
        """The recipe with its open values chosen for a number of training pictures; trained weights are moved less."""
        optimizer = self.optimizer or "adamw"
        batch_size = self.batch_size
        if batch_size is None and optimizer == "muon":
            batch_size = min(500, max(50, pictures // 25))
        if batch_size is None:
            # Small data wants more steps than pictures / 128 an epoch.
            batch_size = 128 if pictures >= 5000 else 64 if pictures >= 2500 else 32
        batch_size = min(batch_size, max(1, pictures))
        scale = batch_size / 128
        peak = {"sgd": 0.1 * scale, "adamw": 3e-3 * scale**0.5, "muon": 0.24 * (batch_size / 2000) ** 0.5}[optimizer]
        lr = self.lr if self.lr is not None else peak * (PRETRAINED if pretrained else 1)
        epochs = self.epochs
        if epochs is None and self.time is None:
            epochs = 10.0 if pictures >= 5000 else 30.0
        open_values = {name: value for name, value in ALTERNATIVES[optimizer].items() if getattr(self, name) is None}
        return dataclasses.replace(
            self,
            optimizer=optimizer,
            batch_size=batch_size,
            lr=lr,
            epochs=epochs,
            progressive=self.progressive or 0.0,
            tta=self.tta or "none",
            **open_values,
        )

    def pieces(self, pictures: int) -> int:
        """In how many pieces of nearly equal size a step of so many pictures is computed.

        Example:
            >>> Recipe(micro_batch=32).pieces(64), Recipe(micro_batch=32).pieces(65), Recipe().pieces(500)
            (2, 2, 1)
        """
        # A last piece of one would leave batch norm nothing to compare: rounded, not up.
        return max(1, round(pictures / (self.micro_batch or pictures)))

    @property
    def scheme(self) -> str:
        """The scheme of initialisation without what needs pictures."""
        return "identity" if self.init == WHITENED else self.init or "default"

    def to_dict(self) -> dict[str, Any]:
        """The settings as plain JSON."""
        return dataclasses.asdict(self)
