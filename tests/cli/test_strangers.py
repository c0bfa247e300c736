"""Names that strangers chose steer nothing: no terminal, no page, no Markdown, no spreadsheet; JSON stays strict."""

from __future__ import annotations

import ast
import csv
import io
import json
import os
import re
from pathlib import Path

import numpy as np
import pytest
from command_line import convscope
from PIL import Image
from untrained_models import untrained_model

import convscope as package
from convscope.printable import printable, printable_lines

NET = "input 1x8x8\nconv 2 3x3 > relu > flatten > linear 3"
EVIL = (
    "=cat\x1b]0;owned\x07\nFORGED \u202egpj\u2066\x9b2J\b\r\x7f`c`|[x](http://evil.example)<img src=x onerror=x>",
    "@dog\u200b\udce9",
    "고양이 👨\u200d👩\u200d👧",
)
FILES = (b"=cmd()\x1b[2J\nFORGED \xe9.png", b"-1.5.png", "\u202egnp.고양이.png".encode())


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model whose classes are hostile, as a stranger's ``model.json`` can have them."""
    folder = tmp_path_factory.mktemp("strangers") / "model"
    made = untrained_model(NET, EVIL)
    return made.save(folder)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Class folders and files with hostile names."""
    root = tmp_path_factory.mktemp("pictures") / "data\x1b[31m"
    for number, name in enumerate(EVIL):
        folder = root / name.replace("/", "_")
        folder.mkdir(parents=True)
        for at, file in enumerate(FILES):
            grey = np.random.default_rng(10 * number + at).integers(0, 255, (8, 8), np.uint8)
            Image.fromarray(grey).save(folder / os.fsdecode(file))
        (folder / "no\x1b[31mpicture\nFORGED.png").write_bytes(b"no picture")
    return root


def assert_tame(*texts: str) -> None:
    for text in texts:
        assert printable_lines(text) == text
        assert not [line for line in text.splitlines() if line.strip().startswith("FORGED")]


def strict(text: str) -> object:
    def refused(word: str) -> float:
        raise ValueError(word)

    assert_tame(text)
    return json.loads(text.encode("utf-8"), parse_constant=refused)


def commands(model: Path, pictures: Path, out: Path) -> dict[str, list[str]]:
    some = [str(path) for path in sorted(pictures.rglob("*.png"))]
    net = os.fspath(out / os.fsdecode(b"n\xe9\n.net"))
    Path(net).write_text(NET)
    return {
        "predict": ["predict", str(model), *some],
        "look": ["look", str(model), some[1]],
        "page": ["look", str(model), some[1], "--class", printable(EVIL[0]), "--html", str(out / "look\x1b.html")],
        "heat": ["look", str(model), some[1], "--show", "layercam", "--png", str(out / "heat\x1b.png")],
        "signals": ["look", "--init", net, "--html", str(out / "signals\x1b.html")],
        "evaluate": ["evaluate", str(model), str(pictures), "--report", str(out / "report\n.html")],
        "check": ["check", str(pictures), "--html", str(out / "check\x1b.html"), "--sheet", str(out / "sheet.png")],
        "compare": ["compare", str(model), str(model), str(pictures)],
        "describe": ["describe", net, "--svg", str(out / "net\x1b.svg"), "--markdown"],
        "code": ["code", str(model / "network.net")],
        "zoo": ["zoo"],
        "calc": ["calc", "conv", "1 2 3", "1 \u202e2"],
        "load": ["load", "nonet\x1b", "--weights", "x\u202e", "--out", str(out / "new")],
        "format": ["format", str(out / "none\x1b\n.net")],
    }


COMMANDS = (
    "predict",
    "look",
    "page",
    "heat",
    "signals",
    "evaluate",
    "check",
    "compare",
    "describe",
    "code",
    "zoo",
    "calc",
    "load",
    "format",
)


@pytest.mark.parametrize("name", COMMANDS)
def test_no_command_lets_a_name_steer(
    name: str, model: Path, pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = commands(model, pictures, tmp_path)[name]
    status, out, err = convscope(*words, capsys=capsys)
    assert status == (2 if name in ("calc", "load", "format") else 0), err
    assert_tame(out, err)
    _, out, err = convscope(*words, "--json", capsys=capsys)
    strict(out)
    assert_tame(err)
    for file in tmp_path.iterdir():
        if file.suffix in (".html", ".svg"):
            assert_tame(file.read_text(encoding="utf-8"))


def test_training_names_what_it_leaves_out_and_its_readme_is_only_text(
    pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / os.fsdecode(b"run\x1b[31m\xe9")
    words = ["train", str(pictures), "--net", "conv 2 3x3 > relu > flatten > linear 3", "--input", "1x8x8"]
    status, out, err = convscope(*words, "--epochs", "1", "--out", str(run), capsys=capsys)
    assert status == 0, err
    assert_tame(out, err, (run / "report.html").read_text(encoding="utf-8"))
    for file in ("settings.json", "model/model.json"):
        strict((run / file).read_text(encoding="utf-8"))
    for line in (run / "metrics.jsonl").read_text(encoding="utf-8").splitlines():
        strict(line)
    readme = (run / "model" / "README.md").read_text(encoding="utf-8")
    assert_tame(readme)
    assert not re.search(r"(?<!\\)[<|]|(?<!\\)\[|https?://", readme.split("    convscope")[0])
    status, _, err = convscope("train", "--resume", "--out", str(run), "--no-report", capsys=capsys)
    assert status == 0, err


def test_csv_holds_no_formula(model: Path, pictures: Path, capsys: pytest.CaptureFixture[str]) -> None:
    some = [str(path) for path in sorted(pictures.rglob("*.png"))]
    status, out, err = convscope("predict", str(model), *some, "--csv", capsys=capsys)
    assert status == 0
    assert_tame(out, err)
    rows = list(csv.reader(io.StringIO(out)))
    assert len(rows) == 10
    assert not [cell for row in rows for cell in row if re.match(r"[=+\-@\t\r]", cell)]
    assert {row[1] for row in rows[1:]} <= {f"'{printable(EVIL[0])}", f"'{printable(EVIL[1])}", EVIL[2]}


def test_a_cleaned_list_is_read_back(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for label in ("=a", "-dog", "-1"):
        (tmp_path / label).mkdir()
        for at, name in enumerate(("=1", "+x", "@y", "'=z", "-2", "plain")):
            grey = np.random.default_rng([at, len(label), ord(label[1])]).integers(0, 255, (8, 8), np.uint8)
            Image.fromarray(grey).save(tmp_path / label / f"{name}.png")
    listed = tmp_path / "clean.csv"
    status, _, err = convscope("check", str(tmp_path), "--fix", str(listed), "--json", capsys=capsys)
    assert status == 0, err
    cells = [cell for row in csv.reader(io.StringIO(listed.read_text())) for cell in row]
    assert not [cell for cell in cells if re.match(r"[=+@]|-\D", cell)]
    assert "-1" in cells
    from convscope.data.sources import open_source
    from convscope.data.sources.source import FileSource

    folder, again = open_source(tmp_path), open_source(listed)
    assert isinstance(again, FileSource)
    assert sorted(again.classes) == sorted(folder.classes) == ["-1", "-dog", "=a"]
    assert sorted(again.names) == sorted(folder.names)


def test_commands_print_at_one_place() -> None:
    """Text leaves the command line through ``cli/messages.py`` and documents through ``cli/json_output.py``."""
    prints, found = ("click.echo", "sys.stdout.write", "csv.writer", "print"), []
    for file in (Path(package.__file__).parent / "cli").rglob("*.py"):
        calls = [node for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))) if isinstance(node, ast.Call)]
        found += [file.name for call in calls if ast.unparse(call.func) in prints]
    # train.py tells of Ctrl-C from inside a signal handler, in words of its own.
    assert sorted(found) == ["json_output.py", "messages.py", "train.py"]
