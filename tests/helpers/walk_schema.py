"""The written schema of an opened number, and documents held against it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jsonschema

WRITTEN = json.loads((Path(__file__).parents[2] / "docs" / "walk.schema.json").read_text(encoding="utf-8"))


def check_schema() -> None:
    """Whether the schema itself is one."""
    jsonschema.Draft202012Validator.check_schema(WRITTEN)


def validate(document: Mapping[str, Any], kind: str) -> None:
    """Hold a document against one kind of the schema: ``walk``, ``unit``, ``gradient`` or ``calculation``."""
    jsonschema.Draft202012Validator({"$ref": f"#/$defs/{kind}", "$defs": WRITTEN["$defs"]}).validate(document)
