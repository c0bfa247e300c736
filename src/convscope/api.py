"""The commands as functions, under the same words; they return values, and write nothing but a run's folder."""

from __future__ import annotations

import dataclasses
import functools
import inspect
import os
from collections.abc import Callable, Generator, Iterable, Sequence
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast, overload

from convscope.errors import UserError, did_you_mean
from convscope.files import keeping
from convscope.network import zoo as networks
from convscope.network.memory import Optimizer
from convscope.network.network import Network
from convscope.network.operation_memory import Dtype
from convscope.network.summary import Summary, summarise
from convscope.ops import Shape

if TYPE_CHECKING:
    from typing import Unpack

    import numpy as np
    from numpy.typing import ArrayLike, NDArray

    from convscope.calculation.calculation import Calculation
    from convscope.data.audit import Checked
    from convscope.data.image.decode import Fit
    from convscope.evaluation.comparison import PairedComparison
    from convscope.evaluation.evaluate import Evaluated
    from convscope.inspection.look import Look
    from convscope.learning.events import Event
    from convscope.learning.recipe_settings import RecipeSettings
    from convscope.learning.run import Result
    from convscope.model.folder import Model
    from convscope.model.predict import Predictions
    from convscope.network import published

F = TypeVar("F", bound=Callable[..., Any])


def takes_settings(function: F) -> F:
    """A function of ``**settings`` whose signature shows every setting of a recipe, and that names the nearest word.

    Raises:
        UserError: when it is called with a keyword that is none.

    Example:
        >>> train("digits", epoch=3)  # doctest: +ELLIPSIS
        Traceback (most recent call last):
        convscope.errors.UserError: train: no keyword 'epoch'
          expected: net, out, report, input, fit, weights, resume, ... or a setting of docs/training.md
          hint: did you mean epochs?
    """
    from convscope.learning.recipe import Recipe

    signature = inspect.signature(function)
    own = [one for one in signature.parameters.values() if one.kind is not inspect.Parameter.VAR_KEYWORD]
    settings = [
        inspect.Parameter(field.name, inspect.Parameter.KEYWORD_ONLY, default=field.default, annotation=field.type)
        for field in dataclasses.fields(Recipe)
    ]
    names = [one.name for one in (*own, *settings)]

    @functools.wraps(function)
    def checked(*args: Any, **keywords: Any) -> Any:
        for name in keywords:
            if name not in names:
                expected = f"{', '.join(one.name for one in own[1:])} or a setting of docs/training.md"
                raise UserError(function.__name__, f"no keyword {name!r}", expected, did_you_mean(name, names))
        return function(*args, **keywords)

    checked.__signature__ = signature.replace(parameters=[*own, *settings])  # type: ignore[attr-defined]
    return cast("F", checked)


def _network(net: str | Network) -> Network:
    return networks.find(net) if isinstance(net, str) else net


def _model(model: str | Path | Model) -> Model:
    from convscope.model.folder import Model as Folder

    return model if isinstance(model, Folder) else Folder.load(model)


# Networks


def describe(
    net: str | Network,
    input: Shape | None = None,  # noqa: A002
    batch: int | None = None,
    dtype: Dtype = "float32",
    optimizer: Optimizer = "adamw",
    classes: int | None = None,
) -> Summary:
    """What a network costs, node by node; a notebook shows it as a table.

    Args:
        net: a known name, a ``.net`` file, the notation, or a :class:`~convscope.network.network.Network`.
        input: (C, H, W) instead of the network's own.
        batch: adds the memory that a batch of this size takes,
        dtype, optimizer: with activations of this type, trained by this optimiser.
        classes: the number of outputs instead of the network's own.

    Raises:
        UserError: the network does not parse, or a shape does not fit.

    Example:
        >>> describe("lenet5").parameters, describe("lenet5", classes=3).parameters
        (61706, 61111)
    """
    network = _network(net)
    if classes is not None:
        network = network.with_classes(classes, input)
    return summarise(network.graph(input), batch, dtype, optimizer)


