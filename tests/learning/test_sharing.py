"""How cores compute a step changes with what else runs, is written down, and is repeated by a run that goes on."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from convscope.learning import sharing
from convscope.learning.contention import Look
from convscope.learning.events import Divided, Slowed
from convscope.learning.record import divisions, forget_after
from convscope.learning.sharing import Sharing


class _Told:
    """A contention that says what a test wants, one look a step; the same for what decides and for what is said."""

    def __init__(self, *looks: Look) -> None:
        self.looks = list(looks)
        self.windows: list[float] = []

    def __call__(self) -> _Told:
        told = _Told(*self.looks)
        told.windows = self.windows
        return told

    def forget(self) -> None:
        pass

    def took(self, seconds: float, window: float) -> Look | None:
        self.windows.append(window)
        return self.looks.pop(0) if self.looks else None


QUIET, BUSY = Look(0.01, 1.0), Look(0.4, 1.2)


def _run(told: _Told, steps: int, before: list[tuple[int, bool]] | None = None, first: int = 0) -> list[object]:
    found: list[object] = []
    share = Sharing("auto", 2, before or [], told)  # type: ignore[arg-type]
    for step in range(first, first + steps):
        found += [event for event in (share.at(step), share.took(step, 0.01)) if event is not None]
    return found


def test_a_batch_is_divided_while_others_use_the_machine_and_not_after() -> None:
    told = _Told(QUIET, BUSY, BUSY, BUSY, QUIET, QUIET)
    assert _run(told, 7) == [Slowed(1, 0.4, 1.2), Divided(3, True), Divided(5, False)]


def test_one_busy_moment_changes_nothing() -> None:
    told = _Told(QUIET, BUSY, QUIET, BUSY, QUIET)
    assert not [event for event in _run(told, 9) if isinstance(event, Divided)]


def test_it_goes_back_less_and_less_often() -> None:
    told = _Told(*(BUSY, BUSY, QUIET) * 8)
    _run(told, 26)
    waits = [window for window in told.windows if window not in (sharing.QUICK, sharing.SAID)]
    assert waits == sorted(waits)
    assert waits[-1] == sharing.LONGEST


def test_what_was_decided_is_repeated_at_its_steps_and_nothing_else_until_then() -> None:
    told = _Told(*(BUSY,) * 9)
    assert _run(told, 9, [(5, False), (2, True)]) == [
        Slowed(0, 0.4, 1.2), Divided(2, True), Divided(5, False), Divided(7, True)
    ]  # fmt: skip


def test_a_run_that_goes_on_begins_as_it_was() -> None:
    assert _run(_Told(), 2, [(2, True)], first=7) == [Divided(7, True)]


@pytest.mark.parametrize(("asked", "divided"), [("shared", False), ("divided", True)])
def test_what_the_user_says_stays(asked: str, divided: bool) -> None:
    share = Sharing(asked, 2, [], _Told(BUSY, QUIET, BUSY))  # type: ignore[arg-type]
    for step in range(3):
        assert share.at(step) is None
        share.took(step, 0.01)
    assert share.divided == divided


def test_one_part_is_never_divided() -> None:
    share = Sharing("auto", 1, [], _Told(BUSY))  # type: ignore[arg-type]
    share.took(0, 0.01)
    assert share.at(1) is None


def test_what_the_log_says_outlives_the_checkpoint(tmp_path: Path) -> None:
    log = tmp_path / "metrics.jsonl"
    lines = [
        {"event": "divided", "step": 30, "divided": True},
        {"event": "stepped", "step": 40},
        {"event": "divided", "step": 10, "divided": False},
    ]
    log.write_text("".join(json.dumps(line) + "\n" for line in lines) + "{broken\n[]\n")
    assert divisions(log) == [(10, False), (30, True)]
    forget_after(log, 5)
    assert divisions(log) == [(10, False), (30, True)]
    assert "stepped" not in log.read_text()


def test_a_run_that_changed_goes_on_to_the_same_bits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Divided from the third step, killed at the sixth, resumed from the fourth: as if it had never stopped."""
    from convscope.learning import parts, train

    monkeypatch.setattr(parts, "WORTH", 1)
    monkeypatch.setattr(train, "cores", lambda: 2)
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        _changed(tmp_path, monkeypatch)
    finally:
        torch.set_num_threads(threads)


def _changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from convscope.learning import train as loop
    from convscope.learning.events import Stepped
    from convscope.learning.recipe import Recipe
    from convscope.learning.run import run
    from convscope.network.network import Network

    network = Network.parse("input 1x8x8 > conv 4 3x3 > batchnorm > relu > dropout 0.2 > flatten > linear 10")
    recipe = Recipe(epochs=1, checkpoint_seconds=0)

    def at_third(asked: str, count: int, before: list[tuple[int, bool]]) -> Sharing:
        return Sharing("auto", count, before or [(3, True)], _Told())  # type: ignore[arg-type]

    monkeypatch.setattr(loop, "Sharing", at_third)
    weights = []
    for name, stop in (("whole", None), ("killed", 6)):
        folder = tmp_path / name
        events = run("digits", folder, network, recipe)
        for event in events:
            if isinstance(event, Stepped) and event.step == stop:
                break
        events.close()
        if stop is not None:
            monkeypatch.setattr(loop, "Sharing", lambda *given: Sharing(*given, _Told()))  # type: ignore[arg-type]
            assert divisions(folder / "metrics.jsonl") == [(3, True)]
            for _ in run("", folder, resume=True):
                pass
        weights.append((folder / "model" / "weights.safetensors").read_bytes())
    assert weights[0] == weights[1]
