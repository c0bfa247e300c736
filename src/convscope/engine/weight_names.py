"""What others call the weights of the known networks: one map a family, from our paths to theirs.

A rule is a pattern of our paths and what stands in its place in a torchvision or timm checkpoint, where ``{1}`` is what
the first parenthesis matched and ``{1-1}`` one less. Every node with weights must be named by exactly one rule, and no
two may get one name: a test asserts it for every network of the zoo.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from convscope import ops
from convscope.network.graph import Graph, Node

Names = Callable[[Graph], Mapping[str, str]]
"""From a graph to the foreign prefix of every node that holds tensors."""


def _filled(template: str, match: re.Match[str]) -> str:
    def fill(hole: re.Match[str]) -> str:
        text = match[int(hole[1])]
        return str(int(text) + int(hole[2])) if hole[2] else text

    return re.sub(r"\{(\d)([+-]\d+)?\}", fill, template)


def rules(*pairs: tuple[str, str]) -> Names:
    """Names by the first rule whose pattern is the whole path."""
    compiled = [(re.compile(pattern), template) for pattern, template in pairs]

    def names(graph: Graph) -> Mapping[str, str]:
        found = {}
        for node in holders(graph):
            match = next(((m, t) for p, t in compiled if (m := p.fullmatch(node.path))), None)
            if match is not None:
                found[node.path] = _filled(match[1], match[0])
        return found

    return names


def holders(graph: Graph) -> list[Node]:
    """The nodes that hold tensors, auxiliary heads' included."""
    return [node for node in graph.with_heads.nodes if node.parameters or node.buffers]


def _sequential(graph: Graph) -> Mapping[str, str]:
    """``features.N`` up to the flatten and ``classifier.N`` behind it, N counting operations."""
    found, section, number = {}, "features", 0
    for node in graph.nodes:
        if isinstance(node.op, ops.Flatten):
            section, number = "classifier", 0
            continue
        if node.parameters or node.buffers:
            found[node.path] = f"{section}.{number}"
        number += 1
    return found


def _squeezenet(graph: Graph) -> Mapping[str, str]:
    """``features.N``, N counting what stands at the top level; the last convolution is ``classifier.1``."""
    parts = {"conv1": "squeeze", "concat1.a.conv1": "expand1x1", "concat1.b.conv1": "expand3x3"}
    tops = list(dict.fromkeys(node.path.split(".")[0] for node in graph.nodes))
    found = {}
    for node in holders(graph):
        top, _, rest = node.path.partition(".")
        found[node.path] = f"features.{tops.index(top)}" + (f".{parts[rest]}" if rest else "")
    last = [node.path for node in graph.nodes if isinstance(node.op, ops.Conv)][-1]
    return {**found, last: "classifier.1"}


def _numbered_blocks(graph: Graph) -> dict[str, int]:
    """The number of each inverted block by its path, in order."""
    blocks: dict[str, int] = {}
    for node in graph.nodes:
        match = re.match(r"(features\.(?:inverted|residual)\d+)", node.path)
        if match:
            blocks.setdefault(match[1], len(blocks))
    return blocks


def _mobilenet_v2(graph: Graph) -> Mapping[str, str]:
    blocks = _numbered_blocks(graph)
    within = {
        "conv1": "0.0", "batchnorm1": "0.1", "depthwise1.conv1": "1.0", "depthwise1.batchnorm1": "1.1",
        "conv2": "2", "batchnorm2": "3",
    }  # fmt: skip
    fixed = {
        "features.conv1": "features.0.0", "features.batchnorm1": "features.0.1",
        "features.depthwise1.conv1": "features.1.conv.0.0", "features.depthwise1.batchnorm1": "features.1.conv.0.1",
        "features.conv2": "features.1.conv.1", "features.batchnorm2": "features.1.conv.2",
        "features.conv3": f"features.{len(blocks) + 2}.0", "features.batchnorm3": f"features.{len(blocks) + 2}.1",
        "linear1": "classifier.1",
    }  # fmt: skip
    found = {}
    for node in holders(graph):
        if node.path in fixed:
            found[node.path] = fixed[node.path]
            continue
        block = next(path for path in blocks if node.path.startswith(path + "."))
        rest = node.path.removeprefix(f"{block}.").removeprefix("add1.a.inverted1.")
        found[node.path] = f"features.{blocks[block] + 2}.conv.{within[rest]}"
    return found


