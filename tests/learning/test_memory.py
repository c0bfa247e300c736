"""Memory settled before the run: as few pieces as it takes, the same step, or an error with figures."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import torch

from convscope.api import train, training
from convscope.errors import UserError
from convscope.learning import memory
from convscope.learning.choice import choose
from convscope.learning.events import DataPrepared, Decided
from convscope.learning.memory import budget, fitted, free_bytes, training_bytes
from convscope.learning.recipe import Recipe
from convscope.network.network import Network

CPU = torch.device("cpu")
WIDE = "input 1x8x8 > conv 16 3x3 padding=1 > relu > conv 16 3x3 padding=1 > relu > flatten > linear 10"
GRAPH = Network.parse("input 3x64x64 > conv 64 3x3 padding=1 > relu > globalavgpool > flatten > linear 2").graph()


@pytest.mark.parametrize("batch", [128, 100, 37])
@pytest.mark.parametrize("micro", [None, 16])
def test_as_few_pieces_as_the_memory_asks_for(batch: int, micro: int | None) -> None:
    recipe = Recipe(batch_size=batch, micro_batch=micro, precision="float32").resolved(1000)
    whole = training_bytes(GRAPH, batch, recipe, CPU)
    assert fitted(GRAPH, recipe, CPU, whole) == recipe
    for share in (0.99, 0.6, 0.3, 0.15):
        limit = max(int(whole * share), training_bytes(GRAPH, 3, Recipe(precision="float32"), CPU))
        found = fitted(GRAPH, recipe, CPU, limit)
        assert dataclasses.replace(found, micro_batch=micro) == recipe, "the step itself stays the same"
        assert training_bytes(GRAPH, batch, found, CPU) <= limit
        doubled = dataclasses.replace(found, micro_batch=2 * (found.micro_batch or 1))
        assert training_bytes(GRAPH, batch, doubled, CPU) > limit, "half as many pieces would have done"


def test_what_does_not_fit_even_two_at_a_time_is_refused_with_figures() -> None:
    recipe = Recipe(batch_size=64, precision="float32").resolved(1000)
    with pytest.raises(UserError) as caught:
        fitted(GRAPH, recipe, CPU, 10**5)
    words = str(caught.value)
    assert "even 2 pictures at a time" in words
    assert "100 kB" in words or "97.7 KiB" in words, words
    assert "--input" in caught.value.hint


def test_a_container_s_limit_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "GROUP", tmp_path)
    whole = free_bytes(CPU)
    (tmp_path / "memory.max").write_text("max\n")
    (tmp_path / "memory.current").write_text("1000\n")
    assert free_bytes(CPU) > 0.5 * whole
    (tmp_path / "memory.max").write_text("50001000\n")
    assert free_bytes(CPU) == 50_000_000
    assert budget(Recipe(), CPU) == 45_000_000


def test_a_run_says_it_in_one_line_before_it_starts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wide = WIDE.replace("conv 16", "conv 128")
    graph = Network.parse(wide).graph()
    limit = training_bytes(graph, 20, Recipe(precision="float32"), CPU)
    monkeypatch.setattr(memory, "budget", lambda recipe, device: limit)
    said = []
    for event in training("digits", wide, out=tmp_path / "run", precision="float32", batch_size=64, epochs=1):
        if isinstance(event, DataPrepared):
            break
        said.append(event)
    (found,) = (event for event in said if isinstance(event, Decided) and event.what == "memory")
    assert found.choice == "16 pictures at a time"
    assert "all 64 of a step at once would take" in found.reason


def test_pieces_give_the_gradients_of_the_whole(tmp_path: Path) -> None:
    """Without batch norm a step in pieces is the same step."""
    settings = {"epochs": 1, "batch_size": 64, "precision": "float32", "report": False, "lr": 1e-3}
    whole = train("digits", WIDE, out=tmp_path / "whole", **settings)  # type: ignore[arg-type]
    pieces = train("digits", WIDE, out=tmp_path / "pieces", micro_batch=16, **settings)  # type: ignore[arg-type]
    one, two = (result.history[-1]["train_loss"] for result in (whole, pieces))
    assert abs(one - two) < 1e-3 * one
    assert one != two


@pytest.mark.parametrize("time", [None, 600.0])
def test_photographs_are_made_smaller_where_the_memory_is_small(time: float | None) -> None:
    recipe = Recipe(time=time, precision="float32")
    resolved = recipe.resolved(900)
    chosen = []
    for limit in (10**10, 10**8, 3 * 10**7, 10**3):

        def fits(network: Network, limit: int = limit) -> bool:
            return training_bytes(network.graph(), memory.AT_A_TIME, resolved, CPU) <= limit

        found = choose((3, 375, 500), 900, 10, recipe, 250e9, fits=fits)
        assert fits(found.network) or limit == 10**3
        chosen.append(found)
    plain = choose((3, 375, 500), 900, 10, recipe, 250e9)
    assert chosen[0] == plain
    assert chosen[-1].network.input == (3, 128, 128), "what cannot fit is refused with the figures of the whole"
    small = chosen[2]
    assert small.network.input is not None
    assert small.network.input[1] < (plain.network.input or ())[1]
    assert "memory" in small.reason


@pytest.mark.slow
@pytest.mark.parametrize("amount", ["700MB", "1.2GB"])
def test_the_process_keeps_to_what_it_was_given(tmp_path: Path, amount: str) -> None:
    import subprocess
    import sys

    layers = "conv 64 3x3 padding=1 > batchnorm > relu > conv 64 3x3 > relu"
    network = f"input 3x96x96 > {layers} > globalavgpool > flatten > linear 10"
    program = (
        "import resource, sys\n"
        "from convscope.cli.entry import main\n"
        "try:\n    main(sys.argv[1:])\n"
        "finally:\n    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, file=sys.stderr)\n"
    )
    words = ["train", "digits", "--net", network, "--input", "3x96x96", "--epochs", "0.2", "--batch-size", "128"]
    words += ["--precision", "float32", "--no-report", "--memory", amount, "--out", str(tmp_path / "run")]
    done = subprocess.run([sys.executable, "-c", program, *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "pictures at a time" in done.stderr
    most = float(amount[:-2]) * {"MB": 1e6, "GB": 1e9}[amount[-2:]]
    assert int(done.stderr.split()[-1]) * 1024 < 1.1 * most
