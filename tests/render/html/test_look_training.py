import re

import numpy as np
import pytest

from convscope.errors import UserError
from convscope.inspection.training_step import training_step
from convscope.network.address import Address
from convscope.ops.words import key_of
from convscope.reference.gradient_walk import chain
from convscope.render.html.look_training import steepest, training
from convscope.render.html.numerals import shown
from convscope.render.i18n import page_words

EVERYTHING = """input 2x12x12
conv 4 3x3 padding=1 > batchnorm > relu > conv 4 3x3 padding=1 > gelu > localresponsenorm 3 > maxpool 2
add { conv 4 1x1 > groupnorm 2 > silu | identity } > hardswish > leakyrelu
mul { identity | globalavgpool > conv 4 1x1 > hardsigmoid } > layernorm > relu6 > avgpool 2
concat { identity | conv 3 1x1 > tanh } > flatten > linear 6 > sigmoid > dropout 0.5 > linear 3
"""


@pytest.fixture(scope="module")
def step(seen):
    return training_step(seen("lenet5"), labels=3, lr=0.1, training=False)


def number(text):
    return float(text.replace("−", "-"))


def test_the_weights_of_first_middle_and_last_layer_are_opened(step):
    found = steepest(step)
    assert [address.path for address in found] == ["conv1", "linear1", "linear3"]
    for address in found:
        gradient = np.abs(step.backpropagation.parameters[f"{address.path}.weight"])
        assert gradient[address.index] == gradient.max()


def test_loss_update_and_gradient_are_the_steps(step):
    html = training(step)
    assert "&lt;" not in html  # nothing that is HTML was escaped
    assert shown(step.loss_before, 6) in html
    assert shown(step.loss_after, 6) in html
    for address in steepest(step):
        update = step.open(address).update
        assert f"{shown(update.before, 6)} → {shown(update.after, 6)}" in html
    rows = re.findall(r'<tr class="won">(.*?)</tr>', html)
    assert f">{shown(float(step.loss_of().gradient_K[3]), 4)}<" in rows[0]


def test_the_terms_add_up_to_the_gradient(step):
    html = training(step, ["conv1.weight[0,0,2,2]"])
    table = html.split('scope="col" class="number"><span class="en" lang="en">times')[1].split("</table>")[0]
    cells = [number(text) for text in re.findall(r'<td class="number">([^<]+)</td></tr>', table)]
    assert len(cells) == 8 + 1 + 1
    assert sum(cells[:-1]) == pytest.approx(cells[-1], rel=1e-3)
    assert cells[-1] == pytest.approx(step.open("conv1.weight[0,0,2,2]").value, rel=1e-4)


def test_the_chain_multiplies_up(step):
    html = training(step, ["conv1[2,5,5]"])
    table = html.split("product so far")[1].split("</table>")[0]
    pairs = re.findall(r'<td class="number">([^<]+)</td><td class="number">([^<]+)</td></tr>', table)
    running = 1.0
    for factor, product in pairs:
        running *= number(factor)
        assert number(product) == pytest.approx(running, rel=5e-3)
    assert running == pytest.approx(chain(step.backpropagation, Address("conv1", (2, 5, 5))).along, rel=5e-3)


def test_every_derivative_has_a_name_in_every_language(seen):
    step = training_step(seen(EVERYTHING), labels=1, training=True)
    way_names, operand_names, kinds = set(), set(), set()
    graph = step.model.module.graph
    generator = np.random.default_rng(0)
    addresses = [Address(n.path, tuple(int(generator.integers(k)) for k in n.shape)) for n in graph.nodes]
    addresses += [
        Address(node.path, tuple(int(generator.integers(k)) for k in shape), name)
        for node in graph.nodes
        for name, shape in node.parameters.items()
    ]
    for address in addresses:
        way = step.open(address).way
        for link in way.links:
            kinds.add(link.kind)
            way_names |= {one.name for one in link.steps}
            operand_names |= {operand.name for one in link.steps for operand in one.operands}
    assert len(kinds) > 6
    assert {f"factor {kind}" for kind in kinds} <= page_words("en").keys()
    assert {key_of("step", name)[0] for name in way_names} <= page_words("en").keys()
    assert {key_of("operand", name)[0] for name in operand_names} <= page_words("en").keys()


def test_an_unknown_weight_is_the_users_mistake(step):
    with pytest.raises(UserError, match="conv9"):
        training(step, ["conv9.weight[0]"])


@pytest.mark.parametrize(("network", "named"), [("linear 3", "softmax"), ("linear 1", "sigmoid")])
def test_a_page_has_one_probability_the_calibrated_one(seen, network, named):
    look = seen(
        f"input 1x8x8\nconv 2 3x3 > relu > flatten > {network}", ("a", "b", "c") if "3" in network else ("a", "b")
    )
    plain = training(training_step(look, labels=1, training=False))
    look.model.facts["temperature"] = 2.5
    step = training_step(look, labels=1, training=False)
    html = training(step)
    assert ">probability<" in plain
    assert ">probability<" not in html
    assert "확률</span>" not in html
    assert f">{named}<" in html
    assert f">{named}<" not in plain
    assert "divided by the temperature, 2.500" in html
    assert abs(float(step.loss_of().predictions_K[-1]) - look.probabilities[-1]) > 1e-3  # they do differ
