"""What a training run says while it goes: immutable values that the terminal prints and files keep."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from convscope.data.dataset import Skipped
from convscope.learning.data_stall import DataStall


@dataclass(frozen=True)
class DataPrepared:
    """The data is there: how many inputs, called ``many``, of which shape, what was left out.

    ``measured_part`` is what the data calls those that ``test`` counts, ``remark`` what was done to all of them.
    """

    data: str
    classes: tuple[str, ...]
    train: int
    val: int
    test: int
    shape: tuple[int, ...]
    skipped: tuple[Skipped, ...]
    seconds: float
    many: str = "pictures"
    measured_part: str = "test"
    remark: str = ""


@dataclass(frozen=True)
class Started:
    """The run starts from others' weights: what was adapted to the network, and what found no place in it."""

    weights: str
    adapted: tuple[str, ...]
    left_over: tuple[str, ...]


@dataclass(frozen=True)
class Decided:
    """Something was chosen for the user, and why: ``what`` it is, ``choice``, ``reason``."""

    what: str
    choice: str
    reason: str


@dataclass(frozen=True)
class Featured:
    """A frozen body's output is there for so many pictures; ``computed`` of them were computed now.

    One a block, and one at the end (``last``); ``kept`` is False where the disk did not take them.
    """

    what: str
    node: str
    done: int
    total: int
    computed: int
    seconds: float
    kept: bool = True
    last: bool = False


@dataclass(frozen=True)
class HeadTrained:
    """A linear classifier was fitted to features.

    ``accuracy`` and ``loss`` are of training pictures that were held out in turn, ``val_accuracy`` and ``val_loss``
    of the validation pictures. ``step`` is always 0: it comes before every step.
    """

    strength: float
    pictures: int
    views: int
    features: int
    accuracy: float
    loss: float
    val_accuracy: float
    val_loss: float
    seconds: float
    step: int = 0


@dataclass(frozen=True)
class Compared:
    """Fine-tuning against the head alone, on the validation pictures; losses each at its best temperature."""

    kept: str
    head_loss: float
    head_accuracy: float
    tuned_loss: float
    tuned_accuracy: float


@dataclass(frozen=True)
class Planned:
    """The schedule: so many steps of so many pictures. Comes again where --time makes the plan change.

    ``augment`` is what is varied in the pictures, in words; ``too_short`` why not even one step fits into --time,
    empty where it does.
    """

    steps: int
    epochs: float
    batch_size: int
    parameters: int
    macs: int
    precision: str
    device: str
    step_seconds: float | None = None
    augment: str = "nothing"
    too_short: str = ""


@dataclass(frozen=True)
class Slowed:
    """The machine gives the run less than it could compute with; said once.

    ``waited`` is the share of their time that its threads waited for a core, ``slower`` how many times as long a step
    takes as it did when it was quickest.
    """

    step: int
    waited: float
    slower: float

    @property
    def words(self) -> str:
        """What to say of it."""
        waited = (
            f"other programs are using the processor: training waits for a core {100 * self.waited:.0f} % of the time"
        )
        slower = f"a step takes {self.slower:.1f} times as long as before"
        if self.waited < 0.05:
            return f"the machine has become slower: {slower}"
        return f"{waited}, {slower}" if self.slower >= 1.2 else waited


@dataclass(frozen=True)
class Divided:
    """From this step on the cores divide a batch among them, or share each operation again."""

    step: int
    divided: bool


@dataclass(frozen=True)
class Resumed:
    """The run goes on from a checkpoint."""

    step: int
    epoch: int
    damaged: int = 0
    """Lines of metrics.jsonl that cannot be read any more, and are dropped."""
    fallback: str = ""
    """Why it goes on from the checkpoint before the last; empty where it is the last."""


@dataclass(frozen=True)
class Stepped:
    """One step was taken; loss and accuracy (none of numbers) are of its batch. The last of an epoch is followed by its
    end."""

    step: int
    epoch: int
    loss: float
    accuracy: float | None
    lr: float
    images: int
    last: bool = False


@dataclass(frozen=True)
class EpochEnded:
    """All training pictures were seen once more, or the plan ended.

    ``val_recall`` is the mean recall of the classes: what rare ones count in as much as frequent ones.
    ``waiting`` is the share of a step's ``step_seconds`` in which it waited for its pictures.
    """

    epoch: int
    step: int
    train_loss: float
    train_accuracy: float | None
    val_loss: float | None
    val_accuracy: float | None
    lr: float
    seconds: float
    images_per_second: float
    val_recall: float | None = None
    waiting: float = 0.0
    step_seconds: float = 0.0

    @property
    def data_bound(self) -> str:
        """What to say where pictures keep the computation waiting for more than a fifth of the time; else nothing."""
        return DataStall(1000 * self.waiting * self.step_seconds, 1000 * self.step_seconds).words


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


Event = (
    DataPrepared
    | Started
    | Decided
    | Featured
    | HeadTrained
    | Compared
    | Planned
    | Slowed
    | Divided
    | Resumed
    | Stepped
    | EpochEnded
    | Saved
    | Stopped
    | Finished
)


def to_dict(event: Event) -> dict[str, Any]:
    """An event as JSON, its kind under ``event``.

    Example:
        >>> to_dict(Saved(10, "checkpoint"))
        {'event': 'saved', 'step': 10, 'path': 'checkpoint'}
    """
    return {"event": type(event).__name__.lower(), **asdict(event)}
