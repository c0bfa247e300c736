"""What a file of plain PyTorch needs beside PyTorch: written into it only where it is used."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Part:
    """A helper of the written file."""

    name: str
    text: str
    imports: tuple[str, ...] = ()


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

_SAME = '''def pad_same(x, kernel, stride, dilation, value=0.0):
    """Pad as TensorFlow does for "same": ceil(length / stride) places, the odd one behind."""
    rank = x.dim() - 2
    sizes = [kernel, stride, dilation]
    sizes = [v if isinstance(v, tuple) else (v,) * rank for v in sizes]
    pads = []
    for length, k, s, d in reversed(list(zip(x.shape[2:], *sizes, strict=True))):
        total = max(0, (-(-length // s) - 1) * s + d * (k - 1) + 1 - length)
        pads += [total // 2, total - total // 2]
    return F.pad(x, pads, value=value)'''

_SAME_CONV = '''class SameConv{rank}d(nn.Conv{rank}d):
    """A convolution with TensorFlow's padding="same", at any stride."""

    def forward(self, x):
        x = pad_same(x, self.kernel_size, self.stride, self.dilation)
        return super().forward(x)'''

_SAME_POOL = '''class SameMaxPool{rank}d(nn.MaxPool{rank}d):
    """A maximum with TensorFlow's padding="same": what is outside never wins."""

    def forward(self, x):
        x = pad_same(x, self.kernel_size, self.stride, self.dilation, float("-inf"))
        return super().forward(x)'''

_CHANNEL_NORM = '''class ChannelNorm(nn.LayerNorm):
    """Layer norm over the channels at each place."""

    def forward(self, x):
        return super().forward(x.movedim(1, -1)).movedim(-1, 1)'''

_SCALE = '''class Scale(nn.Module):
    """Each channel times a trained number, plus another if there is a bias."""

    def __init__(self, channels, rank, init=1.0, bias=False):
        super().__init__()
        self.places = (-1, *[1] * rank)
        self.weight = nn.Parameter(torch.full((channels,), float(init)))
        self.bias = nn.Parameter(torch.zeros(channels)) if bias else None

    def forward(self, x):
        x = x * self.weight.view(self.places)
        return x if self.bias is None else x + self.bias.view(self.places)'''

_PLACE = '''def place(root, path, module):
    """Put a module at a path with dots, so that the state_dict has its name."""
    *parents, name = path.split(".")
    for parent in parents:
        if parent not in dict(root.named_children()):
            root.add_module(parent, nn.Module())
        root = getattr(root, parent)
    root.add_module(name, module)'''

_PAD_CHANNELS = '''class PadChannels(nn.Module):
    """Channels of zeros before and behind."""

    def __init__(self, before, after):
        super().__init__()
        self.before, self.after = before, after

    def forward(self, x):
        return F.pad(x, [0] * (2 * (x.dim() - 2)) + [self.before, self.after])'''

_FUNCTIONAL = ("from torch.nn import functional as F",)
_REDUCE = ("import functools", "import operator")
_BRANCHES = "[branch(x) for branch in self.children()]"

PARTS = (
    Part("named", _NAMED, ("from collections import OrderedDict",)),
    Part(
        "add",
        _MERGE.format(cls="Add", what="summed", how=f"functools.reduce(operator.add, {_BRANCHES})"),
        _REDUCE,
    ),
    Part(
        "mul",
        _MERGE.format(cls="Mul", what="multiplied", how=f"functools.reduce(operator.mul, {_BRANCHES})"),
        _REDUCE,
    ),
    Part(
        "concat",
        _MERGE.format(cls="Concat", what="their channels joined", how=f"torch.cat({_BRANCHES}, dim=1)"),
        ("import torch",),
    ),
    *(Part(f"project{rank}", _PROJECT.format(rank=rank)) for rank in (1, 2, 3)),
    Part("same", _SAME, _FUNCTIONAL),
    *(Part(f"same_conv{rank}", _SAME_CONV.format(rank=rank)) for rank in (1, 2, 3)),
    *(Part(f"same_pool{rank}", _SAME_POOL.format(rank=rank)) for rank in (1, 2, 3)),
    Part("channel_norm", _CHANNEL_NORM),
    Part("scale", _SCALE, ("import torch",)),
    Part("padchannels", _PAD_CHANNELS, _FUNCTIONAL),
    Part("place", _PLACE),
    Part("torch", "", ("import torch",)),
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