def _mobilenet_v1(graph: Graph) -> Mapping[str, str]:
    """timm's: a stage begins with every separable convolution that halves, but for the first."""
    within = {"conv1": "conv_dw", "batchnorm1": "bn1", "conv2": "conv_pw", "batchnorm2": "bn2"}
    found = {"features.conv1": "conv_stem", "features.batchnorm1": "bn1", "linear1": "classifier"}
    stage, number = 0, -1
    for node in holders(graph):
        if node.path in found:
            continue
        rest = node.path.rpartition(".")[2]
        if rest == "conv1":
            halves = isinstance(node.op, ops.Conv) and node.op.stride == 2
            stage, number = (stage + 1, 0) if halves else (stage, number + 1)
        found[node.path] = f"blocks.{stage}.{number}.{within[rest]}"
    return found


def _efficientnet_lite(graph: Graph) -> Mapping[str, str]:
    within = {
        "conv1": "conv_pw", "batchnorm1": "bn1", "depthwise1.conv1": "conv_dw", "depthwise1.batchnorm1": "bn2",
        "conv2": "conv_pwl", "batchnorm2": "bn3",
    }  # fmt: skip
    fixed = {
        "features.conv1": "conv_stem", "features.batchnorm1": "bn1",
        "features.depthwise1.conv1": "blocks.0.0.conv_dw", "features.depthwise1.batchnorm1": "blocks.0.0.bn1",
        "features.conv2": "blocks.0.0.conv_pw", "features.batchnorm2": "blocks.0.0.bn2",
        "features.conv3": "conv_head", "features.batchnorm3": "bn2", "linear1": "classifier",
    }  # fmt: skip
    found = {}
    for node in holders(graph):
        if node.path in fixed:
            found[node.path] = fixed[node.path]
        elif match := re.fullmatch(r"features\.inverted1\.(.+)", node.path):
            found[node.path] = f"blocks.6.0.{within[match[1]]}"
        elif match := re.fullmatch(r"features\.stage(\d)\.inverted1\.(.+)", node.path):
            found[node.path] = f"blocks.{match[1]}.0.{within[match[2]]}"
        elif match := re.fullmatch(r"features\.stage(\d)\.add(\d+)\.a\.inverted1\.(.+)", node.path):
            found[node.path] = f"blocks.{match[1]}.{match[2]}.{within[match[3]]}"
    return found


def _mobilenet_v3(graph: Graph) -> Mapping[str, str]:
    """torchvision's: blocks in order, and their parts in order: expansion, depthwise, excitation, projection."""
    found = {"stem1.conv1": "features.0.0", "stem1.norm1.batchnorm1": "features.0.1"}
    found |= {"head1.linear1": "classifier.0", "linear1": "classifier.3"}
    blocks: dict[str, dict[str, int]] = {}
    for node in holders(graph):
        if node.path in found:
            continue
        part, _, last = node.path.replace(".norm1.", ".").rpartition(".")
        match = re.match(r"(add\d+\.a\.)?(front|rear)(_excited)?\d+", part)
        # The first block has no expansion, and so no block of the notation; the last convolution has none either.
        block = match[0] if match else "last" if len(blocks) > 1 else "first"
        parts = blocks.setdefault(block, {})
        number = parts.setdefault(part, len(parts))
        place = f"features.{list(blocks).index(block) + 1}"
        if part.endswith(".mul1.b"):
            found[node.path] = f"{place}.block.{number}.fc{last[-1]}"
        elif block == "last":
            found[node.path] = f"{place}.{int(last == 'batchnorm1')}"
        else:
            found[node.path] = f"{place}.block.{number}.{int(last == 'batchnorm1')}"
    return found


