"""The commands as functions, with the same words."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from convscope.network import zoo
from convscope.network.memory import Dtype, Optimizer
from convscope.network.network import Network
from convscope.network.summary import Summary, summarise
from convscope.ops import Shape

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from convscope.evaluation.evaluate import Evaluated
    from convscope.inspection.look import Look
    from convscope.learning.events import Event
    from convscope.learning.run import Result
    from convscope.model.folder import Model


def _network(net: str | Network | None) -> Network | None:
    return zoo.find(net) if isinstance(net, str) else net


def describe(
    net: str | Network,
    input: Shape | None = None,  # noqa: A002
    batch: int | None = None,
    dtype: Dtype = "float32",
    optimizer: Optimizer = "adamw",
) -> Summary:
    """What a network costs, node by node; a notebook shows it as a table.

    Args:
        net: a known name, a ``.net`` file, the notation, or a :class:`~convscope.network.network.Network`.
        input: (C, H, W) in place of the network's own.
        batch: adds the memory for a batch of so many,
        dtype, optimizer: with activations in this dtype, trained by this optimiser.

    Raises:
        UserError: the network does not parse, or a shape does not fit.

    Example:
        >>> describe("lenet5").parameters
        61706
    """
    network = _network(net)
    assert network is not None
    return summarise(network.graph(input), batch, dtype, optimizer)


def training(
    data: str | Path,
    net: str | Network | None = None,
    *,
    out: str | Path,
    input: Shape | None = None,  # noqa: A002
    fit: Any = None,
    weights: str | Path | None = None,
    resume: bool = False,
    **recipe: Any,
) -> Generator[Event, None, Result | None]:
    """Train step by step: a generator of events, whose return value is the result (None where it was closed early).

    Args:
        data: ``"digits"``, a folder, a file: see the command line's DATA.
        net: as for :func:`describe`; None: the default network for these pictures.
        out: the run's folder.
        input: (C, H, W) in place of the network's or the data's.
        fit: how pictures come to that size: ``stretch``, ``crop``, ``letterbox``, ``pad``.
        weights: what to start from: a file of weights, or a name such as ``"resnet18"``.
        resume: go on with the run in ``out``.
        recipe: the fields of :class:`~convscope.learning.recipe.Recipe`: ``epochs``, ``time`` (seconds), ``lr`` ...

    Raises:
        UserError: the data, the network or a setting does not work out.

    Example:
        >>> for event in training("digits", epochs=1, out="runs/api"):  # doctest: +SKIP
        ...     print(event)
    """
    from convscope.learning.recipe import Recipe
    from convscope.learning.run import run

    return run(data, Path(out), _network(net), Recipe(**recipe), input=input, fit=fit, weights=weights, resume=resume)


def train(
    data: str | Path,
    net: str | Network | None = None,
    *,
    out: str | Path | None = None,
    report: bool = True,
    **options: Any,
) -> Result:
    """Train, measure, save, report: what ``convscope train`` does, without its display.

    Args:
        data, net: as for :func:`training`.
        out: the run's folder; None: ``runs/DATA-N``.
        report: whether to write ``report.html`` into it.
        options: as for :func:`training`.

    Returns:
        the result: ``result.model``, ``result.evaluation``, ``result.folder``.

    Raises:
        UserError: the data, the network or a setting does not work out.

    Example:
        >>> result = train("digits", epochs=1, out="runs/api")  # doctest: +SKIP
        >>> result.evaluation.top1 > 0.5  # doctest: +SKIP
        True
    """
    from convscope.cli.train import next_folder

    folder = Path(out) if out is not None else next_folder(str(data), net if isinstance(net, str) else None)
    events = training(data, net, out=folder, **options)
    while True:
        try:
            next(events)
        except StopIteration as stopped:
            result: Result = stopped.value
            break
    if report:
        from convscope.render.html.run_report import write_run_report

        write_run_report(result, folder / "report.html")
    return result


def evaluate(model: str | Path | Model, data: str | Path, split: str | None = None) -> Evaluated:
    """What a model is worth on labelled pictures; see :func:`convscope.evaluation.evaluate.evaluate`.

    Raises:
        UserError: the model or the data cannot be read.
    """
    from convscope.evaluation.evaluate import evaluate as measure
    from convscope.model.folder import Model

    return measure(model if isinstance(model, Model) else Model.load(model), data, split)


def look(model: str | Path | Model, picture: str | Path | NDArray[np.uint8]) -> Look:
    """A model on one picture, every number of it kept and open.

    Args:
        model: a model or its folder.
        picture: a file, ``DATA:NUMBER`` such as ``"digits:3"``, or uint8 (H, W, C) of the input's size.

    Raises:
        UserError: the model or the picture cannot be read.

    Example:
        >>> unit = look("runs/digits-1", "digits:3").unit("conv1[0,2,2]")  # doctest: +SKIP
        >>> unit.walk.terms[0].value, unit.value, unit.difference  # doctest: +SKIP
    """
    from convscope.inspection.find_input import find_input
    from convscope.inspection.look import look_at
    from convscope.model.folder import Model

    loaded = model if isinstance(model, Model) else Model.load(model)
    image = find_input(loaded, picture).input if isinstance(picture, (str, Path)) else picture
    return look_at(loaded, image)
