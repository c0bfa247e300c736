"""Events as something to watch: a live line on a terminal, a line an epoch elsewhere. Written to standard error."""

from __future__ import annotations

import time
from collections.abc import Callable

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn
from rich.text import Text

from convscope.learning.events import (
    Compared,
    DataPrepared,
    Decided,
    EpochEnded,
    Event,
    Featured,
    HeadTrained,
    Planned,
    Resumed,
    Slowed,
    Started,
    Stepped,
    Stopped,
)
from convscope.network.table import bytes_text
from convscope.ops import spell_shape
from convscope.printable import printable
from convscope.quantities import millions

MOST_LINES = 30
"""Epochs that are told a line each; of more every second, third, ... is."""
MOST_SKIPPED = 5
"""Skipped files that are named; the others are counted."""


def duration(seconds: float) -> str:
    """Seconds for people.

    Example:
        >>> duration(8.25), duration(75), duration(4000)
        ('8.2 s', '1 min 15 s', '1 h 06 min')
    """
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes = int(seconds) // 60
    return f"{minutes} min {int(seconds) % 60} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02} min"


class _Left(ProgressColumn):
    """Time left, from the pace so far."""

    def render(self, task: Task) -> Text:
        left = task.fields.get("left")
        return Text("" if left is None else f"{duration(left)} left", style="cyan")