_INCEPTION_V3 = {
    "inception_a": {"a": "branch1x1", "b": "branch5x5_{n}", "c": "branch3x3dbl_{n}", "d": "branch_pool"},
    "reduction_b": {"a": "branch3x3", "b": "branch3x3dbl_{n}"},
    "inception_c": {"a": "branch1x1", "b": "branch7x7_{n}", "c": "branch7x7dbl_{n}", "d": "branch_pool"},
    "reduction_d": {"a": "branch3x3_{n}", "b": "branch7x7x3_{n}"},
    "inception_e": {"a": "branch1x1", "b": "branch3x3_{n}", "c": "branch3x3dbl_{n}", "d": "branch_pool"},
}
"""torchvision's names of the branches, their units numbered."""


def _inception_v3(graph: Graph) -> Mapping[str, str]:
    """``Mixed_5b`` and so on in order; within a branch the units are numbered, and those side by side have letters."""
    stem = ("Conv2d_1a_3x3", "Conv2d_2a_3x3", "Conv2d_2b_3x3", "Conv2d_3b_1x1", "Conv2d_4a_3x3")
    mixed = iter(["5b", "5c", "5d", "6a", "6b", "6c", "6d", "6e", "7a", "7b", "7c"])
    blocks: dict[str, str] = {}
    numbers: dict[str, dict[str, str]] = {}
    found = {"linear1": "fc", "aux1.linear1": "AuxLogits.fc"}
    for node in holders(graph):
        if node.path in found:
            continue
        unit, _, last = node.path.rpartition(".")
        kind = "conv" if last.startswith("conv") else "bn"
        if match := re.fullmatch(r"unit(\d)", unit):
            theirs = stem[int(match[1]) - 1]
        elif match := re.fullmatch(r"aux1\.unit(\d)", unit):
            theirs = f"AuxLogits.conv{int(match[1]) - 1}"
        else:
            block, _, branch, within = unit.split(".", 3)
            theirs = blocks.get(block) or blocks.setdefault(block, f"Mixed_{next(mixed)}")
            known = numbers.setdefault(f"{block}.{branch}", {})
            wide = re.match(r"wide1\.concat1\.(\w)", within)
            number = known.setdefault(within, f"{len(known) + 1}" if wide is None else "")
            if wide is not None:
                number = f"{sum(map(bool, known.values())) + 1}{wide[1]}"
            theirs += "." + _INCEPTION_V3[block.rstrip("0123456789")][branch].format(n=number)
        found[node.path] = f"{theirs}.{kind}"
    return found


def _convnext(graph: Graph) -> Mapping[str, str]:
    within = {
        "conv1": "block.0",
        "layernorm1": "block.2",
        "conv2": "block.3",
        "conv3": "block.5",
        "scale1": "layer_scale",
    }
    found = {"linear1": "classifier.2", "layernorm1": "classifier.0"}
    stage, number = 1, 0
    for node in holders(graph):
        path = node.path
        if path in ("features.conv1", "features.layernorm1"):
            found[path] = f"features.0.{int(path.endswith('layernorm1'))}"
        elif match := re.fullmatch(r"features\.down(\d)\.(layernorm|conv)1", path):
            stage, number = 2 * int(match[1]) + 1, 0
            found[path] = f"features.{stage - 1}.{int(match[2] == 'conv')}"
        elif match := re.fullmatch(r"features\.unit(\d+)\.add1\.b\.(\w+)", path):
            found[path] = f"features.{stage}.{number}.{within[match[2]]}"
            number += match[2] == "scale1"
    return found


