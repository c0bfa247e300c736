"""The model folder: network, weights, what to do to an input, class names, what it is worth. No pickle."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.torch
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError

from convscope.data.dataset import Inputs, Preprocess
from convscope.data.modalities import MODALITIES, modality_of, read_preprocess
from convscope.data.modality import Modality, Normalisation
from convscope.engine.inference import NodeFunction, compute, laid_out, prepare
from convscope.engine.module import GraphModule
from convscope.errors import UserError
from convscope.files import make_folder, read_regular, refuse_special, write_atomically
from convscope.lock import held
from convscope.model.bounds import check_activations, check_weights, finite
from convscope.model.facts import check_facts, check_inputs, check_target, parse
from convscope.model.predict import Predictions, predict
from convscope.model.risk_coverage import RiskCoverageCurve, Threshold, chosen
from convscope.model.saved_files import KEY, checked_file, hashes, replace_files
from convscope.model.task import Regression, Task, task_of
from convscope.network.graph import Graph
from convscope.network.network import Network
from convscope.network.plan import scores_path
from convscope.ops import OPERATIONS, spell_shape
from convscope.printable import json_printable, markdown, printable, printable_lines

VERSION, READS = 2, (1, 2)
"""The format that is written, and those that are read. 2: the notation reads names, operations are listed."""
NETWORK, WEIGHTS, FACTS, README = "network.net", "weights.safetensors", "model.json", "README.md"


@dataclass(frozen=True)
class Model:
    """A network with weights that knows its input and its classes.

    Args:
        graph: the network, with its input and number of classes.
        module: the network's arithmetic with the weights, in evaluation mode.
        classes: the names of the outputs.
        preprocess: how inputs are stored.
        normalise: makes the network's input of them.
        facts: metrics, training data's fingerprint, seed, versions; plain JSON.

    Example:
        >>> model = Model.load("runs/digits-1/model")  # doctest: +SKIP
        >>> model.predict(["a.png"])[0].name  # doctest: +SKIP
        '7'
    """

    graph: Graph
    module: GraphModule = field(repr=False, compare=False)
    classes: tuple[str, ...]
    preprocess: Preprocess
    normalise: Normalisation
    facts: Mapping[str, Any] = field(default_factory=dict)

    @functools.cached_property
    def network(self) -> Network:
        """The graph as a person reads it: what ``network.net`` holds.

        Raises:
            UserError: the notation cannot say the graph.
        """
        return Network.from_graph(self.graph)

    @property
    def modality(self) -> Modality:
        """What kind of input it reads."""
        return modality_of(self.preprocess)

    @property
    def task(self) -> Task:
        """What the network is asked for."""
        return task_of(self.module.graph, self.classes, self.facts.get("task"))

    @property
    def temperature(self) -> float:
        """What scores are divided by before softmax, so that probabilities mean what they say; 1 until calibrated."""
        return float(self.facts.get("temperature", 1.0))

    @property
    def scores_path(self) -> str:
        """The node whose output is the scores, before any last softmax."""
        return scores_path(self.module.graph)

    @property
    def tta(self) -> str:
        """The other view of inputs that scores are averaged over: ``flip``, a picture's mirror image; else ``none``."""
        return str(self.facts.get("tta", "none"))

    @property
    def curve(self) -> RiskCoverageCurve | None:
        """How sure answers must be to be right how often, on pictures that it has not learnt; None: never measured.

        Raises:
            UserError: the entry is damaged.
        """
        entry = (self.facts.get("calibration") or {}).get("curve")
        try:
            return None if entry is None else RiskCoverageCurve.from_dict(entry)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise UserError(FACTS, f"the entry calibration is wrong: {error}"[:200]) from None

    def threshold(self, sure: float | None = None) -> Threshold | None:
        """Below which probability the answer is ``unknown``; None: it always answers.

        Args:
            sure: the accuracy that its answers must have; None: what the model was trained with.

        Raises:
            UserError: there was no validation set, or it is too small to support that accuracy.
        """
        stated = self.facts.get("sure") if sure is None else sure
        if stated is None:
            return None
        curve = self.curve
        if curve is None:
            got = "this model was never evaluated on data that it was not trained on"
            raise UserError("--sure", got, "a model that convscope train made from data with a validation set")
        if sure is None and curve.threshold(float(stated)) is None:
            # What the training was asked for and could not have: nothing is sure enough.
            return Threshold(float(stated), float("inf"), 0, 0, curve.count)
        return chosen(curve, float(stated))

    def prepared(self) -> NodeFunction:
        """The scores as a function of inputs, weights folded once, for :meth:`scores` called many times.

        It computes in float32: in bfloat16 a probability moved by up to 0.12, and 25 of 1,500 answers changed.
        """
        return prepare(self.module, self.normalise)

    def scores(
        self,
        inputs_N: Inputs,
        prepared: NodeFunction | None = None,
        precision: torch.dtype | None = torch.float32,
        checked: bool = True,
    ) -> torch.Tensor:
        """Scores (N, K), before softmax and temperature, of stored inputs; of one output for two classes 0 and the
        output, of a number the standardised prediction.

        Args:
            inputs_N: as :attr:`preprocess` stores them.
            prepared: of :meth:`prepared`, to compute these few at once in the calling thread; None: all that there
                are, on all cores.
            precision: of the arithmetic where nothing is prepared, see :func:`convscope.engine.inference.prepare`.
            checked: refuse what is not finite; a training measures and saves whatever it ended in.

        Raises:
            UserError: they are of another shape, or what comes out is not finite.
        """
        stored = self.preprocess.stored
        if inputs_N.shape[1:] != stored:
            expected = f"N x {' x '.join(map(str, stored))}, {self.preprocess.dtype}"
            raise UserError(self.modality.many, f"an array of {spell_shape(inputs_N.shape)}", expected)
        scores_of = prepared or partial(compute, self.module, normalise=self.normalise, precision=precision)

        def of(view_N: Inputs) -> torch.Tensor:
            scores = scores_of(view_N)
            return finite(scores, self.module, self.normalise, view_N) if checked else scores

        scores = of(inputs_N)
        if self.tta != "none":
            scores = (scores + of(self.modality.view(self.tta, inputs_N))) / 2
        return self.task.class_scores(scores)

    def probabilities(self, inputs_N: Inputs, prepared: NodeFunction | None = None) -> NDArray[np.float64]:
        """Class probabilities (N, K) of stored inputs; ``prepared`` as in :meth:`scores`.

        Raises:
            UserError: they are of another shape.
        """
        scores = self.scores(inputs_N, prepared)
        return torch.softmax(scores.double() / self.temperature, 1).numpy()

    def numbers(self, inputs_N: Inputs, prepared: NodeFunction | None = None) -> NDArray[np.float64]:
        """Predicted numbers (N) in the target's unit, of a model whose task is regression."""
        task = self.task
        assert isinstance(task, Regression)
        return task.values(self.scores(inputs_N, prepared))

    def predict(self, files: Sequence[str | Path], top: int = 5) -> Predictions:
        """Classes and probabilities of picture files; see :func:`convscope.model.predict.predict`."""
        return predict(self, files, top)

    def save(self, folder: str | Path) -> Path:
        """Write the model folder; over an older model, the old one or the new one is there at every moment.

        Raises:
            UserError: the folder cannot be written to, or another process is saving there.
        """
        folder = make_folder(Path(folder))
        state = {name: value.detach().cpu().contiguous() for name, value in self.module.state_dict().items()}
        files = {WEIGHTS: safetensors.torch.save(state), NETWORK: self.network.text().encode()}
        document = _json({**self._document(), KEY: hashes(files)}) + "\n"
        with held(folder, "saves a model"):
            replace_files(folder, files, (FACTS, document.encode()), _saved_hashes(folder / FACTS))
            write_atomically(folder / README, _readme(self).encode())
        return folder

    def _document(self) -> dict[str, Any]:
        return {
            "convscope": VERSION,
            "operations": sorted({node.op.word for node in self.graph.nodes}),
            "classes": list(self.classes),
            "preprocess": self.preprocess.to_dict(),
            "normalise": self.normalise.to_dict(),
            **{
                key: value
                for key, value in self.facts.items()
                if key not in ("convscope", "operations", "classes", KEY)
            },
        }

    @classmethod
    def load(cls, folder: str | Path) -> Model:
        """Read a model folder, or a run folder that holds one. Nothing in it is executed.

        Raises:
            UserError: a file is missing or damaged, or the weights are of another network.
        """
        folder = _model_folder(Path(folder))
        document = _document_of(folder / FACTS)
        _all_loaded(document, folder / FACTS)
        network, weights = (checked_file(folder, name, document.get(KEY), FACTS) for name in (NETWORK, WEIGHTS))
        graph = Network.load(network).graph()
        try:
            check_inputs(document, graph.input)
            check_target(document)
            classes = tuple(map(printable, document["classes"]))
            preprocess = read_preprocess(document["preprocess"])
            modality = MODALITIES[preprocess.modality]
            normalise = modality.normalisation(document["normalise"])
            check_facts(document, modality, task_of(graph, classes, document.get("task")).kind)
        except UserError as error:
            raise UserError(str(folder / FACTS), error.got, error.expected) from None
        except (KeyError, TypeError, ValueError) as error:
            raise UserError(str(folder / FACTS), f"the entry preprocess is wrong: {error}"[:200]) from None
        check_weights(graph, weights)
        check_activations(graph, str(network))
        module = GraphModule(graph)
        _load_weights(module, weights)
        used = ("convscope", "operations", "classes", "preprocess", "normalise", KEY)
        facts = {key: value for key, value in document.items() if key not in used}
        return cls(graph, laid_out(module).eval(), classes, preprocess, normalise, facts)

    def __reduce__(self) -> tuple[Any, ...]:
        """To another process: the weights as they are in a folder, the rest as values."""
        state = {name: value.detach().cpu().contiguous() for name, value in self.module.state_dict().items()}
        values = (self.classes, self.preprocess, self.normalise, dict(self.facts))
        return _unpickled, (self.graph, self.module.graph, safetensors.torch.save(state), *values)

    def _repr_html_(self) -> str:
        return self.network._repr_html_()