class Watch:
    """Shows events as they come; use it as a context manager around the loop."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.live = Progress(
            TextColumn("{task.description}", markup=False), BarColumn(bar_width=24),
            TextColumn("{task.fields[numbers]}", markup=False), _Left(),
            console=console, transient=True, disable=not console.is_terminal,
        )  # fmt: skip
        self.task = self.live.add_task("", total=None, numbers="", left=None, visible=False)
        self.begun = time.monotonic()
        self.first_step = 0
        self.steps, self.epochs = 0, 0.0
        self.shown = 0.0
        self.bound = False
        self.pace_of = "images"
        self.loss, self.accuracy, self.pace = 0.0, 0.0, 0.0

    def __enter__(self) -> Watch:
        self.live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.live.stop()

    def decoding(self) -> Callable[[int, int], None]:
        """A callback that shows how many pictures are decoded."""

        def show(done: int, total: int) -> None:
            self.live.update(
                self.task,
                description="decoding",
                total=total,
                completed=done,
                numbers=f"{done:,} of {total:,}",
                visible=True,
            )

        return show

    def counting(self) -> Callable[[str, int, int], None]:
        """A callback that shows what is being done, and how much of it is."""

        def show(what: str, done: int, total: int) -> None:
            self.live.update(
                self.task,
                description=what,
                total=total,
                completed=done,
                numbers=f"{done:,} of {total:,}",
                visible=True,
            )

        return show

    def show(self, event: Event) -> None:
        """One event."""
        if isinstance(event, Stepped):
            self._stepped(event)
        elif isinstance(event, DataPrepared):
            self._prepared(event)
        elif isinstance(event, Started):
            self._started(event)
        elif isinstance(event, Decided):
            self._say(f"{event.what}: {event.choice} ({event.reason})")
        elif isinstance(event, Featured):
            self._featured(event)
        elif isinstance(event, HeadTrained):
            self._head_trained(event)
        elif isinstance(event, Compared):
            self._say(
                f"{event.kept} is kept: validation loss {event.head_loss:.3f} with the head alone "
                f"(accuracy {100 * event.head_accuracy:.1f} %), {event.tuned_loss:.3f} fine-tuned "
                f"({100 * event.tuned_accuracy:.1f} %)"
            )
        elif isinstance(event, Planned):
            self._planned(event)
        elif isinstance(event, Slowed):
            self._say(f"  {event.words}", style="yellow")
        elif isinstance(event, Resumed):
            self._resumed(event)
        elif isinstance(event, EpochEnded):
            self._epoch_ended(event)
        elif isinstance(event, Stopped):
            self._say(f"stopped after step {event.step:,}: {event.reason}")

    def _resumed(self, event: Resumed) -> None:
        self._say(f"resumed after step {event.step:,}, {event.epoch} epochs done")
        if event.fallback:
            self._say(f"  from the checkpoint before the last: {event.fallback}", style="yellow")
        if event.damaged:
            self._say(f"  dropped: {event.damaged:,} damaged lines of metrics.jsonl", style="yellow")

    def _say(self, text: str, style: str | None = None, markup: bool = False) -> None:
        self.console.print(printable(text), style=style, highlight=False, markup=markup, soft_wrap=True)

    def _prepared(self, event: DataPrepared) -> None:
        self.pace_of = "images" if event.many == "pictures" else event.many
        what = f"{len(event.classes)} classes" if event.classes else "regression"
        drawn, own = (" held out of train", " from val") if event.measured_part == "val" else ("", "")
        self._say(
            f"{event.data}: {event.train:,} {event.many} to train on, {event.val:,}{drawn} to validate, "
            f"{event.test:,}{own} to test; {what}; {spell_shape(event.shape)} ({duration(event.seconds)})"
        )
        if event.remark:
            self._say(event.remark)
        for skipped in event.skipped[:MOST_SKIPPED]:
            self._say(f"  left out: {skipped.file}: {skipped.reason}", style="yellow", markup=False)
        if len(event.skipped) > MOST_SKIPPED:
            self._say(f"  left out: {len(event.skipped) - MOST_SKIPPED:,} more", style="yellow")

    def downloading(self) -> Callable[[int, int | None], None]:
        """A callback that shows how much of a file has come."""

        def show(done: int, total: int | None) -> None:
            of = "" if total is None else f" of {bytes_text(total)}"
            numbers = f"{bytes_text(done)}{of}"
            self.live.update(
                self.task, description="downloading", total=total, completed=done, numbers=numbers, visible=True
            )

        return show

    def _started(self, event: Started) -> None:
        self._say(f"from the weights {event.weights}")
        for sentence in event.adapted:
            self._say(f"  adapted: {sentence}")
        if event.left_over:
            more = f" and {len(event.left_over) - MOST_SKIPPED:,} more" if len(event.left_over) > MOST_SKIPPED else ""
            self._say(f"  unused weights: {', '.join(event.left_over[:MOST_SKIPPED])}{more}", style="yellow")

    def _featured(self, event: Featured) -> None:
        numbers = f"{event.done:,} of {event.total:,}"
        self.live.update(
            self.task,
            description=printable(event.what),
            total=event.total,
            completed=event.done,
            numbers=numbers,
            visible=True,
        )
        if not event.last:
            return
        cached = event.done - event.computed
        said = [f"{event.computed:,} computed in {duration(event.seconds)}"] if event.computed else []
        said += [f"{cached:,} from the cache"] if cached else []
        said += [] if event.kept else ["they could not be written to the cache"]
        self._say(f"{event.what}, features at {event.node}: {', '.join(said)}")

    def _head_trained(self, event: HeadTrained) -> None:
        mirrored = " and their mirror images" if event.views > 1 else ""
        self._say(
            f"a linear head on {event.features:,} features of {event.pictures:,} pictures{mirrored} "
            f"({duration(event.seconds)}): cross-validated accuracy {100 * event.accuracy:.1f} %, "
            f"val {event.val_loss:.3f} {100 * event.val_accuracy:6.2f} %"
        )

    def _planned(self, event: Planned) -> None:
        if event.too_short:
            self._say(f"--time is too short: {event.too_short}; one step is taken", style="yellow")
        if self.steps == 0:
            self._say(
                f"{event.parameters:,} parameters, {millions(event.macs)} MACs per example; {event.epochs:g} epochs, "
                f"{event.steps:,} step{'' if event.steps == 1 else 's'} of {event.batch_size} in {event.precision} "
                f"on {event.device}",
            )
            if event.augment != "nothing":
                self._say(f"augmentation: {event.augment}")
        self.steps, self.epochs = event.steps, event.epochs
        self.live.update(self.task, total=event.steps, visible=True)

    def _stepped(self, event: Stepped) -> None:
        now = time.monotonic()
        if self.first_step == 0:
            self.first_step, self.begun = event.step, now
        weight = 0.05
        self.loss += (event.loss - self.loss) * (weight if self.loss else 1)
        if event.accuracy is not None:
            self.accuracy += (event.accuracy - self.accuracy) * (weight if self.accuracy else 1)
        self.pace += event.images
        if now - self.shown < 0.1:
            return
        self.shown = now
        took = max(1e-9, now - self.begun)
        taken = event.step - self.first_step
        left = took / taken * (self.steps - event.step) if taken >= 5 else None
        accuracy = "" if event.accuracy is None else f"accuracy {100 * self.accuracy:.1f} %  "
        numbers = f"loss {self.loss:.3f}  {accuracy}{self.pace / took:,.0f} {self.pace_of}/s"
        self.live.update(
            self.task, description=f"epoch {event.epoch}", completed=event.step, numbers=numbers, left=left
        )

    def _epoch_ended(self, event: EpochEnded) -> None:
        # Of hundreds of short epochs a line each would bury the rest.
        every = max(1, round(self.epochs / MOST_LINES))
        if event.epoch % every and event.step < self.steps:
            return
        val = ""
        if event.val_loss is not None:
            val = f"   val {event.val_loss:.3f}"
            val += "" if event.val_accuracy is None else f" {100 * event.val_accuracy:6.2f} %"
        accuracy = "" if event.train_accuracy is None else f" {100 * event.train_accuracy:6.2f} %"
        self._say(
            f"epoch {event.epoch:3}   loss {event.train_loss:.3f}{accuracy}{val}   "
            f"lr {event.lr:.5f}   {event.images_per_second:,.0f} {self.pace_of}/s"
        )
        if event.data_bound and not self.bound:
            self._say(f"  {event.data_bound}: reading and augmenting the data is the bottleneck", style="yellow")
        self.bound = bool(event.data_bound)
