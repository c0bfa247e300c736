"""What a training run says while it goes: immutable values that the terminal prints and files keep."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from convscope.data.dataset import Skipped


@dataclass(frozen=True)
class Prepared:
    """The data is there: how many pictures, of which size, what was left out."""

    data: str
    classes: tuple[str, ...]
    train: int
    val: int
    test: int
    shape: tuple[int, int, int]
    skipped: tuple[Skipped, ...]
    seconds: float


@dataclass(frozen=True)
class Started:
    """The run starts from others' weights: what was adapted to the network, and what found no place in it."""

    weights: str
    adapted: tuple[str, ...]
    left_over: tuple[str, ...]


@dataclass(frozen=True)
class Planned:
    """The schedule: so many steps of so many pictures. Comes again where --time makes the plan change."""

    steps: int
    epochs: float
    batch_size: int
    parameters: int
    macs: int
    precision: str
    device: str
    step_seconds: float | None = None


@dataclass(frozen=True)
class Resumed:
    """The run goes on from a checkpoint."""

    step: int
    epoch: int


@dataclass(frozen=True)
class Stepped:
    """One step was taken; loss and accuracy are of its batch. The last of an epoch is followed by its end."""

    step: int
    epoch: int
    loss: float
    accuracy: float
    lr: float
    images: int
    last: bool = False


@dataclass(frozen=True)
class EpochEnded:
    """All training pictures were seen once more, or the plan ended."""

    epoch: int
    step: int
    train_loss: float
    train_accuracy: float
    val_loss: float | None
    val_accuracy: float | None
    lr: float
    seconds: float
    images_per_second: float


@dataclass(frozen=True)
class Saved:
    """A checkpoint is on the disk."""

    step: int
    path: str


@dataclass(frozen=True)
class Stopped:
    """The run ended before its plan: by early stopping, or because it was asked to."""

    step: int
    reason: str


@dataclass(frozen=True)
class Finished:
    """The model is saved and measured on pictures it never saw."""

    model: str
    run: str
    metrics: dict[str, float]
    seconds: float
    images_per_second: float


Event = Prepared | Started | Planned | Resumed | Stepped | EpochEnded | Saved | Stopped | Finished


def to_dict(event: Event) -> dict[str, Any]:
    """An event as JSON, its kind under ``event``.

    Example:
        >>> to_dict(Saved(10, "checkpoint"))
        {'event': 'saved', 'step': 10, 'path': 'checkpoint'}
    """
    return {"event": type(event).__name__.lower(), **asdict(event)}
