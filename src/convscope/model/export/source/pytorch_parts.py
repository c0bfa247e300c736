"""A file of plain PyTorch around what is written: its head, and the helpers that it uses, nothing it does not."""

from __future__ import annotations

from convscope.model.export.source.python import docstring
from convscope.ops.spelling import Helper

_NAMED = '''def named(**modules):
    """Modules one after the other, each under its name."""
    return nn.Sequential(OrderedDict(modules))'''

_MERGE = '''class {cls}(nn.Module):
    """Branches that start at one value, {what}."""

    def __init__(self, **branches):
        super().__init__()
        for name, branch in branches.items():
            self.add_module(name, branch)

    def forward(self, x):
        return {how}'''

_PROJECT = '''def project(in_channels, out_channels, stride=1):
    """The identity where shapes agree, else a 1x1 convolution with batch norm."""
    if in_channels == out_channels and stride == 1:
        return nn.Identity()
    return named(
        conv=nn.Conv{rank}d(in_channels, out_channels, 1, stride=stride, bias=False),
        batchnorm=nn.BatchNorm{rank}d(out_channels),
    )'''

_PLACE = '''def place(root, path, module):
    """Put a module at a path with dots, so that the state_dict has its name."""
    *parents, name = path.split(".")
    for parent in parents:
        if parent not in dict(root.named_children()):
            root.add_module(parent, nn.Module())
        root = getattr(root, parent)
    root.add_module(name, module)'''

_REDUCE = ("import functools", "import operator")
_BRANCHES = "[branch(x) for branch in self.children()]"

HELPERS = (
    Helper("named", _NAMED, ("from collections import OrderedDict",), 10),
    Helper(
        "add",
        _MERGE.format(cls="Add", what="summed", how=f"functools.reduce(operator.add, {_BRANCHES})"),
        _REDUCE,
        20,
    ),
    Helper(
        "mul",
        _MERGE.format(cls="Mul", what="multiplied", how=f"functools.reduce(operator.mul, {_BRANCHES})"),
        _REDUCE,
        21,
    ),
    Helper(
        "concat",
        _MERGE.format(cls="Concat", what="their channels joined", how=f"torch.cat({_BRANCHES}, dim=1)"),
        ("import torch",),
        22,
    ),
    *(Helper(f"project{rank}", _PROJECT.format(rank=rank), (), 30) for rank in (1, 2, 3)),
    Helper("place", _PLACE, (), 900),
    Helper("torch", "", ("import torch",)),
)

MODULE_NAMES = frozenset(
    [
        "T_destination",
        "add_module",
        "append",
        "apply",
        "bfloat16",
        "buffers",
        "call_super_init",
        "children",
        "compile",
        "cpu",
        "cuda",
        "double",
        "dump_patches",
        "eval",
        "extend",
        "extra_repr",
        "float",
        "forward",
        "get_buffer",
        "get_extra_state",
        "get_parameter",
        "get_submodule",
        "half",
        "insert",
        "ipu",
        "load_state_dict",
        "modules",
        "mtia",
        "named_buffers",
        "named_children",
        "named_modules",
        "named_parameters",
        "parameters",
        "pop",
        "register_backward_hook",
        "register_buffer",
        "register_forward_hook",
        "register_forward_pre_hook",
        "register_full_backward_hook",
        "register_full_backward_pre_hook",
        "register_load_state_dict_post_hook",
        "register_load_state_dict_pre_hook",
        "register_module",
        "register_parameter",
        "register_state_dict_post_hook",
        "register_state_dict_pre_hook",
        "requires_grad_",
        "set_extra_state",
        "set_submodule",
        "share_memory",
        "state_dict",
        "to",
        "to_empty",
        "train",
        "training",
        "type",
        "xpu",
        "zero_grad",
    ]
)
"""What ``torch.nn.Sequential`` calls its own; a test asks torch itself."""


def whole_file(title: list[str], name: str, used: set[str], helpers: set[Helper], texts: list[str]) -> str:
    """The whole file: its head, the helpers that are used, what was written."""
    needed = sorted({*helpers, *(helper for helper in HELPERS if helper.name in used)}, key=lambda h: (h.order, h.name))
    parts = [helper.text for helper in needed if helper.text]
    imports = sorted({line for helper in needed for line in helper.imports})
    usage = [
        "",
        f"    model = {name}()",
        '    model.load_state_dict(safetensors.torch.load_file("model/weights.safetensors"))',
        "    model.eval()",
    ]
    plain = [line for line in imports if line.startswith("import ") and "torch" not in line]
    froms = [line for line in imports if line.startswith("from ")]
    theirs = [line for line in imports if line.startswith("import torch")]
    standard = plain + [line for line in froms if "torch" not in line]
    third = theirs + ["from torch import nn"] + [line for line in froms if "torch" in line]
    head = "\n".join([docstring([*title, *usage]), "", *([*standard, ""] if standard else []), *third])
    return "\n\n\n".join([head, *parts, *texts]) + "\n"