def _efficientnet_lite_numbered(graph: Graph) -> Mapping[str, str]:
    """The names of the first port from TensorFlow: blocks numbered through, a word for each of their parts."""
    parts = {
        "conv_pw": "_expand_conv", "conv_dw": "_depthwise_conv", "conv_pwl": "_project_conv",
        "bn1": "_bn0", "bn2": "_bn1", "bn3": "_bn2",
    }  # fmt: skip
    # The first block has no expansion: what timm calls its pointwise convolution is the projection.
    first = {"conv_dw": "_depthwise_conv", "bn1": "_bn1", "conv_pw": "_project_conv", "bn2": "_bn2"}
    fixed = {"conv_stem": "_conv_stem", "bn1": "_bn0", "conv_head": "_conv_head", "bn2": "_bn1", "classifier": "_fc"}
    numbers: dict[str, int] = {}
    found = {}
    for path, theirs in _efficientnet_lite(graph).items():
        if theirs in fixed:
            found[path] = fixed[theirs]
            continue
        block, _, part = theirs.rpartition(".")
        number = numbers.setdefault(block, len(numbers))
        found[path] = f"_blocks.{number}.{(parts if number else first)[part]}"
    return found


_RESNET = rules(
    (r"stem1\.conv1", "conv1"),
    (r"stem1\.batchnorm1", "bn1"),
    (r"layer(\d)\.\w+?(\d+)\.add1\.a\.conv(\d)", "layer{1}.{2-1}.conv{3}"),
    (r"layer(\d)\.\w+?(\d+)\.add1\.a\.batchnorm(\d)", "layer{1}.{2-1}.bn{3}"),
    (r"layer(\d)\.\w+?(\d+)\.add1\.b\.project1\.conv", "layer{1}.{2-1}.downsample.0"),
    (r"layer(\d)\.\w+?(\d+)\.add1\.b\.project1\.batchnorm", "layer{1}.{2-1}.downsample.1"),
    (r"layer(\d)\.\w+?(\d+)\.add1\.a\.excite1\.mul1\.b\.conv(\d)", "layer{1}.{2-1}.se.fc{3}"),
    (r"linear1", "fc"),
)
_SHUFFLENET_UNIT = r"body1\.stage(\d)\.unit(\d+)\.concat1\.b\."
_SHUFFLENET_DOWN = r"body1\.stage(\d)\.down1\.concat1\."
_SHUFFLENET = rules(
    (r"body1\.conv1", "conv1.0"),
    (r"body1\.batchnorm1", "conv1.1"),
    (r"body1\.pointwise1\.conv1", "conv5.0"),
    (r"body1\.pointwise1\.batchnorm1", "conv5.1"),
    *(
        (f"{path}{part}{last}", f"{theirs}.{number + (last == 'batchnorm1')}")
        for path, theirs, parts in (
            (_SHUFFLENET_DOWN + r"a\.", "stage{1}.0.branch1", {r"depthwise1\.": 0, r"pointwise1\.": 2}),
            (
                _SHUFFLENET_DOWN + r"b\.",
                "stage{1}.0.branch2",
                {r"pointwise1\.": 0, r"depthwise1\.": 3, r"pointwise2\.": 5},
            ),
            (
                _SHUFFLENET_UNIT,
                "stage{1}.{2}.branch2",
                {r"pointwise1\.": 0, r"depthwise1\.": 3, r"pointwise2\.": 5},
            ),
        )
        for part, number in parts.items()
        for last in ("conv1", "batchnorm1")
    ),
    (r"linear1", "fc"),
)
_DENSENET_STEM = (
    (r"features\.conv1", "features.conv0"),
    (r"features\.batchnorm1", "features.norm0"),
)
_DENSENET_REST = (
    (r"features\.transition(\d)\.conv1", "features.transition{1}.conv"),
    (r"features\.transition(\d)\.batchnorm1", "features.transition{1}.norm"),
    (r"features\.batchnorm2", "features.norm5"),
    (r"linear1", "classifier"),
)
_DENSE = r"features\.dense_block(\d)\.dense(\d+)\.concat1\.b\."