def _unpickled(graph: Graph, computed: Graph, weights: bytes, *values: Any) -> Model:
    module = GraphModule(computed)
    module.load_state_dict(safetensors.torch.load(weights))
    return Model(graph, laid_out(module).eval(), *values)


def _json(document: Mapping[str, Any]) -> str:
    return json_printable(json.dumps(document, indent=2, ensure_ascii=False))


def _saved_hashes(path: Path) -> Mapping[str, Any]:
    """Of the model that is there; empty where there is none that can be read, or one without hashes."""
    try:
        found = _document_of(path).get(KEY)
    except UserError:
        return {}
    return {name: found.get(name) for name in (NETWORK, WEIGHTS)} if isinstance(found, dict) else {}


def _model_folder(folder: Path) -> Path:
    for place in (folder, folder / "model"):
        refuse_special(place)
        refuse_special(place / FACTS)
        if (place / FACTS).is_file():
            return place
    if not folder.exists():
        raise UserError(str(folder), "there is no such folder", "a model folder, as convscope train writes it")
    got = "this is a file" if folder.is_file() else f"there is no {FACTS} in it"
    hint = "the run was not finished: convscope train --resume goes on" if (folder / "settings.json").exists() else ""
    raise UserError(str(folder), got, "a model folder, as convscope train writes it", hint)