@overload
def zoo(reference: None = None) -> list[networks.ZooEntry]: ...
@overload
def zoo(reference: str | Path) -> list[published.PublishedComparison]: ...
def zoo(reference: str | Path | None = None) -> list[networks.ZooEntry] | list[published.PublishedComparison]:
    """The networks that are known by name.

    Args:
        reference: a CSV table of published counts: a row of it beside our counts each, instead.

    Raises:
        UserError: the table cannot be read.

    Example:
        >>> next(entry.parameters for entry in zoo() if entry.name == "resnet50")
        25557032
    """
    if reference is None:
        return networks.entries()
    from convscope.network import published
    from convscope.network.network import read_text

    return published.compare(published.read(read_text(Path(reference)), str(reference)))


def format(net: str | Path) -> str:  # noqa: A001  the command's name
    """The canonical layout of one network or several.

    Args:
        net: the notation; or the path of a file.

    Raises:
        UserError: it does not parse, or the file cannot be read.

    Example:
        >>> format("conv   6 5x5>tanh")
        'conv 6 5x5 > tanh\\n'
    """
    from convscope.network.formatter import format_statements
    from convscope.network.network import read_text
    from convscope.network.notation import parse

    text, name = (read_text(net), net.name) if isinstance(net, Path) else (net, "network")
    return format_statements(parse(text, name)[0])


def calc(
    operation: str, *values: str | ArrayLike, seed: int = 0, channels_last: bool = False, **options: Any
) -> Calculation:
    """One operation on numbers: its output, the rule of its shape, any output term by term.

    Args:
        operation: its word: ``"conv"``, ``"softmax"``.
        values: the input, then kernels, weights or labels: arrays, nested lists, or words of the command line.
        seed: of ``random`` numbers and of dropout.
        channels_last: inputs are (height, width, channels), kernels (height, width, in, out), as in TensorFlow.
        options: PyTorch's arguments of the operation: ``stride=2``, ``padding="same"``, ``bias=[0.1]``; and
            ``kernel_layout``, the order of the kernels' dimensions: ``"oihw"`` (PyTorch's, the default), ``"hwio"``
            (TensorFlow's, the default with ``channels_last``) or ``"ohwi"``; of a linear weight ``"oi"`` or ``"io"``.

    Returns:
        the calculation: ``.output``, ``.rules``, ``.walk(index)``.

    Raises:
        UserError: an unknown operation; a value or an option that does not fit.

    Example:
        >>> done = calc("conv", [[1, 2, 3], [0, 1, 5], [1, 0, 2]], [[1, 0, 1], [0, 1, 0], [1, 0, 1]])
        >>> done.output
        array([[[8.]]])
        >>> [term.result for term in done.walk((0, 0, 0)).terms][:3]
        [1.0, 0.0, 3.0]
    """
    from convscope.calculation.build import build_calculation
    from convscope.calculation.numbers import Reading

    return build_calculation(operation, values, options, Reading(seed=seed, channels_last=channels_last))


# Data and training


def check(
    data: str | os.PathLike[str],
    *,
    model: str | Path | Model | None = None,
    seed: int = 0,
    target: str | None = None,
    allow_outside: bool = False,
    skip_unreadable: bool = False,
) -> Checked:
    """What is wrong with labelled data before anything is trained on it.

    Args:
        data: as for :func:`training`.
        model: labels that it thinks wrong are found, too.
        seed: of the split that training would make.
        target: of a table of numbers, the column of the labels; None: found by its name, else the last.
        allow_outside: a table of pictures may name files outside of its own folder.
        skip_unreadable: leave out class folders that cannot be read.

    Raises:
        UserError: the data or the model cannot be read.

    Example:
        >>> check("digits").clean
        True
    """
    from convscope.data.audit import check as audit
    from convscope.data.data_path import DataPath
    from convscope.data.sources import TableColumns, open_source

    source = open_source(DataPath.of(data, allow_outside, skip_unreadable), columns=TableColumns(target))
    checked = audit(source, seed)
    if model is None:
        return checked
    from convscope.learning.label_errors import suspicious

    return checked.with_findings(suspicious(model, source, checked))


