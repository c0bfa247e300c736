"""Plain PyTorch of any graph as one class: every operation a module of the node's name, every edge a variable."""

from __future__ import annotations

import keyword

from convscope import ops
from convscope.errors import UserError
from convscope.model.export.source.python import INDENT, allowed, assign, docstring, render
from convscope.model.export.source.pytorch_operations import WrittenInPyTorch
from convscope.model.export.source.pytorch_operations import spell as spell_operation
from convscope.model.export.source.pytorch_parts import MODULE_NAMES, whole_file
from convscope.network.graph import INPUT, Graph, Node
from convscope.ops.spelling import Call, Code, Helper, call


def write_class(graph: Graph, title: list[str], name: str) -> str:
    """One class: every operation a module of the node's name, every edge a variable."""
    name = allowed(name)
    parts: set[str] = set()
    helpers: set[Helper] = set()
    variables = _variables(graph)
    made: list[str] = []
    calls: list[str] = []
    paths = {node.path for node in graph.nodes if node.op.inputs != "several"}

    def below(node: Node) -> int:
        """How many modules' names its own begins with: they are made before it."""
        return sum(node.path.startswith(f"{path}.") for path in paths)

    for node in sorted(graph.nodes, key=below):
        if node.op.inputs != "several":
            word = node.path.split(".")[0]
            if word in MODULE_NAMES:
                raise UserError(node.path, "torch.nn.Module has an attribute of this name", "another name after as")
            code = spell_operation(WrittenInPyTorch(node.op, {}, node.input_shapes[0][0], helpers=helpers), node)
            if node.path.isidentifier() and not keyword.iskeyword(node.path):
                made.append(assign(f"self.{node.path}", code, 2))
            else:
                parts.add("place")
                made.append(f"{INDENT * 2}{render(call('place', 'self', _text(node.path), code), 2)}")
    for node in graph.nodes:
        reads = [variables[path] for path in node.inputs]
        if node.op.inputs == "several":
            signs = {ops.Add: " + ", ops.Mul: " * "}
            value: Code = (
                call("torch.cat", Call("", tuple(("", read) for read in reads), "[", "]"), dim="1")
                if isinstance(node.op, ops.Concat)
                else signs[type(node.op)].join(reads)
            )
        else:
            plain = node.path.isidentifier() and not keyword.iskeyword(node.path)
            module = f"self.{node.path}" if plain else f"self.get_submodule({_text(node.path)})"
            value = f"{module}({reads[0]})"
        calls.append(assign(variables[node.path], value, 2))
    if any(isinstance(node.op, ops.Concat) for node in graph.nodes):
        parts.add("torch")
    main = "\n".join(
        [
            f"class {name}(nn.Module):",
            docstring([f"The network, for inputs of {ops.spell_shape(graph.input)}."], 1),
            "",
            f"{INDENT}def __init__(self):",
            f"{INDENT * 2}super().__init__()",
            *made,
            "",
            f"{INDENT}def forward(self, x):",
            *calls,
            f"{INDENT * 2}return {variables[graph.output.path]}",
        ]
    )
    return whole_file(title, name, parts, helpers, [main])


def _text(name: str) -> str:
    return f'"{name}"'


def _variables(graph: Graph) -> dict[str, str]:
    """A Python name for every node's output, each another."""
    found, taken = {INPUT: "x"}, {"x", "self"}
    for node in graph.nodes:
        name = base = allowed(node.path.replace(".", "_"))
        number = 1
        while name in taken:
            number += 1
            name = f"{base}_{number}"
        taken.add(name)
        found[node.path] = name
    return found
