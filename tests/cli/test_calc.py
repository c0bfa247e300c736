"""``convscope calc`` from the outside: words in, text or JSON out, step by step, without torch."""

from __future__ import annotations

import json
import os
import pty
import random
import select
import shlex
import subprocess
import sys
import termios
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command_line import convscope
from PIL import Image
from walk_schema import validate

from convscope.calculation.build import USES

WINDOW = ("1 2 3 / 0 1 5 / 1 0 2", "1 0 1 / 0 1 0 / 1 0 1")
Capture = pytest.CaptureFixture[str]


def calc(*words: str, capsys: Capture) -> str:
    status, out, err = convscope("calc", *words, capsys=capsys)
    assert status == 0, err
    return out


def mistake(*words: str, capsys: Capture) -> str:
    status, _, err = convscope("calc", *words, capsys=capsys)
    assert status == 2, err
    assert "Traceback" not in err
    return err


def document(*words: str, capsys: Capture) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(calc(*words, "--json", capsys=capsys))
    validate(found, "calculation")
    return found


@pytest.mark.parametrize("word", USES)
def test_every_example_works_in_every_form(word: str, capsys: Capture) -> None:
    words = shlex.split(USES[word].example)
    assert words[0] == word
    for form in ([], ["--all"], ["--step"]):
        assert calc(*words, *form, capsys=capsys).startswith(word)
    whole = document(*words, "--all", capsys=capsys)
    output = np.array(whole["output"], dtype=float)
    assert list(output.shape) == whole["shape"]["output"]
    for unit in whole["units"]:
        assert float(unit["value"]) == pytest.approx(output[tuple(unit["index"])], rel=1e-9, abs=1e-12)
        if unit["combine"] == "sum":
            assert sum(term["result"] for term in unit["terms"]) == pytest.approx(unit["combined"])
    assert len(whole["units"]) == output.size
    if word != "onehot":
        gradients = document(*words, "--backward", capsys=capsys)["gradients"]
        assert np.shape(gradients["inputs"][0]) == tuple(whole["shape"]["inputs"][0])
        assert "gradients:" in calc(*words, "--backward", capsys=capsys)


def test_the_output_of_your_choice(capsys: Capture) -> None:
    image, kernel = "count 1x4x4", "1 0 / 0 1"
    assert "output[0,1,2] = 7*1 + 8*0 + 11*0 + 12*1 = 19" in calc("conv", image, kernel, "--at", "1,2", capsys=capsys)
    for at in ("0,1,2", "1 2", "[0, 1, 2]", "output[0,1,2]"):
        assert "output[0,1,2] =" in calc("conv", image, kernel, "--at", at, capsys=capsys)
    every = calc("conv", image, kernel, "--all", capsys=capsys)
    assert every.count("output[") == 9
    assert "column 4, output place 1,1" in calc("im2col", image, "--kernel-size", "2", "--at", "1,1", capsys=capsys)
    for at in ("3,0", "x", "1,1,1,1", "-1,0", ""):
        assert "row,column in an output of 1x3x3" in mistake("conv", image, kernel, "--at", at, capsys=capsys)


def test_words_that_begin_with_a_minus_sign(capsys: Capture) -> None:
    assert "= -2*(-1) + 3*0 = 2" in calc("conv", "1 -2 3", "-1 0", "--at", "1", capsys=capsys)
    assert calc("relu", "-2", capsys=capsys).endswith("output[0] = max(0, x) = max(0, -2) = 0\n")
    assert "-1 + 2" in calc("add", "-1 0 1", "2 2 2", capsys=capsys)
    assert "bias  -3" in calc("conv", "1 2", "-.5", "--bias", "-3", capsys=capsys)
    assert "-1*(-1) + (-1)*1 = 0" in calc("conv", "-1 -1", "-1 1", "--bias=-3", capsys=capsys)
    assert "no option --strid" in mistake("conv", "-1", "-1", "--strid", "2", capsys=capsys)