@takes_settings
def training(
    data: str | os.PathLike[str],
    net: str | Network | None = None,
    *,
    out: str | Path,
    input: Shape | None = None,  # noqa: A002
    fit: Fit | None = None,
    weights: str | Path | None = None,
    resume: bool = False,
    allow_outside: bool = False,
    skip_unreadable: bool = False,
    **settings: Unpack[RecipeSettings],
) -> Generator[Event, None, Result | None]:
    """Train step by step: a generator of events, whose return value is the result (None where it was closed early).

    Args:
        data: ``"digits"``, a folder, a file: see the command line's DATA.
        net: as for :func:`describe`; None: chosen for the data.
        out: the run's folder.
        input: (C, H, W) instead of the network's or the data's.
        fit: how pictures are resized: ``stretch``, ``crop``, ``letterbox``, ``pad``.
        weights: what to start from: a file of weights, or a name such as ``"resnet18"``.
        resume: go on with the run in ``out``.
        allow_outside, skip_unreadable: as for :func:`check`.
        settings: the fields of :class:`~convscope.learning.recipe.Recipe`: ``epochs``, ``time`` (seconds), ``lr`` ...

    Raises:
        UserError: the data, the network or a setting does not work out.

    Example:
        >>> for event in training("digits", epochs=1, out="runs/api"):  # doctest: +SKIP
        ...     print(event)
    """
    from convscope.data.data_path import DataPath
    from convscope.learning.recipe import Recipe
    from convscope.learning.run import run

    data = DataPath.of(data, allow_outside, skip_unreadable)
    network = None if net is None else _network(net)
    return run(data, Path(out), network, Recipe(**settings), input=input, fit=fit, weights=weights, resume=resume)


@takes_settings
def train(
    data: str | os.PathLike[str],
    net: str | Network | None = None,
    *,
    out: str | Path | None = None,
    report: bool = True,
    input: Shape | None = None,  # noqa: A002
    fit: Fit | None = None,
    weights: str | Path | None = None,
    resume: bool = False,
    allow_outside: bool = False,
    skip_unreadable: bool = False,
    **settings: Unpack[RecipeSettings],
) -> Result:
    """Train, evaluate, save, report: what ``convscope train`` does, without its display.

    Args:
        data, net, input, fit, weights, resume, allow_outside, skip_unreadable, settings: as for :func:`training`.
        out: the run's folder; None: ``runs/DATA-N``.
        report: whether to write ``report.html`` into it.

    Returns:
        the result: ``result.model``, ``result.evaluation``, ``result.folder``.

    Raises:
        UserError: the data, the network or a setting does not work out.

    Example:
        >>> result = train("digits", epochs=1, out="runs/api")  # doctest: +SKIP
        >>> result.evaluation.top1 > 0.5  # doctest: +SKIP
        True
    """
    from convscope.data.data_path import DataPath
    from convscope.learning.run_folder import kept_of, next_run_folder

    data = DataPath.of(data, allow_outside, skip_unreadable)
    folder = Path(out) if out is not None else next_run_folder(str(data), net if isinstance(net, str) else None)
    events = training(data, net, out=folder, input=input, fit=fit, weights=weights, resume=resume, **settings)
    while True:
        try:
            next(events)
        except StopIteration as stopped:
            result: Result = stopped.value
            break
    if report:
        from convscope.render.html.run_report import write_run_report
        from convscope.render.i18n import words

        said = words("evaluation", modality=result.model.modality.name)
        with keeping(lambda: kept_of(folder), "the report could not be written"):
            write_run_report(result, folder / "report.html", said)
    return result


# Models


