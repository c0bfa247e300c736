"""The keywords of ``convscope.train`` with their types: made of Recipe's fields by `make tables`."""

from __future__ import annotations

from typing import TypedDict

from convscope.learning.recipe import ClassBalance, Device, Optimizer, Precision, Schedule, TaskChoice, Threads, Tta


class RecipeSettings(TypedDict, total=False):
    """Every setting of :class:`~convscope.learning.recipe.Recipe`."""

    epochs: float | None
    time: float | None
    batch_size: int | None
    lr: float | None
    optimizer: Optimizer | None
    momentum: float | None
    weight_decay: float | None
    schedule: Schedule
    warmup: float | None
    label_smoothing: float | None
    ema: float
    augment: str
    target: str | None
    task: TaskChoice
    balance: ClassBalance
    memory: int | None
    patience: int
    precision: Precision
    device: Device
    init: str | None
    micro_batch: int | None
    threads: Threads
    progressive: float | None
    tta: Tta | None
    freeze: str | None
    sure: float | None
    checkpoint_seconds: float
    seed: int