def test_return_indices_and_tensorflows_layout(capsys: Capture) -> None:
    grid = "1 1 2 3 / 4 6 6 8 / 3 1 1 0 / 1 2 2 4"
    out = calc("maxpool", grid, "2", "--return-indices", capsys=capsys)
    assert "indices 1x2x2, counted row by row\n5  7\n8 15\n" in out
    assert document("maxpool", grid, "2", capsys=capsys)["indices"] == [[[5, 7], [8, 15]]]
    found = document("flatten", "1 10 / 2 20 | 3 30 / 4 40", "--channels-last", capsys=capsys)
    assert found["inputs"] == [[[[1, 2], [3, 4]], [[10, 20], [30, 40]]]]


def test_kernels_in_tensorflows_layout(capsys: Capture) -> None:
    out = calc("conv", "count 5x6x2", "ones 3x2x2x4", "--channels-last", capsys=capsys)
    assert "read as input 5x6x2 (height, width, channels)\n" in out
    assert "kernel 3x2x2x4 (height, width, in, out)\n" in out
    found = document("conv", "count 5x6x2", "ones 4x3x2x2", "--channels-last", "--kernel-layout", "ohwi", capsys=capsys)
    assert found["read"][1] == "kernel 4x3x2x2 (out, height, width, in)"
    wrong = mistake("conv", "count 5x6x2", "ones 4x3x3x2", "--channels-last", capsys=capsys)
    assert "hwio (height, width, in, out: TensorFlow's)" in wrong
    assert "--kernel-layout ohwi fits" in wrong


def test_the_unfolded_matrix_in_json(capsys: Capture) -> None:
    found = document("im2col", "count 1x3x3", "1 0 / 0 1", "--padding", "1", capsys=capsys)["im2col"]
    assert found["columns"][5] == {"output": [1, 1], "input": [[0, 0, 0], [0, 0, 1], [0, 1, 0], [0, 1, 1]]}
    assert found["columns"][0]["input"] == [None, None, None, [0, 0, 0]]
    assert [row[5] for row in found["matrix"]] == [1, 2, 4, 5]
    assert found["weight"] == [[1, 0, 0, 1]]
    assert found["rows"][2] == [0, 1, 0]
    assert "im2col" not in document("conv", "count 1x3x3", "1 0 / 0 1", capsys=capsys)


def test_a_picture_is_read(capsys: Capture, tmp_path: Path) -> None:
    Image.fromarray(np.arange(192, dtype=np.uint8).reshape(8, 8, 3)).save(tmp_path / "p.png")
    name = str(tmp_path / "p.png")
    assert np.shape(document("maxpool", name, "2", capsys=capsys)["output"]) == (3, 4, 4)
    small = document("maxpool", name, "2", "--grey", "--unit-range", "--resize", "4x6", capsys=capsys)
    assert np.shape(small["inputs"][0]) == (1, 4, 6)
    assert np.max(small["inputs"]) < 1
    assert "28x28" in mistake("maxpool", name, "2", "--resize", "big", capsys=capsys)
    (tmp_path / "t.csv").write_text("1,2\n3,4\n")
    assert document("maxpool", str(tmp_path / "t.csv"), "2", capsys=capsys)["output"] == [[[4]]]
    assert "did you mean t.csv?" in mistake("maxpool", str(tmp_path / "tt.csv"), "2", capsys=capsys)


def test_infinities_are_words_in_json(capsys: Capture) -> None:
    assert document("logit", "0 0.5 1", "--all", capsys=capsys)["output"] == ["-inf", 0.0, "inf"]


