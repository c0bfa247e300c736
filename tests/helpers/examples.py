"""How many examples a property test draws: fewer in everyday's run, which draws the same ones every day."""

from __future__ import annotations

from hypothesis import settings


def examples(many: int) -> int:
    """So many where Hypothesis searches by chance (``--hypothesis-profile=random``), else a quarter of them."""
    return many if settings.get_current_profile_name() == "random" else max(many // 4, 10)