NAMES: Mapping[str, tuple[Names, ...]] = {
    "resnet": (_RESNET,),
    "seresnet": (_RESNET,),
    "resnet_cifar": (
        rules(
            (r"conv1", "conv1"),
            (r"batchnorm1", "bn1"),
            # The first of layer 2 and 3 is a halving one, and the basic ones behind it are counted from 1 again.
            (r"layer1\.basic(\d+)\.add1\.a\.conv(\d)", "layer1.{1-1}.conv{2}"),
            (r"layer1\.basic(\d+)\.add1\.a\.batchnorm(\d)", "layer1.{1-1}.bn{2}"),
            (r"layer(\d)\.halving1\.add1\.a\.conv(\d)", "layer{1}.0.conv{2}"),
            (r"layer(\d)\.halving1\.add1\.a\.batchnorm(\d)", "layer{1}.0.bn{2}"),
            (r"layer(\d)\.basic(\d+)\.add1\.a\.conv(\d)", "layer{1}.{2}.conv{3}"),
            (r"layer(\d)\.basic(\d+)\.add1\.a\.batchnorm(\d)", "layer{1}.{2}.bn{3}"),
            (r"linear1", "linear"),
        ),
    ),
    "densenet": tuple(
        rules(
            *_DENSENET_STEM,
            (_DENSE + r"conv(\d)", "features.denseblock{1}.denselayer{2}.conv" + dot + "{3}"),
            (_DENSE + r"batchnorm(\d)", "features.denseblock{1}.denselayer{2}.norm" + dot + "{3}"),
            *_DENSENET_REST,
        )
        # The published files still have the dot of an early torchvision, which its present module leaves out.
        for dot in ("", ".")
    ),
    "googlenet": (
        rules(
            (r"(conv\d)\.conv1", "{1}.conv"),
            (r"(conv\d)\.batchnorm1", "{1}.bn"),
            (r"(inception\w+)\.concat1\.a\.unit1\.conv1", "{1}.branch1.conv"),
            (r"(inception\w+)\.concat1\.a\.unit1\.batchnorm1", "{1}.branch1.bn"),
            (r"(inception\w+)\.concat1\.b\.unit(\d)\.conv1", "{1}.branch2.{2-1}.conv"),
            (r"(inception\w+)\.concat1\.b\.unit(\d)\.batchnorm1", "{1}.branch2.{2-1}.bn"),
            (r"(inception\w+)\.concat1\.c\.unit(\d)\.conv1", "{1}.branch3.{2-1}.conv"),
            (r"(inception\w+)\.concat1\.c\.unit(\d)\.batchnorm1", "{1}.branch3.{2-1}.bn"),
            (r"(inception\w+)\.concat1\.d\.unit1\.conv1", "{1}.branch4.1.conv"),
            (r"(inception\w+)\.concat1\.d\.unit1\.batchnorm1", "{1}.branch4.1.bn"),
            (r"(aux\d)\.side1\.unit1\.conv1", "{1}.conv.conv"),
            (r"(aux\d)\.side1\.unit1\.batchnorm1", "{1}.conv.bn"),
            (r"(aux\d)\.side1\.linear1", "{1}.fc1"),
            (r"(aux\d)\.linear1", "{1}.fc2"),
            (r"linear1", "fc"),
        ),
    ),
    "vgg": (_sequential,),
    "alexnet": (_sequential,),
    "squeezenet": (_squeezenet,),
    "mobilenet_v1": (_mobilenet_v1,),
    "mobilenet_v2": (_mobilenet_v2,),
    "efficientnet_lite": (_efficientnet_lite, _efficientnet_lite_numbered),
    "mobilenet_v3": (_mobilenet_v3,),
    "shufflenet_v2": (_SHUFFLENET,),
    "inception_v3": (_inception_v3,),
    "convnext": (_convnext,),
}
