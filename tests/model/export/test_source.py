"""Source of other frameworks: it runs without convscope, takes our weights, gives our outputs."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from examples import examples
from graph_strategies import graphs
from hypothesis import HealthCheck, given, settings
from safetensors.torch import save_file

from convscope.engine.module import GraphModule, load_state, to_module
from convscope.errors import UserError
from convscope.model.export.source import code
from convscope.model.export.source.pytorch_parts import MODULE_NAMES
from convscope.network import zoo
from convscope.network.graph import Graph
from convscope.network.network import Network
from convscope.ops import OPERATIONS, spelling

ROOT = Path(__file__).parents[3]
KERAS = ROOT / ".venv-keras" / "bin" / "python"
SMALL = {
    "alexnet": (3, 64, 64), "alexnet_2012": (3, 227, 227), "convnext_tiny": (3, 32, 32), "densenet121": (3, 32, 32),
    "efficientnet_lite0": (3, 45, 45), "googlenet": (3, 64, 64), "inception_v3": (3, 107, 107),
    "mobilenet_v3_small": (3, 32, 32), "shufflenet_v2_x0_5": (3, 32, 32),
    "lenet5": (1, 32, 32), "lenet5_1998": (1, 32, 32),
    "mnist_cnn": (1, 28, 28), "mobilenet_v1_025": (3, 32, 32), "mobilenet_v2_035": (3, 32, 32),
    "resnet18": (3, 32, 32), "resnet50": (3, 32, 32), "resnext50_32x4d": (3, 32, 32), "resnet20_cifar": (3, 32, 32),
    "seresnet50": (3, 32, 32), "squeezenet1_1": (3, 64, 64), "tinyvgg": (3, 64, 64), "vgg11_bn": (3, 32, 32),
}  # fmt: skip
FURTHER = {
    "signals": "input 2x50\nconv 8 5 stride=2 padding=2 > batchnorm > relu > maxpool 3 stride=2 padding=1 "
    "ceil_mode=yes > conv 8 3 padding=same dilation=2 groups=2 > gelu > avgpool 2 > flatten > linear 3",
    "everything": "input 3x17x19\nconv 8 3x5 padding=1x2 stride=2x1 > leakyrelu 0.2 > groupnorm 4 > "
    "conv 8 4 stride=2 padding=same > layernorm over=all > silu\n"
    "maxpool 3 stride=2 padding=1 ceil_mode=yes > hardswish > scale bias=yes > padchannels 1 2 > "
    "localresponsenorm 3 alpha=0.01\n"
    "concat { globalavgpool | globalmaxpool } > hardsigmoid > flatten > linear 7 > tanh > linear 5 bias=no > softmax",
    "vocabulary": "block unit(width, bend=0.5) { conv width 3 padding=1 > elu bend > prelu num_parameters=width }\n"
    "input 3x8x8\nunit 4 > unit 6 bend=2.0 > rmsnorm eps=0.001 > mish > selu > softplus 2.0 > clip min=-0.5 max=2 > "
    "hardsigmoid alpha=0.2 > rmsnorm over=all > prelu init=0.3 > clip > flatten > rmsnorm > linear 4 > softplus > "
    "hardsigmoid > logsoftmax",
    "moved": "input 4x9x8\npad 0 1 > conv 8 3x3 stride=2 > pad 1x0 2x3 > channelsplit 2 in_channels > "
    "channelshuffle 3 > concat { channelsplit 0 in_channels/2 > relu | "
    "channelsplit in_channels/2 in_channels > conv 3 1 } > "
    "channelshuffle 2 > flatten > linear 3",
    "pools": "input 4x13x11\navgpool 3 stride=2 padding=1 count_include_pad=no > adaptiveavgpool 4x3 > "
    "adaptivemaxpool 3x2 > maxpool 2 stride=1 padding=same > layernorm > sigmoid > flatten > linear 2",
    "uneven": "block unit(width, dilation=1) { conv width 3 padding=1x0x0x2 dilation=dilation > relu }\n"
    "input 4x13x11\nunit 6 > unit 4 dilation=2 > avgpool 3 stride=2 padding=same count_include_pad=no > "
    "avgpool 2 stride=1 padding=same > maxpool 3 stride=1 padding=0x1x2x1 > avgpool 2 stride=1 padding=1x0x0x1 > "
    "avgpool 3x2 stride=1 padding=1x0x0x1 count_include_pad=no > avgpool 2 padding=valid > flatten > linear 2",
    "causal": "block past(width, far=1, size=2) { conv width size padding=causal dilation=far > relu }\n"
    "input 2x20\npast 4 > past 4 far=2 > past 4 far=4 size=3 > conv 4 3 stride=2 padding=causal > "
    "conv 4 2 padding=0x1 > avgpool 3 stride=1 padding=same count_include_pad=no > maxpool 2 padding=1x0 > "
    "flatten > linear 2",
    "blocks": "block unit(width, size=3, inner=2*width) { conv inner size padding=(size-1)/2 > relu > conv width 1 }\n"
    "block end(lambda) { flatten > linear lambda > dropout 0.5 > linear in_channels/2 }\n"
    "input 3x8x8\nunit 4 > unit 6 size=5 inner=3 > repeat 3 { unit 4 > repeat 2 { concat { unit 2 | identity } } }\n"
    "end 10 as class > linear 3",
}


def network_of(name: str) -> Network:
    if name in FURTHER:
        return Network.parse(FURTHER[name], "further.net")
    return zoo.known(name).with_input(SMALL[name]).with_classes(5)


def randomised(graph: Any, seed: int = 3) -> dict[str, torch.Tensor]:
    """Weights and, unlike a fresh network's, statistics that matter."""
    state = to_module(graph, seed=seed).state_dict()
    draw = torch.Generator().manual_seed(seed)
    for name, value in state.items():
        if name.endswith("running_mean"):
            state[name] = 0.1 * torch.randn(value.shape, generator=draw)
        elif name.endswith("running_var"):
            state[name] = 0.5 + torch.rand(value.shape, generator=draw)
        elif value.ndim == 1:
            state[name] = value + 0.1 * torch.randn(value.shape, generator=draw)
    return {name: value.contiguous() for name, value in state.items()}


