"""Pages opened offline, and what they say on the console or ask for; models to look at."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def opened(chromium: Any, tmp_path: Path) -> Iterator[Callable[..., Any]]:
    """Open a page's text in the browser without network; a word on the console or a request fails the test."""
    said: list[str] = []
    asked: list[str] = []
    contexts = []

    def open_page(html: str, width: int = 1200, page: Any = None, **options: Any) -> Any:
        """A page with its text; ``page`` is one that was opened before, to be used again."""
        file = tmp_path / f"{len(list(tmp_path.iterdir()))}.html"
        file.write_text(html, encoding="utf-8")
        if page is None:
            context = chromium.new_context(
                viewport={"width": width, "height": 800}, offline=True, reduced_motion="reduce", **options
            )
            context.set_default_timeout(120_000)
            contexts.append(context)
            page = context.new_page()
            page.on("console", lambda message: said.append(message.text))
            page.on("pageerror", lambda error: said.append(str(error)))
            page.on("request", lambda request: asked.append(request.url))
        page.goto(file.as_uri())
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert said == []
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []


@pytest.fixture(scope="session")
def seen() -> Callable[..., Any]:
    """``seen(text or name, classes, seed)``: a model that was never trained, looked at on a picture of noise."""
    import numpy as np
    from untrained_models import untrained_model

    from convscope.inspection.look import look_at

    def make(text: str, classes: tuple[str, ...] = (), seed: int = 0) -> Any:
        model = untrained_model(text, classes, seed)
        channels, height, width = model.graph.input
        return look_at(model, np.random.default_rng(seed).integers(0, 256, (height, width, channels), np.uint8))

    return make


@pytest.fixture(scope="session")
def untrained() -> Callable[..., Any]:
    """``untrained(text or name, classes, seed)``: a model that was never trained."""
    from untrained_models import untrained_model

    return untrained_model