def evaluate(
    model: str | Path | Model,
    data: str | os.PathLike[str],
    split: str | None = None,
    *,
    sure: float | None = None,
    allow_outside: bool = False,
    skip_unreadable: bool = False,
) -> Evaluated:
    """Evaluate a model on labelled data; see :func:`convscope.evaluation.evaluate.evaluate`.

    Args:
        model: a model or its folder.
        data, split, sure: labelled data, which part of it, an accuracy to ask for.
        allow_outside, skip_unreadable: as for :func:`check`.

    Raises:
        UserError: the model or the data cannot be read.
    """
    from convscope.data.data_path import DataPath
    from convscope.evaluation.evaluate import evaluate as measure

    return measure(_model(model), DataPath.of(data, allow_outside, skip_unreadable), split, sure=sure)


def compare(
    models: Sequence[str | Path | Model],
    data: str | os.PathLike[str],
    split: str | None = None,
    *,
    allow_outside: bool = False,
    skip_unreadable: bool = False,
) -> tuple[PairedComparison, ...]:
    """Every pair of some models on the same data: whether one is better, or the difference is chance.

    Args:
        models: two or more; their classes are matched by name.
        data, split, allow_outside, skip_unreadable: as for :func:`evaluate`.

    Returns:
        a comparison for each pair; with several, correct their ``p`` by :func:`convscope.evaluation.comparison.holm`.

    Raises:
        UserError: fewer than two models; they do not know the same classes; the data cannot be read.
    """
    from convscope.data.data_path import DataPath
    from convscope.evaluation.comparison import compare as pair

    data = DataPath.of(data, allow_outside, skip_unreadable)
    if len(models) < 2:
        raise UserError("compare", f"{len(models)} model", "two models or more")
    loaded = [_model(model) for model in models]
    names = [str(model) if isinstance(model, (str, Path)) else f"model {n}" for n, model in enumerate(models, 1)]
    pairs = combinations(range(len(models)), 2)
    return tuple(pair(loaded[i], loaded[j], data, (names[i], names[j]), split) for i, j in pairs)


def predict(
    model: str | Path | Model, files: str | Path | Iterable[str | Path], top: int = 5, sure: float | None = None
) -> Predictions:
    """Classes and probabilities of files; see :func:`convscope.model.predict.predict`.

    Args:
        model: a model or its folder.
        files: pictures, folders, globs; one or several.
        top: how many classes to name.
        sure: the accuracy required when it answers; other answers are ``unknown``.

    Raises:
        UserError: the model cannot be read, no file is named, or the model cannot be so sure.
    """
    from convscope.model.predict import predict as answer

    return answer(_model(model), [files] if isinstance(files, (str, Path)) else list(files), top, sure)


def look(
    model: str | Path | Model,
    picture: str | os.PathLike[str] | NDArray[np.uint8],
    precision: str = "float32",
    *,
    allow_outside: bool = False,
    skip_unreadable: bool = False,
) -> Look:
    """A model on one picture, every number of it kept and open.

    Args:
        model: a model or its folder.
        picture: a file, ``DATA:NUMBER`` such as ``"digits:3"``, or uint8 (H, W, C) of the input's size.
        precision: ``float32`` or ``bfloat16``.
        allow_outside, skip_unreadable: as for :func:`check`.

    Raises:
        UserError: the model or the picture cannot be read.

    Example:
        >>> unit = look("runs/digits-1", "digits:3").unit("conv1[0,2,2]")  # doctest: +SKIP
        >>> unit.walk.terms[0].value, unit.value, unit.difference  # doctest: +SKIP
    """
    from convscope.data.data_path import DataPath
    from convscope.inspection.find_input import find_input
    from convscope.inspection.look import look_at, precision_named

    chosen, loaded = precision_named(precision), _model(model)
    if isinstance(picture, (str, os.PathLike)):
        picture = find_input(loaded, DataPath.of(picture, allow_outside, skip_unreadable)).input
    return look_at(loaded, picture, chosen)
