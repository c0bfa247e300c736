"""What is wrong with a data set, before anything is trained on it: :func:`check`."""

from convscope.data.audit.check import Checked, check
from convscope.data.audit.finding import KINDS, PROBLEMS, Finding

__all__ = ["KINDS", "PROBLEMS", "Checked", "Finding", "check"]
