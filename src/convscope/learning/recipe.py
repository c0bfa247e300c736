"""Every setting of a training run, with defaults that are good without options."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any, Literal

from convscope.data.image.policy import asked
from convscope.learning.schedule import Schedule as Schedule
from convscope.learning.setting import setting, settings_of

Optimizer = Literal["adamw", "sgd", "muon"]
Tta = Literal["none", "flip"]
TaskChoice = Literal["auto", "classes", "numbers"]
ROW_STEPS, FEW_ROW_STEPS, ROW_RATE = 400, 1500, 5e-3
"""Steps that a table is learnt for, and one of so few rows that none is held out; the peak learning rate of AdamW for
it, whatever the batch size."""
FEW_ROWS = 20
Precision = Literal["auto", "float32", "bfloat16"]
ClassBalance = Literal["auto", "none", "weights", "sampling"]
Device = Literal["auto", "cpu", "cuda"]
Threads = Literal["auto", "shared", "divided"]

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
    """How a network is trained; every field says of itself what it is (:mod:`convscope.learning.setting`).

    Command line, Python signature and ``docs/training.md`` are made of these fields: ``make tables`` after a change.

    Sources: AdamW, Loshchilov and Hutter 2017; SGD with Nesterov momentum, Sutskever et al. 2013; Muon, Jordan et al.
    2024; label smoothing, Szegedy et al. 2015; progressive resizing, fast.ai's DAWNBench entry of 2018.

    Raises:
        UserError: a value is not one of its field.

    Example:
        >>> Recipe(epochs=5, augment="medium").optimizer is None
        True
        >>> Recipe(optimizer="adam")
        Traceback (most recent call last):
        convscope.errors.UserError: --optimizer: 'adam'
          expected: adamw, sgd, muon
          hint: did you mean adamw?
    """

    epochs: float | None = setting(
        None, "Passes over the training data.", "recipe", above=0, maximum=1_000_000,
        chosen="10, or 30 for fewer than 5,000 examples; as many as fit into --time",
    )  # fmt: skip
    time: float | None = setting(
        None, "Time for everything, from reading the data to the evaluation: 90s, 2m, 1h.", "machine",
        unit="time", above=0, maximum=100_000_000, chosen="no limit",
    )  # fmt: skip
    batch_size: int | None = setting(
        None, "Examples in one step.", "recipe", minimum=1, maximum=2**20,
        chosen="128; 64 or 32 for small data; for muon a 25th of the data, from 50 to 500",
    )  # fmt: skip
    lr: float | None = setting(
        None, "Peak learning rate.", "recipe", above=0, maximum=1_000_000,
        chosen="for batch size 128, 0.003 (adamw) or 0.1 (sgd), scaled with the batch size; "
        "a tenth of it from trained weights",
    )  # fmt: skip
    optimizer: Optimizer | None = setting(
        None, "AdamW, SGD with Nesterov momentum, or Muon for convolutions with batch norm.", "recipe",
        chosen="muon if the network was chosen for it, else adamw",
    )  # fmt: skip
    momentum: float | None = setting(
        None, "Momentum of SGD and Muon; the first beta of AdamW.", "recipe", minimum=0, below=1,
        chosen="0.9; 0.6 for muon",
    )  # fmt: skip
    weight_decay: float | None = setting(
        None, "Weight decay; never on biases and normalisation.", "recipe", minimum=0, maximum=10,
        chosen="0.15 (adamw), 0.0005 (sgd), 0.000002 per step and example (muon)",
    )  # fmt: skip
    schedule: Schedule = setting("onecycle", "Learning rate schedule.", "recipe")
    warmup: float | None = setting(
        None, "Fraction of the steps in which the learning rate rises.", "recipe",
        unit="fraction", minimum=0, below=1, chosen="0.2; 0 for muon",
    )  # fmt: skip
    label_smoothing: float | None = setting(
        None, "Fraction of each label that is spread over all classes.", "recipe",
        unit="fraction", minimum=0, maximum=0.9, chosen="0; 0.1 for muon",
    )  # fmt: skip
    ema: float = setting(
        0.0, "Decay per step of the moving average of the weights, which is evaluated and saved; 0: none.", "recipe",
        minimum=0, below=1,
    )  # fmt: skip
    augment: str = setting(
        "auto", "Data augmentation: auto, none, light, medium, strong; finer: medium,flip=never.", "data",
        check=asked,
    )  # fmt: skip
    target: str | None = setting(
        None, "Tables: the column to predict.", "data",
        chosen="a column named label, class or target, else the last",
    )  # fmt: skip
    task: TaskChoice = setting(
        "auto",
        "Tables: classes, or numbers (regression); auto: numbers if many differ or have fractions.",
        "data",
    )
    balance: ClassBalance = setting(
        "auto", "Class imbalance: weights in the loss, or sampling; auto: weights if it is severe.", "data"
    )
    memory: int | None = setting(
        None, "Memory that training may use; batches that need more are split into micro-batches.", "machine",
        unit="bytes", minimum=1_000_000, maximum=10**15, chosen="what is free",
    )  # fmt: skip
    patience: int = setting(
        0, "Early stopping: epochs without a better validation accuracy; 0: never.", "recipe",
        minimum=0, maximum=1_000_000,
    )  # fmt: skip
    precision: Precision = setting("auto", "auto: bfloat16 if the hardware computes in it, else float32.", "machine")
    device: Device = setting("auto", "auto: the GPU if there is one.", "machine")
    init: str | None = setting(
        None, "Initialisation: default, kaiming, xavier, lecun, pytorch, identity, whitened, small, large, zeros.",
        "network", chosen="default; whitened for muon",
    )  # fmt: skip
    micro_batch: int | None = setting(
        None, "Examples computed at a time (gradient accumulation); batch norm sees only these.", "machine",
        minimum=1, maximum=2**20, chosen="the whole batch, less if memory is short",
    )  # fmt: skip
    threads: Threads = setting(
        "auto", "How cores share a step: by operation, or by dividing the batch; auto divides it on a busy machine.",
        "machine",
    )  # fmt: skip
    progressive: float | None = setting(
        None, "Fraction of the steps on pictures of three quarters of the size (progressive resizing).", "data",
        unit="fraction", minimum=0, maximum=0.9, chosen="0, or what the chosen network needs",
    )  # fmt: skip
    tta: Tta | None = setting(
        None, "Test-time augmentation: flip averages a picture and its mirror image.", "output",
        chosen="none, or flip if the chosen network needs it",
    )  # fmt: skip
    freeze: str | None = setting(
        None, "Pretrained layers that stay frozen: all (but the head), none, or up to a node.", "network",
        chosen="all, then fine-tuning if there is time and it helps",
    )  # fmt: skip
    sure: float | None = setting(
        None, "Accuracy required when it answers; below it the answer is unknown.", "output",
        unit="fraction", above=0, below=1, chosen="it always answers",
    )  # fmt: skip
    checkpoint_seconds: float = setting(
        15.0, "Seconds between two checkpoints.", "machine", unit="time", minimum=0, maximum=100_000_000
    )
    seed: int = setting(0, "Seed of all randomness.", "recipe", minimum=0, maximum=2**53)

    def __post_init__(self) -> None:
        for name, known in settings_of(Recipe).items():
            known.verify(getattr(self, name))

    def resolved(self, pictures: int, pretrained: bool = False, rows: bool = False) -> Recipe:
        """The recipe with its open values chosen for a number of training inputs.

        Trained weights are moved less; rows of a table are learnt for a number of steps.
        """
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
        if rows and optimizer == "adamw":
            peak = ROW_RATE
        lr = self.lr if self.lr is not None else peak * (PRETRAINED if pretrained else 1)
        epochs = self.epochs
        if epochs is None and self.time is None:
            epochs = 10.0 if pictures >= 5000 else 30.0
            if rows:
                steps = ROW_STEPS if pictures >= FEW_ROWS else FEW_ROW_STEPS
                epochs = max(epochs, float(round(steps * batch_size / max(1, pictures))))
        open_values = {name: value for name, value in ALTERNATIVES[optimizer].items() if getattr(self, name) is None}
        return dataclasses.replace(
            self,
            optimizer=optimizer,
            batch_size=batch_size,
            lr=lr,
            epochs=epochs,
            # Rows are little work: nothing is won by fewer bits.
            precision="float32" if rows and self.precision == "auto" else self.precision,
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