def run(source: str) -> torch.nn.Module:
    space: dict[str, Any] = {}
    exec(compile(source, "written.py", "exec"), space)
    function = source.partition("    model = ")[2].partition("(")[0]
    return space[function]()  # type: ignore[no-any-return]


def assert_same(network: Network, source: str) -> None:
    graph = network.graph()
    state = randomised(graph)
    ours = GraphModule(graph)
    load_state(ours, state)
    with torch.device("meta"):  # drawing weights that ours replace takes longer than all the rest
        theirs = run(source)
    assert {n: tuple(v.shape) for n, v in theirs.state_dict().items() if "num_batches" not in n} == {
        n: tuple(v.shape) for n, v in state.items()
    }
    theirs.load_state_dict(state, assign=True)
    x = torch.randn(2, *graph.input, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        expected, got = ours.eval()(x), theirs.eval()(x)
    if not torch.isfinite(expected).all():  # products of products of a drawn network
        return
    scale = max(float(expected.abs().max()), 1e-3)
    torch.testing.assert_close(got, expected, rtol=0, atol=1e-5 * scale)


HEAVY = ("alexnet_2012", "inception_v3", "resnext50_32x4d", "vgg11_bn")
"""Of so many weights or steps that they are computed by `make proofs`."""


@pytest.mark.parametrize(
    "name", [*(pytest.param(n, marks=[pytest.mark.slow] if n in HEAVY else []) for n in SMALL), *FURTHER]
)
def test_pytorch_gives_our_outputs(name: str) -> None:
    network = network_of(name)
    assert_same(network, code(network, "pytorch"))


@pytest.mark.parametrize("name", HEAVY)
def test_pytorch_of_heavy_networks_has_our_weights_and_shapes(name: str) -> None:
    network = network_of(name)
    with torch.device("meta"):  # shapes alone
        ours, theirs = GraphModule(network.graph()).eval(), run(code(network, "pytorch")).eval()
        assert theirs(torch.empty(2, *network.graph().input)).shape == (2, 5)
    assert {n: v.shape for n, v in theirs.state_dict().items() if "num_batches" not in n} == {
        n: v.shape for n, v in ours.state_dict().items()
    }


READ = {
    "names": "input 3x8x8\nconv 6 3x3 padding=1 as stem > relu > add { conv 6 1 | from stem } as mixed\n"
    "from input > conv 6 1 > concat { identity | from mixed | from stem > tanh } > flatten > linear 4",
    "in a block": "block cross(width) { conv width 1 as a > relu > add { batchnorm | from a } }\n"
    "input 3x8x8\ncross 4 as first > cross 6 > concat { from first | identity } > flatten > linear 3",
    "with dots": "input 3x8x8\nconv 4 1 as layer1.0 > relu as layer1.1 > mul { identity | from layer1.0 } > "
    "conv 2 1 as layer1.0.lambda > flatten > linear 3 as lambda",
}


@pytest.mark.parametrize("name", READ)
def test_names_that_are_read_give_our_outputs(name: str) -> None:
    network = Network.parse(READ[name])
    source = code(network, "pytorch")
    assert "def forward(self, x):" in source
    assert_same(network, source)
    assert_same(network, code(replace(network.graph(), structure=None), "pytorch"))
    compile(code(network, "keras"), "written.py", "exec")


@settings(max_examples=examples(40), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(graphs())
def test_any_graph_is_written_flat(graph: Graph) -> None:
    paths = [node.path for node in graph.nodes]
    if any(path.startswith(f"{other}.") for path in paths for other in paths):
        return  # a module in a module of ours
    assert_same(Network.from_graph(Graph(graph.input, graph.nodes)), code(graph, "pytorch"))
    compile(code(graph, "keras"), "written.py", "exec")


def test_a_graph_without_structure_is_one_class() -> None:
    flat = replace(zoo.known("resnet18").graph(), structure=None)
    source = code(flat, "pytorch")
    assert source.count("\ndef ") == 1
    assert "class network(nn.Module):" in source
    assert "def basic" in code("resnet18", "pytorch")


STEPS = (
    "conv {w} 3 padding=1", "conv {w} 1 bias=no", "conv {w} 3 padding=same stride={s}", "batchnorm eps=0.01", "relu",
    "gelu", "relu6", "maxpool 2 ceil_mode=yes", "maxpool 3 stride=1 padding=1", "avgpool 3 stride=1 padding=1",
    "dropout",
    "layernorm", "scale bias=yes", "padchannels 1 2", "identity", "globalavgpool", "project {w} stride={s}",
    "conv in_channels 3 padding=1 groups=in_channels", "conv 2*{w} 1", "localresponsenorm 3", "groupnorm 1",
)  # fmt: skip


def random_body(rng: random.Random, level: int, blocks: list[str], widths: list[str]) -> str:
    """Steps of any kind, nested as deep as ``level``."""
    steps = []
    for _ in range(rng.randint(1, 4)):
        kind = rng.random()
        if level and kind < 0.15:
            word = rng.choice(["add", "mul"])
            steps.append(f"{word} {{ {rng.choice(['batchnorm', 'conv in_channels 1 > relu'])} | identity }}")
        elif level and kind < 0.3:
            branches = [random_body(rng, 0, blocks, widths) for _ in range(2)]
            steps.append(f"concat {{ {branches[0]} | {branches[1]} }}")
        elif level and kind < 0.45:
            steps.append(
                f"repeat {rng.choice(['2', '3', 'depth'][: 2 + ('depth' in widths)])} {{ "
                f"{random_body(rng, level - 1, blocks, widths)} }}"
            )
        elif blocks and kind < 0.6:
            steps.append(f"{rng.choice(blocks)} {rng.choice(widths)} depth=2")
        else:
            steps.append(rng.choice(STEPS).format(w=rng.choice(widths), s=rng.choice("12")))
    return " > ".join(steps)


def random_network(seed: int) -> str:
    rng = random.Random(seed)
    lines, blocks = [], []
    for name in ("first", "second"):
        body = random_body(rng, 2, list(blocks), ["width", "2*width", "depth", "4"])
        lines.append(f"block {name}(width, depth=2, inner=2*width) {{ {body} }}")
        blocks.append(name)
    return "\n".join(["input 3x14x13", *lines, random_body(rng, 2, blocks, ["4", "6"]), "flatten > linear 3"])


@pytest.mark.parametrize("count", [60, pytest.param(200, marks=pytest.mark.slow)])
def test_random_networks_are_written_alike_or_refused(count: int) -> None:
    written = 0
    for seed in range(count):
        try:
            network = Network.parse(random_network(seed))
            graph = network.graph()
        except UserError:
            continue
        if graph.parameter_count > 500_000 or len(graph.nodes) > 300:
            continue
        compile(code(network, "keras"), "written.py", "exec")
        try:
            source = code(network, "pytorch")
        except UserError:
            continue
        assert_same(network, source)
        written += 1
    assert written > 0.15 * count


@pytest.mark.parametrize("framework", ["pytorch", "keras"])
@pytest.mark.parametrize("name", ["resnet18", "googlenet", "densenet121", "convnext_tiny", "everything", "blocks"])
def test_files_are_laid_out_and_free_of_slips(name: str, framework: str, tmp_path: Path) -> None:
    file = tmp_path / "written.py"
    file.write_text(code(network_of(name) if name in FURTHER else name, framework))
    for command in (["format", "--diff"], ["check", "--select", "E,F,I,B,UP,SIM", "--ignore", "E501"]):
        done = subprocess.run(
            [sys.executable, "-m", "ruff", command[0], "--isolated", *command[1:], str(file)],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr


def test_it_runs_where_convscope_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    source = code("lenet5")
    for name in [name for name in sys.modules if name.partition(".")[0] == "convscope"]:
        monkeypatch.setitem(sys.modules, name, None)  # an import of it fails
    with pytest.raises(ImportError):
        exec("from convscope.network import zoo", {})
    assert sum(parameter.numel() for parameter in run(source).parameters()) == 61706


def test_blocks_are_functions_and_repeats_loops() -> None:
    source = code("resnet50")
    assert "def bottleneck(in_channels, width, stride=1, inner=None, groups=1):" in source
    assert "for n in range(depth - 1):" in source
    assert source.count("nn.Conv2d") == 5  # the stem's, three of a bottleneck, the projection's
    assert "He" in source.partition("import")[0]
    assert len(source.splitlines()) < 130
    assert len(code("resnet152").splitlines()) == len(source.splitlines())


def test_every_operation_can_be_said_in_both() -> None:
    for operation in OPERATIONS.values():
        assert operation.inputs == "several" or spelling.PYTORCH.find(operation)
        assert operation.inputs == "several" or spelling.KERAS.find(operation)


def test_names_that_a_module_has_itself_are_torchs() -> None:
    own = {name for name in dir(torch.nn.Sequential()) if not name.startswith("_")}
    assert own <= MODULE_NAMES | {"T_destination"}
    with pytest.raises(UserError, match="has an attribute of this name"):
        code("input 1x8x8 > conv 4 3x3 as train > relu")


def test_a_strangers_text_stays_text() -> None:
    text = '# """\n# import os; os.system("touch pwned") \\\ninput 4\nlinear 3 as class > relu'
    for framework in ("pytorch", "keras"):
        source = code(Network.parse(text, '"; import os #.net'), framework)
        compile(source, "written.py", "exec")
        assert "'''" in source.partition("import ")[0]
    assert_same(Network.parse(text), code(Network.parse(text)))


@pytest.mark.parametrize(
    ("net", "framework", "said"),
    [
        ("input 3x9x9 > maxpool 2 dilation=2", "keras", "a maximum with dilation"),
        ("input 3x9x9 > avgpool 2 ceil_mode=yes", "keras", "a mean with ceil_mode"),
        ("input 3x9x9x9 > conv 4 3", "keras", "one or two"),
        ("input 3x9x9 > conv 4 3 dilation=2 stride=2", "keras", "stride and dilation"),
        ("input 3 > linear 2", "tensorflow", "pytorch or keras"),
        ("input 3 > linear 2", "kears", "did you mean keras"),
    ],
)
def test_what_cannot_be_said(net: str, framework: str, said: str) -> None:
    with pytest.raises(UserError, match=said):
        code(net, framework)


_RUNNER = """
import importlib.util, json, pathlib, sys
import numpy as np
folder = pathlib.Path(sys.argv[1])
found = {}
for file in sorted(folder.glob("*.py")):
    spec = importlib.util.spec_from_file_location(file.stem, file)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    model = module.build()
    module.load_weights(model, file.with_suffix(".safetensors"))
    x = np.load(file.with_suffix(".npz"))
    difference = np.abs(model.predict(x["x"], verbose=0) - x["expected"]).max()
    found[file.stem] = float(difference / np.abs(x["expected"]).max())
print(json.dumps(found))
"""


QUICK = ("lenet5", "mobilenet_v2_035", *FURTHER)


@pytest.mark.skipif(not KERAS.exists(), reason="no .venv-keras: make .venv-keras/installed")
@pytest.mark.parametrize(
    "chosen", [pytest.param(QUICK, id="some"), pytest.param((*SMALL, *FURTHER), id="all", marks=pytest.mark.slow)]
)
def test_keras_gives_our_outputs(chosen: tuple[str, ...], tmp_path: Path) -> None:
    import numpy as np

    for name in chosen:
        network = network_of(name)
        graph = network.graph()
        state = randomised(graph)
        ours = GraphModule(graph).eval()
        load_state(ours, state)
        x = torch.randn(2, *graph.input, generator=torch.Generator().manual_seed(1))
        with torch.no_grad():
            expected = ours(x)
        (tmp_path / f"{name}.py").write_text(code(network, "keras"))
        save_file(state, tmp_path / f"{name}.safetensors")
        np.savez(tmp_path / f"{name}.npz", x=x.movedim(1, -1).numpy(), expected=expected.numpy())
    command = [str(KERAS), "-c", _RUNNER, str(tmp_path)]
    environment = {"KERAS_BACKEND": "tensorflow", "TF_CPP_MIN_LOG_LEVEL": "3", "PATH": "/usr/bin:/bin"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stderr[-3000:]
    differences = json.loads(done.stdout.splitlines()[-1])
    assert set(differences) == set(chosen)
    assert {name: d for name, d in differences.items() if not d < 1e-5} == {}
