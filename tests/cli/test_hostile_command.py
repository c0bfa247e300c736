"""Everything that can be wrong with data and networks, through the command line: one message, status 2, or counted."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType

import pytest
from command_line import convscope

NET = "conv 4 3x3 > relu > globalavgpool > flatten > linear 2"
TESTS = Path(__file__).resolve().parents[1]


def _load(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return module


def test_a_folder_of_bad_files_is_trained_on_and_every_bad_file_is_named(
    hostile: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kinds = hostile.make_hostile_folder(tmp_path / "data")
    assert len(kinds) >= 40
    words = ["train", str(tmp_path / "data"), "--net", NET, "--input", "3x12x12", "--epochs", "1", "--no-report"]
    status, out, _ = convscope(*words, "--out", str(tmp_path / "run"), "--json", capsys=capsys)
    assert status == 0
    skipped = {entry["file"]: entry["reason"] for entry in json.loads(out)["skipped"]}
    for kind in kinds:
        if kind.outcome == "skipped":
            assert kind.reason in skipped[kind.file], kind.what
        else:
            assert kind.file not in skipped, kind.what


def test_every_data_argument_that_cannot_work_is_one_message(
    hostile: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = hostile.make_hostile_data(tmp_path / "data")
    assert len(found) >= 40
    for bad in found:
        words = ["train", bad.data, "--net", NET, "--input", "3x12x12", "--epochs", "1", "--out", str(tmp_path / "run")]
        status, out, err = convscope(*words, capsys=capsys)
        assert status == 2, f"{bad.what}: {err}"
        assert err.count("error:") == 1, bad.what
        assert "Traceback" not in err, bad.what
        assert out == "", bad.what
        assert all(word in err for word in bad.words), f"{bad.what}: {err}"
        assert not (tmp_path / "run").exists(), bad.what


def test_every_malformed_network_is_one_message(capsys: pytest.CaptureFixture[str]) -> None:
    table = _load(TESTS / "network" / "test_syntax_errors.py")
    texts = [case[0].replace("▲", "") for case in (*table.SYNTAX, *table.SHAPES)]
    assert len(texts) >= 50
    for text in texts:
        status, _, err = convscope("describe", "\n" + text, capsys=capsys)
        assert status == 2, text
        assert err.count("error:") == 1, text
        assert "Traceback" not in err, text
