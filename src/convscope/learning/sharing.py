"""How the cores compute a step: each operation together, or each a part of the batch; and when that changes.

Together they are quicker, on a machine that has nothing else to do; beside another program they wait for each other
without end. The two ways add up in another order, so that the last bits differ. Which was used from which step on is
written down before it is: a run that goes on repeats it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from convscope.learning.contention import Contention, Look
from convscope.learning.events import Divided, Slowed
from convscope.learning.recipe import Threads

QUICK, CALM, LONGEST = 0.3, 3.0, 60.0
"""Seconds: of a look while cores share operations; of one that must show no other program before they do so again; the
most that this is put off, where other programs come and go. Chosen, not measured, as are the other numbers here."""
IN_A_ROW = 2
"""Quick looks that must show other programs: one alone may be a moment's housekeeping."""
QUIET = 0.04
"""Up to this share of a thread's time that it waits for a core, no other program is there."""
SAID = 2.0
"""Seconds over which a run must be slow before it is said."""


class Sharing:
    """Decides before every step.

    Args:
        asked: by the recipe.
        parts: into how many a batch can be divided; with one nothing changes.
        before: what was used so far, as pairs of a step and whether the batch was divided from then on.
        contention: makes what watches the run.
    """

    def __init__(
        self,
        asked: Threads,
        parts: int,
        before: Sequence[tuple[int, bool]],
        contention: Callable[[], Contention] = Contention,
    ) -> None:
        self.can_change = parts > 1 and asked == "auto"
        self.divided = parts > 1 and asked == "divided"
        self._before = sorted(before, key=lambda change: change[0]) if self.can_change else []
        self._watch, self._slow = contention(), contention()
        self._calm, self._wants, self._in_a_row = CALM, self.divided, 0
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
        self._watch.forget()
        self._slow.forget()
        return Divided(step, wants)

    def took(self, step: int, seconds: float) -> Slowed | None:
        """A step was taken; what there is to say of it.

        Args:
            step: its number.
            seconds: it took, as if on pictures of whole size.
        """
        look = self._watch.took(seconds, self._calm if self.divided else QUICK) if self.can_change else None
        if look is not None and not self._before:
            self._decide(look)
        slow = self._slow.took(seconds, SAID)
        if self._said or slow is None or not slow.is_slow:
            return None
        self._said = True
        return Slowed(step, slow.waited or 0.0, slow.slower)

    def _decide(self, look: Look) -> None:
        self._in_a_row = self._in_a_row + 1 if look.is_shared else 0
        if not self.divided and self._in_a_row >= IN_A_ROW:
            self._wants = True
        elif self.divided and (look.waited or 0.0) < QUIET:
            self._wants, self._calm = False, min(LONGEST, 2 * self._calm)
