"""Imports flow downwards only, lazy ones and those for type checkers included; torch and numpy stay where they belong.

The rules are those of ``ARCHITECTURE.md``. The checker reads sources, it imports nothing; it is itself tested on
planted violations.
"""

import ast
import graphlib
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parents[1] / "src" / "convscope"

BELOW = {"errors", "files", "frozen", "lock", "printable", "seeds", "intervals", "cores", "quantities", "tables"}
MAY_IMPORT: dict[str, set[str]] = {
    "printable": set(),
    "errors": {"printable"},
    "frozen": set(),
    "files": {"errors"},
    "lock": {"errors", "files"},
    "seeds": set(),
    "intervals": set(),
    "cores": set(),
    "quantities": {"errors"},
    "tables": {"printable"},
    "ops": {"errors", "files", "frozen", "seeds"},
    "network": BELOW | {"ops"},
    "reference": BELOW | {"ops", "network"},
    "engine": BELOW | {"ops", "network"},
    "data": BELOW,
    "calculation": BELOW | {"ops", "network", "reference", "data"},
    "model": BELOW | {"ops", "network", "engine", "data"},
    "evaluation": BELOW | {"ops", "network", "engine", "data", "model"},
    "learning": BELOW | {"ops", "network", "reference", "engine", "data", "model", "evaluation"},
    "inspection": BELOW | {"ops", "network", "reference", "engine", "data", "model"},
    "render": BELOW
    | {
        "ops", "network", "reference", "engine", "data", "calculation", "model", "evaluation", "learning", "inspection",
    },
    "cli": BELOW
    | {
        "ops", "network", "reference", "engine", "data", "calculation", "model", "evaluation", "learning", "inspection",
        "render",
    },
}  # fmt: skip
"""What each layer may import of convscope beside itself; the modules beside the layers may import everything."""

NEVER_LOADS: list[tuple[str, set[str]]] = [
    ("convscope.errors", {"torch", "numpy"}),
    ("convscope.files", {"torch", "numpy"}),
    ("convscope.printable", {"torch", "numpy"}),
    ("convscope.seeds", {"torch", "numpy"}),
    ("convscope.ops", {"torch", "numpy"}),
    ("convscope.network", {"torch", "numpy"}),
    ("convscope.reference", {"torch"}),
    ("convscope.calculation", {"torch"}),
    ("convscope.data", {"torch"}),
    ("convscope.model.export", {"torch", "numpy"}),
    ("convscope.learning.recipe", {"torch", "numpy"}),
]
"""Modules, those below them included, and what they never load, not even by way of other modules of convscope."""

IN_OPS = [
    (re.compile(r"convscope\.ops\.(tensors|(\w+\.)+engine)"), {"torch", "numpy"}),
    (
        re.compile(
            r"convscope\.ops\.(arrays|functions|windows|walk|terms|opening|uses|(\w+\.)*(calculate|reference|arithmetic))"
        ),
        {"numpy"},
    ),
]
"""What an operation's arithmetic may load, in NumPy and in torch; its specification imports neither of them."""


def allowed(module: str) -> set[str]:
    """What a module of ``ops`` may load that others there may not."""
    return next((may for pattern, may in IN_OPS if pattern.fullmatch(module)), set())


EXCEPT = {
    "convscope.data.modality", "convscope.data.modalities", "convscope.data.image.modality",
    "convscope.data.image.augment", "convscope.data.image.variations", "convscope.data.image.mixing",
    "convscope.data.image.normalise", "convscope.data.image.resize",
    "convscope.data.vector.modality", "convscope.data.vector.normalise",
}  # fmt: skip
"""They work on whole batches, on the device."""

ONLY = {"errors": set(), "printable": set(), "files": set(), "seeds": set(), "ops": set(), "network": {"lark"}}
"""Layers and all that they import of others beside the standard library."""


BY_NAME = {"convscope.cli.group", "convscope.ops.registry"}
"""They import what lies beside by the file's name: that is how a command, and a facet of an operation, is found."""


