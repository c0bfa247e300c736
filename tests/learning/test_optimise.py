"""Which weight learns how: groups, rates, and what is kept still."""

from __future__ import annotations

import torch

from convscope.engine.module import GraphModule
from convscope.learning.optimise import LISTENS, first_conv, freeze_for, make_optimizer, scale_free, set_rate
from convscope.learning.recipe import Recipe
from convscope.network import zoo
from convscope.network.network import Network


def _names(module: GraphModule, optimizer: torch.optim.Optimizer) -> list[set[str]]:
    names = {id(parameter): name for name, parameter in module.named_parameters()}
    return [{names[id(parameter)] for parameter in group["params"]} for group in optimizer.param_groups]


def test_muon_turns_what_a_normalisation_follows_and_nothing_else() -> None:
    module = GraphModule(zoo.known("airbench94").graph())
    recipe = Recipe(optimizer="muon").resolved(50_000)
    freeze_for(module, recipe)
    optimizer = make_optimizer(module, recipe)
    groups = _names(module, optimizer)
    assert groups[0] == {f"halve{n}.conv{m}.weight" for n in (1, 2, 3) for m in (1, 2)}
    assert groups[1] == {f"halve{n}.batchnorm{m}.bias" for n in (1, 2, 3) for m in (1, 2)}
    assert {"conv1.bias"} in groups
    assert {"linear1.weight"} in groups
    still = {name for name, parameter in module.named_parameters() if not parameter.requires_grad}
    assert still == {"conv1.weight", *(f"halve{n}.batchnorm{m}.weight" for n in (1, 2, 3) for m in (1, 2))}
    assert sum(map(len, groups)) + len(still) == len(list(module.parameters()))


def test_weights_before_a_shortcut_keep_their_length() -> None:
    text = """input 3x8x8
conv 4 3x3 padding=1 > relu
add { conv 4 3x3 padding=1 > batchnorm | conv 4 1x1 } > relu
conv 4 3x3 groups=4 > batchnorm > relu > conv 4 3x3 > maxpool 2 > batchnorm > flatten > linear 2"""
    assert scale_free(Network.parse(text).graph()) == {"add1.a.conv1.weight", "conv3.weight"}


def test_the_first_layer_listens_for_a_while() -> None:
    module = GraphModule(zoo.known("airbench94").graph())
    optimizer = make_optimizer(module, recipe := Recipe(optimizer="muon").resolved(50_000))
    assert recipe.lr is not None
    bias = module.get_parameter("conv1.bias")
    group = next(group for group in optimizer.param_groups if "until" in group)
    set_rate(optimizer, 0.8, LISTENS / 2)
    assert (group["lr"], bias.requires_grad) == (group["peak"] / 2, True)
    assert optimizer.param_groups[0]["lr"] == 0.8 * recipe.lr
    set_rate(optimizer, 0.5, LISTENS)
    assert (group["lr"], bias.requires_grad) == (0, False)


def test_only_a_convolution_that_reads_the_input_is_first() -> None:
    assert first_conv(zoo.known("lenet5").graph()).path == "conv1"  # type: ignore[union-attr]
    assert first_conv(Network.parse("input 3x4x4\nmaxpool 2 > conv 2 1x1 > flatten > linear 2").graph()) is None


def test_an_old_recipe_means_what_it_meant() -> None:
    adamw, sgd = Recipe().resolved(50_000), Recipe(optimizer="sgd").resolved(50_000)
    assert (adamw.optimizer, adamw.momentum, adamw.weight_decay, adamw.warmup) == ("adamw", 0.9, 0.15, 0.2)
    assert (adamw.label_smoothing, adamw.init, adamw.tta, adamw.progressive) == (0.0, "default", "none", 0.0)
    assert (sgd.weight_decay, sgd.lr) == (5e-4, 0.1)
    assert Recipe(optimizer="muon", momentum=0.5, init="kaiming").resolved(100).init == "kaiming"
