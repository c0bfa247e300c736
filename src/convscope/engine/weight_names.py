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
    "convnext": (_convnext,),
}
