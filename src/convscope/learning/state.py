"""The one mutable thing: a run between two steps, and its exact image as tensors and numbers."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

from convscope.engine.inference import laid_out
from convscope.engine.initialise import initialise
from convscope.engine.module import GraphModule, load_state
from convscope.engine.workers import cores
from convscope.errors import UserError
from convscope.learning.optimise import Average, freeze_for, make_optimizer
from convscope.learning.recipe import Recipe
from convscope.learning.schedule import SMALL_SIDE
from convscope.network.graph import Graph
from convscope.ops import Misfit, spell_shape


@dataclass
class Sums:
    """Loss and hits since the epoch began."""

    loss: float = 0.0
    hits: int = 0
    images: int = 0
    seconds: float = 0.0
    waiting: float = 0.0
    """Of the seconds, those in which batches were made, and nothing was computed with them."""
    steps: int = 0


@dataclass
class TrainingState:
    """A run between two steps: everything that the next step depends on, so that saving it is resuming it."""

    graph: Graph
    recipe: Recipe
    module: GraphModule
    optimizer: torch.optim.Optimizer
    average: Average | None
    steps: int = 0
    """Of the plan; 0 while there is none."""
    augmented_for: float = 0.0
    """Epochs of the plan as it was first made, by which what is varied in pictures was chosen."""
    step: int = 0
    """Steps taken."""
    sums: Sums = field(default_factory=Sums)
    history: list[dict[str, Any]] = field(default_factory=list)
    best_accuracy: float = -1.0
    best_epoch: int = 0
    seconds: float = 0.0
    """Spent in this run before now, earlier sittings included."""
    images: int = 0
    """Trained on in all."""
    small: GraphModule | None = None
    """The same weights for the smaller pictures that a progressive plan begins with."""
    at_once: int = 0
    """Pieces of a step that are computed at the same time; 0: not yet settled."""
    parts: int = 0
    """Into which a batch can be divided among cores; 0: not yet settled."""
    divided: list[tuple[int, bool]] = field(default_factory=list)
    """From which step on it was, or was not; see :mod:`convscope.learning.sharing`."""
    still: tuple[str, ...] = ()
    """Paths of nodes that are in evaluation mode while the others are trained: what keeps its statistics."""

    @property
    def is_small(self) -> bool:
        """Whether the next step sees small pictures."""
        return self.small is not None and self.step < (self.recipe.progressive or 0.0) * self.steps

    def at_present(self) -> GraphModule:
        """The module that the next step trains."""
        return self.small if self.small is not None and self.is_small else self.module

    def to_train(self) -> None:
        """Put the module into training mode, but for what keeps still."""
        self.module.train()
        for path in self.still:
            self.module.get_submodule(path).eval()

    def evaluated(self) -> Mapping[str, torch.Tensor]:
        """The weights that are evaluated and saved: the average's where there is one."""
        state = self.average.state if self.average is not None else self.module.state_dict()
        aside = tuple(f"{node.path}." for head in self.graph.heads for node in head.nodes)
        return {name: value for name, value in state.items() if not name.startswith(aside)} if aside else state


def begin(
    graph: Graph, recipe: Recipe, device: torch.device, start: Mapping[str, torch.Tensor] | None = None
) -> TrainingState:
    """A new run: initialised weights or those of ``start``, a fresh optimiser, no step taken."""
    module = GraphModule(graph.with_heads)
    load_state(module, initialise(graph.with_heads, recipe.scheme, recipe.seed) if start is None else start)
    module = laid_out(module, device)
    freeze_for(module, recipe)
    average = Average(module, recipe.ema) if recipe.ema else None
    small = _small(module) if recipe.progressive else None
    return TrainingState(graph, recipe, module, make_optimizer(module, recipe), average, small=small)