def _document_of(path: Path) -> dict[str, Any]:
    try:
        document = parse(read_regular(path).decode("utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise UserError(str(path), f"it cannot be read: {error}"[:200]) from None
    if not isinstance(document, dict) or document.get("convscope") not in READS:
        expected = f'"convscope": {" or ".join(map(str, READS))}'
        raise UserError(str(path), "it is not a model of this version", expected)
    return document


def _all_loaded(document: Mapping[str, Any], path: Path) -> None:
    """Refuse a model with an operation that nobody has loaded: a folder names it and never loads code."""
    words = document.get("operations", [])
    if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
        raise UserError(str(path), "the entry operations is wrong", "a list of words")
    missing = [word for word in words if word not in OPERATIONS]
    if missing:
        listed = ", ".join(repr(word[:40]) for word in missing[:5])
        raise UserError(
            str(path),
            f"the model has operations that are not loaded: {listed}",
            "every operation loaded before the model; a model folder never loads code",
            f"convscope.ops.load(FILE) with the file that defines {missing[0][:40]}, or install the package that does",
        )


def _load_weights(module: GraphModule, path: Path) -> None:
    try:
        weights = safetensors.torch.load(read_regular(path))
    except (OSError, SafetensorError) as error:
        raise UserError(str(path), f"the weights cannot be read: {error}"[:200]) from None
    module.load_state_dict(weights)


def _readme(model: Model) -> str:
    metrics = model.facts.get("metrics", {})
    pre = model.preprocess
    shown = ", ".join(map(markdown, model.classes[:20])) + (" ..." if len(model.classes) > 20 else "")
    lines = [
        f"# A classifier of {len(model.classes)} classes"
        if model.classes
        else f"# A model of {markdown(str(model.task.to_dict()['target']))}",
        "",
        f"Classes: {shown}." if model.classes else "It predicts a number.",
        f"Input: {' x '.join(map(str, pre.shape))}, {pre.words()}.",
    ]
    if "top1" in metrics:
        low, high = metrics["interval"]
        lines.append(
            f"Accuracy {100 * metrics['top1']:.1f} % on {metrics['count']:,} {model.modality.many} "
            f"({100 * low:.1f} to {100 * high:.1f} % with 95 % confidence)."
        )
    calibration = model.facts.get("calibration") or {}
    if not calibration.get("fitted", True):
        curve = calibration["curve"]
        lines.append(f"Its confidence is not calibrated: {curve['count']} {curve['of']} are too few for that.")
    lines += [
        "",
        f"    convscope predict THIS_FOLDER {'PICTURE...' if model.modality.one == 'picture' else 'TABLE'}",
        "    convscope evaluate THIS_FOLDER DATA",
        "",
        f"`{NETWORK}` is the network, `{WEIGHTS}` its numbers, `{FACTS}` all else. Nothing here is ever executed.",
        "",
        "    " + printable_lines(model.network.text().rstrip()).replace("\n", "\n    "),
        "",
    ]
    return "\n".join(lines)