@dataclass(frozen=True)
class Import:
    """One import: who, whom, where."""

    module: str
    name: str
    line: int


def modules(folder: Path = SOURCE, prefix: str = "convscope") -> dict[str, str]:
    """The source of every module by its name."""
    found = {}
    for path in sorted(folder.rglob("*.py")):
        parts = [prefix, *path.relative_to(folder).with_suffix("").parts]
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        found[name] = path.read_text(encoding="utf-8")
    return found


def imports(sources: Mapping[str, str], module: str) -> Iterator[Import]:
    """Every import of a module, wherever it stands; what is imported by a computed name is called ``?``."""
    is_package = any(other.startswith(module + ".") for other in sources)
    for node in ast.walk(ast.parse(sources[module])):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            parents = module.split(".")[: len(module.split(".")) + is_package - node.level] if node.level else []
            base = ".".join([*parents, *([node.module] if node.module else [])])
            for alias in node.names:
                below = f"{base}.{alias.name}"
                names.append(below if below in sources else base)
        elif isinstance(node, ast.Call):
            called = ast.unparse(node.func).split(".")[-1]
            if called in ("import_module", "__import__", "run_module"):
                first = node.args[0] if node.args else None
                names = [first.value if isinstance(first, ast.Constant) and isinstance(first.value, str) else "?"]
        yield from (Import(module, name, getattr(node, "lineno", 0)) for name in names)


