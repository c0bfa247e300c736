"""How the cores compute a step: each operation together, or each a part of the batch; and when that changes.

Together they are quicker, on a machine that has nothing else to do; beside another program they wait for each other
without end. The two ways add up in another order, so that the last bits differ. Which was used from which step on is
written down before it is: a run that goes on repeats it.
"""

from __future__ import annotations

from collections.abc import Sequence

from convscope.learning.contention import Contention, Look
from convscope.learning.events import Divided, Slowed
from convscope.learning.recipe import Threads

QUICK, CALM, LONGEST = 0.3, 3.0, 60.0
"""Seconds: of a look while cores share operations; of one that must show no other program before they do again; the
most that this is put off, where other programs come and go."""
QUIET = 0.04
"""The share of its time that a thread waits for a core when no other program is there, at most."""


class Sharing:
    """Decides before every step.

    Args:
        asked: by the recipe.
        parts: into how many a batch can be divided; with one nothing changes.
        before: what was used so far, as pairs of a step and whether the batch was divided from then on.
        contention: watches the run.
    """

    def __init__(
        self, asked: Threads, parts: int, before: Sequence[tuple[int, bool]], contention: Contention | None = None
    ) -> None:
        self.can_change = parts > 1 and asked == "auto"
        self.divided = parts > 1 and asked == "divided"
        self._before = list(before) if self.can_change else []
        self._contention = contention or Contention()
        self._calm, self._wants = CALM, self.divided
        self._said = False

    def at(self, step: int) -> Divided | None:
        """A change that is due before a step."""
        if not self.can_change:
            return None
        wants = self._wants
        if self._before:
            # What was once decided is repeated; until its last change nothing is decided anew.
            while self._before and self._before[0][0] <= step:
                wants = self._before.pop(0)[1]
            self._wants = wants
        if wants == self.divided:
            return None
        self.divided = wants
        self._contention.forget()
        return Divided(step, wants)

    def took(self, step: int, seconds: float) -> Slowed | None:
        """A step was taken; what there is to say of it.

        Args:
            step: its number.
            seconds: it took, as if on pictures of whole size.
        """
        look = self._contention.took(seconds, self._calm if self.divided or not self.can_change else QUICK)
        if look is None:
            return None
        if self.can_change and not self._before:
            self._decide(look)
        if self._said or not look.is_contended:
            return None
        self._said = True
        return Slowed(step, look.waited, look.slower)

    def _decide(self, look: Look) -> None:
        if not self.divided and look.is_contended:
            self._wants = True
        elif self.divided and look.waited < QUIET:
            self._wants, self._calm = False, min(LONGEST, 2 * self._calm)
