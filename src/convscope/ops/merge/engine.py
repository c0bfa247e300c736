"""Merges in torch."""

from __future__ import annotations

import operator
from functools import reduce

import torch

from convscope.ops.merge.spec import Add, Concat, Mul
from convscope.ops.tensors import COMPUTE, Compute, Place


@COMPUTE.enter(Add)
def _add(op: Add, node: Place) -> Compute:
    return lambda part, inputs: reduce(operator.add, inputs)


@COMPUTE.enter(Mul)
def _mul(op: Mul, node: Place) -> Compute:
    return lambda part, inputs: reduce(operator.mul, inputs)


@COMPUTE.enter(Concat)
def _concat(op: Concat, node: Place) -> Compute:
    return lambda part, inputs: torch.cat(list(inputs), dim=1)
