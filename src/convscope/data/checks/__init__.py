"""What is wrong with a data set, before anything is trained on it: :func:`check`."""

from convscope.data.checks.check import Checked, check
from convscope.data.checks.finding import KINDS, PROBLEMS, Finding

__all__ = ["KINDS", "PROBLEMS", "Checked", "Finding", "check"]