def layer(module: str) -> str | None:
    """The layer of a module of convscope, None for those beside the layers (``convscope``, ``convscope.api``, ...)."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 and parts[1] in MAY_IMPORT else None


def violations(sources: Mapping[str, str]) -> list[str]:
    """Every import that breaks a rule, in words."""
    all_imports = {module: list(imports(sources, module)) for module in sources}
    found = [complaint for rows in all_imports.values() for row in rows for complaint in complaints(row)]
    for start, never in NEVER_LOADS:
        for module in sources:
            inside = module == start or module.startswith(start + ".")
            if inside and module not in EXCEPT:
                ways = chains(all_imports, module, never - allowed(module))
                found += [f"{module} loads {way[-1]}: {' > '.join(way)}" for way in ways]
    return found


def complaints(row: Import) -> Iterator[str]:
    """What is wrong with one import, if something is."""
    here, top = layer(row.module), row.name.split(".")[0]
    if here is None:
        return
    if row.name == "?":
        if row.module not in BY_NAME:
            yield f"{row.module}:{row.line} imports by a computed name"
    elif top == "convscope":
        there = layer(row.name)
        if there != here and there not in MAY_IMPORT[here]:
            yield f"{row.module}:{row.line} imports {row.name}"
    elif here in ONLY and top not in ONLY[here] | sys.stdlib_module_names:
        if top in allowed(row.module):
            return
        yield f"{row.module}:{row.line} imports {row.name}"


def chains(all_imports: Mapping[str, list[Import]], start: str, never: set[str]) -> Iterator[list[str]]:
    """The ways from a module to something that it should never load, one for each."""
    pending, seen = [[start]], {start}
    while pending:
        chain = pending.pop()
        for row in all_imports[chain[-1]]:
            parts = row.name.split(".")
            if parts[0] in never:
                yield [*chain, parts[0]]
                continue
            loaded = [".".join(parts[:n]) for n in range(2, len(parts) + 1)]  # the packages above it load first
            for name in loaded:
                if name in all_imports and name not in seen:
                    seen.add(name)
                    pending.append([*chain, name])


def circle(sources: Mapping[str, str]) -> list[str]:
    """Modules that import each other in a circle, the first again last; none where there is no circle."""
    reads = {
        module: {row.name for row in imports(sources, module) if row.name in sources and row.name != module}
        for module in sources
    }
    try:
        graphlib.TopologicalSorter(reads).prepare()
    except graphlib.CycleError as error:
        return list(error.args[1])
    return []


def test_no_modules_import_each_other_in_a_circle() -> None:
    """Imports inside functions and those for type checkers included."""
    assert circle(modules()) == []


@pytest.mark.parametrize("late", ["def f(): from convscope.a import x", "if TYPE_CHECKING:\n    import convscope.a"])
def test_a_planted_circle_is_seen(late: str) -> None:
    sources = {"convscope": "", "convscope.a": "from convscope.b import y", "convscope.b": "import convscope.c"}
    assert circle({**sources, "convscope.c": "import json"}) == []
    assert set(circle({**sources, "convscope.c": late})) == {"convscope.a", "convscope.b", "convscope.c"}


def test_imports_flow_downwards_only() -> None:
    assert violations(modules()) == []


def test_the_checker_sees_the_whole_package() -> None:
    sources = modules()
    assert {layer(module) for module in sources} == {*MAY_IMPORT, None}
    assert "convscope.ops.spec" in sources
    everything = [row.name for module in sources for row in imports(sources, module)]
    assert "lark.exceptions" in everything  # it stands inside a function
    assert "torch" in everything
    assert "numpy" in everything
    for start, _ in NEVER_LOADS:
        assert start in sources
    assert set(sources) >= EXCEPT


TREE = {
    "convscope": "",
    "convscope.api": "import convscope.learning.train, torch",
    "convscope.errors": "import difflib",
    "convscope.files": "from convscope.errors import UserError",
    "convscope.network": "",
    "convscope.network.tree": "from convscope.errors import UserError\nimport lark",
    "convscope.ops": "from convscope.ops.spec import Op",
    "convscope.ops.spec": "from convscope.errors import UserError",
    "convscope.ops.walk": "import numpy\nfrom convscope.ops.spec import Op",
    "convscope.ops.pooling.spec": "from convscope.ops.spec import Op",
    "convscope.ops.pooling.reference": "import numpy\nfrom convscope.ops.pooling.spec import MaxPool",
    "convscope.reference": "",
    "convscope.reference.forward": "import numpy\nfrom convscope.network.tree import Network",
    "convscope.reference.windows": "import numpy",
    "convscope.engine.module": "import torch\nfrom convscope.network import tree",
    "convscope.reference.gradient_walk": "from convscope.ops.walk import Step",
    "convscope.data": "",
    "convscope.data.dataset": "import numpy\nfrom convscope.files import write_atomically",
    "convscope.data.image.augment": "import torch",
    "convscope.model": "",
    "convscope.model.folder": "import torch\nfrom ..engine.module import M\nfrom ..data import dataset",
    "convscope.learning": "",
    "convscope.learning.train": "from convscope.model.folder import save\nfrom convscope.data.image.augment import A",
    "convscope.inspection": "",
    "convscope.inspection.look": "import torch\nfrom convscope.model.folder import load",
    "convscope.cli": "",
    "convscope.cli.group": "import click, importlib\nimportlib.import_module(name)",
    "convscope.cli.commands.train": "import click\ndef run():\n    from convscope.learning.train import train",
}
"""A small house that keeps every rule."""

PLANTED = [
    ("convscope.network.tree", "import torch", "convscope.network.tree:1 imports torch"),
    ("convscope.network.tree", "import numpy as np", "convscope.network.tree:1 imports numpy"),
    ("convscope.network.tree", "import pydantic", "imports pydantic"),
    ("convscope.network.tree", "from convscope.ops.walk import Walk", "tree > convscope.ops.walk > numpy"),
    ("convscope.ops.pooling.spec", "from convscope.ops.pooling import reference", "reference > numpy"),
    ("convscope.ops.pooling.reference", "import torch", "reference loads torch"),
    ("convscope.ops.walk", "import scipy", "convscope.ops.walk:1 imports scipy"),
    ("convscope.ops.spec", "def f():\n    import numpy.typing", "convscope.ops.spec:2 imports numpy"),
    (
        "convscope.network.tree",
        "def f():\n    from convscope.engine.module import M",
        "imports convscope.engine",
    ),
    ("convscope.network.tree", "if TYPE_CHECKING:\n    from convscope.data import dataset", "convscope.data.dataset"),
    ("convscope.network.tree", "from ..learning import train", "imports convscope.learning.train"),
    ("convscope.ops", "from ..data.dataset import D", "imports convscope.data.dataset"),
    ("convscope.network.tree", "from convscope import api", "imports convscope.api"),
    ("convscope.network.tree", "from convscope import Model", "imports convscope"),
    ("convscope.network.tree", "import convscope", "imports convscope"),
    ("convscope.network.tree", "import importlib\nimportlib.import_module('convscope.data.dataset')", "convscope.data"),
    ("convscope.network.tree", "from importlib import import_module\nimport_module(name)", "by a computed name"),
    ("convscope.network.tree", "try:\n    __import__('torch')\nexcept ImportError:\n    pass", "imports torch"),
    ("convscope.errors", "import convscope.files", "imports convscope.files"),
    ("convscope.errors", "import rich", "imports rich"),
    ("convscope.files", "import numpy", "imports numpy"),
    ("convscope.data.dataset", "from convscope.network.tree import N", "imports convscope.network.tree"),
    ("convscope.data.dataset", "from convscope.engine import module", "imports convscope.engine.module"),
    ("convscope.data.dataset", "import torch", "convscope.data.dataset loads torch"),
    (
        "convscope.data.dataset",
        "from convscope.data.image import augment",
        "dataset > convscope.data.image.augment > torch",
    ),
    ("convscope.data", "from .image.augment import A", "convscope.data > convscope.data.image.augment > torch"),
    ("convscope.engine.module", "from convscope.data.dataset import D", "imports convscope.data.dataset"),
    ("convscope.reference.forward", "import torch", "forward loads torch"),
    ("convscope.reference.forward", "import torch.nn.functional as F", "forward loads torch"),
    ("convscope.reference.forward", "from ..engine.module import M", "forward > convscope.engine.module > torch"),
    ("convscope.reference.windows", "def f():\n    import torch", "windows loads torch"),
    ("convscope.reference", "from ..engine.module import M", "> convscope.engine.module > torch"),
    ("convscope.model.folder", "def f():\n    import convscope.learning.train", "imports convscope.learning.train"),
    ("convscope.learning.train", "from convscope.cli import group", "imports convscope.cli.group"),
    ("convscope.learning.train", "import convscope.api", "imports convscope.api"),
]


def test_a_house_in_order_passes() -> None:
    assert violations(TREE) == []


@pytest.mark.parametrize(("module", "source", "told"), PLANTED, ids=[f"{m}: {s}"[:70] for m, s, _ in PLANTED])
def test_a_planted_violation_is_seen(module: str, source: str, told: str) -> None:
    planted = {**TREE, module: source}
    if module == "convscope.reference":  # a package is loaded before what is in it
        planted["convscope.reference.forward"] = "from convscope.reference.windows import slide"
    found = violations(planted)
    assert any(told in line for line in found), found
    assert all(module in line for line in found), found


LOADED = "import sys; print([m for m in ('torch', 'numpy', 'lark', 'PIL', 'rich') if m in sys.modules])"


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("import convscope", "[]"),
        ("import convscope.network.network", "[]"),
        ("import convscope.network.zoo, convscope.network.summary, convscope.network.table", "[]"),
        ("from convscope import Network; Network.parse('input 1x8x8\\nconv 4 3x3').graph().macs", "['lark']"),
        ("from convscope import Network; Network.from_json(Network.parse('input 3\\nrelu').to_json())", "['lark']"),
    ],
)
def test_a_network_needs_neither_torch_nor_numpy(statement: str, expected: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", f"{statement}; {LOADED}"], capture_output=True, text=True, check=False, timeout=300
    )
    assert done.stdout.strip() == expected, done.stderr


def test_the_reference_needs_no_torch() -> None:
    statement = "import convscope.reference.forward"
    done = subprocess.run(
        [sys.executable, "-c", f"{statement}; import sys; print('torch' in sys.modules)"],
        capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    assert done.stdout.strip() == "False", done.stderr