def _small(module: GraphModule) -> GraphModule:
    """The module for smaller pictures, with the very same tensors.

    Raises:
        UserError: the number of weights depends on the pictures' size.
    """
    channels, *sides = module.graph.input
    size = (channels, *(max(1, round(side * SMALL_SIDE)) for side in sides))
    try:
        graph = module.graph.at(size)
    except Misfit as misfit:
        raise UserError(
            "--progressive", f"the network does not fit pictures of {spell_shape(size)}: {misfit}"
        ) from None
    for node in graph.nodes:
        whole = module.graph.by_path[node.path].parameters
        if node.parameters != whole:
            raise UserError(
                "--progressive",
                f"{node.path} has other weights for pictures of {spell_shape(size)}",
                "a network of any size, which pools all places into one before its linear layer",
            )
    small = GraphModule(graph)
    small.share(module)
    return small


def to_tensors(state: TrainingState) -> tuple[dict[str, torch.Tensor], dict[str, str]]:
    """The run as named tensors and text, for one safetensors file."""
    tensors = {f"module/{name}": value for name, value in state.module.state_dict().items()}
    if state.average is not None:
        tensors |= {f"average/{name}": value for name, value in state.average.state.items()}
    names = _parameter_names(state)
    for index, entry in state.optimizer.state_dict()["state"].items():
        for key, value in entry.items():
            if isinstance(value, torch.Tensor):
                tensors[f"optimizer/{names[index]}/{key}"] = value
    numbers = {
        "steps": state.steps,
        "augmented_for": state.augmented_for,
        "step": state.step,
        "sums": vars(state.sums),
        "history": state.history,
        "best_accuracy": state.best_accuracy,
        "best_epoch": state.best_epoch,
        "seconds": state.seconds,
        "images": state.images,
        "threads": cores(),
        "at_once": state.at_once,
        "parts": state.parts,
        "divided": state.divided,
    }
    return {name: value.detach().cpu().contiguous() for name, value in tensors.items()}, {"run": json.dumps(numbers)}


def restore(state: TrainingState, tensors: Mapping[str, torch.Tensor], text: Mapping[str, str]) -> int:
    """Put a saved run back into a fresh state of the same graph and recipe; returns the threads it ran with.

    Raises:
        UserError: the checkpoint is of another network or recipe.
    """
    try:
        state.module.load_state_dict(_under(tensors, "module/"))
        if state.average is not None:
            state.average.load(_under(tensors, "average/"))
        _restore_optimizer(state, _under(tensors, "optimizer/"))
        numbers = json.loads(text["run"])
    except (RuntimeError, KeyError, ValueError) as error:
        raise UserError(
            "checkpoint",
            "it is of another network or recipe",
            "the run's own settings",
            "start anew with another --out",
        ) from error
    state.sums = Sums(**numbers["sums"])
    state.augmented_for = numbers.get("augmented_for", 0.0)
    state.at_once, state.parts = numbers.get("at_once", 1), numbers.get("parts", 0)
    state.divided = [(int(step), bool(divided)) for step, divided in numbers.get("divided", [])]
    for name in ("steps", "step", "history", "best_accuracy", "best_epoch", "seconds", "images"):
        setattr(state, name, numbers[name])
    return int(numbers["threads"])


def _under(tensors: Mapping[str, torch.Tensor], prefix: str) -> dict[str, torch.Tensor]:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}


def _parameter_names(state: TrainingState) -> list[str]:
    """Parameter names in the order of the optimiser's state."""
    names = {id(p): name for name, p in state.module.named_parameters()}
    return [names[id(p)] for group in state.optimizer.param_groups for p in group["params"]]


def _restore_optimizer(state: TrainingState, saved: Mapping[str, torch.Tensor]) -> None:
    entries: dict[int, dict[str, torch.Tensor]] = {}
    for index, name in enumerate(_parameter_names(state)):
        parameter: nn.Parameter = state.module.get_parameter(name)
        keys = {key.removeprefix(f"{name}/"): value for key, value in saved.items() if key.startswith(f"{name}/")}
        # Moments take their weight's memory layout: the next step's sums then run in the same order.
        entries[index] = {
            key: value.to(memory_format=torch.channels_last)
            if value.ndim == 4 and parameter.is_contiguous(memory_format=torch.channels_last)
            else value
            for key, value in keys.items()
        }
    if any(entries.values()):
        document = state.optimizer.state_dict()
        state.optimizer.load_state_dict({"state": entries, "param_groups": document["param_groups"]})