def test_the_gradient_of_your_choice(capsys: Capture) -> None:
    found = document("sigmoid", "0", "--backward", "--gradient", "2", capsys=capsys)["gradients"]
    assert (found["inputs"], found["output"]) == ([[0.5]], [2.0])
    assert "one an output: 3" in mistake("relu", "1 2 3", "--backward", "--gradient", "1", capsys=capsys)
    assert "--backward" in mistake("relu", "1", "--gradient", "1", capsys=capsys)
    assert "one-hot has no gradient" in mistake("onehot", "1", "--backward", capsys=capsys)


def test_a_page_is_written(capsys: Capture, tmp_path: Path) -> None:
    page = tmp_path / "calc.html"
    calc("conv", *WINDOW, "--html", str(page), "--lang", "ko", capsys=capsys)
    assert page.read_text(encoding="utf-8").lower().startswith("<!doctype html>")


def test_nobody_at_the_keyboard_sees_all_steps(capsys: Capture) -> None:
    out = calc("conv", "count 1x3x3", "1 0 / 0 1", "--step", capsys=capsys)
    assert [f"{n} of 4" in out for n in (1, 2, 3, 4)] == [True] * 4
    assert out.count("output 1x2x2") == 4
    assert "?" in out
    assert "\x1b" not in out


def test_keys_move_the_window() -> None:
    command = [sys.executable, "-m", "convscope", "calc", "conv", "count 1x3x3", "1 0 / 0 1", "--step"]
    primary, secondary = pty.openpty()
    process = subprocess.Popen(command, stdin=secondary, stdout=secondary, stderr=secondary, close_fds=True)
    os.close(secondary)
    seen = ""

    def until(word: str) -> None:
        nonlocal seen
        end = time.monotonic() + 300
        while word not in seen:
            assert time.monotonic() < end, seen
            if select.select([primary], [], [], 1)[0]:
                seen += os.read(primary, 65536).decode()

    try:
        for key, place in (("", "1 of 4"), ("\r", "2 of 4"), ("\r", "3 of 4"), ("b", "2 of 4"), ("q", "")):
            seen = ""
            os.write(primary, key.encode())
            if place:
                until(f"{place}\r\n")
                until("quit")
                while termios.tcgetattr(primary)[3] & termios.ICANON:  # it does not listen to single keys yet
                    time.sleep(0.01)
        assert process.wait(timeout=300) == 0
    finally:
        process.kill()
        os.close(primary)


def test_no_torch_is_loaded_and_nothing_else_that_is_slow() -> None:
    program = (
        "import sys\nfrom convscope.cli.entry import main\n"
        "try:\n    main(['calc', 'conv', '1 2 3', '1 1', '--backward'])\nexcept SystemExit as left:\n"
        "    print(left.code, [m for m in ('torch', 'rich', 'PIL', 'lark', 'sklearn', 'altair') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=300)
    assert done.stdout.splitlines()[-1] == "0 []"


def test_whatever_is_typed_ends_well(capsys: Capture) -> None:
    rng = random.Random(6)
    operands = [
        "1 2 3",
        "1 2 / 3 4",
        "1 2 | 3 4",
        "-1",
        "random 2x3x3",
        "0.5",
        "x",
        "",
        "2",
        "ones 2x2x2x2",
        "1e99",
        "0",
    ]
    options = ["--stride", "--padding", "--dilation", "--bias", "--at", "--eps", "--groups", "--classes", "--gradient"]
    flags = [
        "--all",
        "--json",
        "--step",
        "--backward",
        "--ceil-mode",
        "--logits",
        "--channels-last",
        "--return-indices",
    ]
    for _ in range(400):
        words = [rng.choice(list(USES)), *rng.choices(operands, k=rng.randint(0, 3))]
        for _ in range(rng.randint(0, 2)):
            words += [rng.choice(options), rng.choice(["1", "2", "0", "same", "-1", "1x2", "1 2", "a"])]
        words += rng.sample(flags, rng.randint(0, 2))
        status, out, err = convscope("calc", *words, capsys=capsys)
        assert status in (0, 2), (words, err)
        assert "Traceback" not in err, words
        assert "nan" not in out.lower().split(), words
