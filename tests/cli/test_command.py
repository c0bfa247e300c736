"""The command line: words in, one document or one readable message out, and the right status."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from command_line import convscope, document
from PIL import Image
from sklearn.datasets import load_digits

NET = "input 1x8x8\nconv 8 3x3 > batchnorm > relu > maxpool 2 > flatten > linear 10"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("command") / "run"
    said = document("train", "digits", "--net", NET, "--epochs", "2", "--out", str(folder))
    assert said["model"] == str(folder / "model")
    assert 0 <= said["metrics"]["top1"] <= 1
    assert said["seconds"] > 0
    assert Path(said["report"]).stat().st_size > 10_000
    return folder


def test_a_file_of_several_networks_is_laid_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "two.net"
    file.write_text("network a {\nrelu}\nnetwork b {\n  relu  >  relu\n}\n")
    assert convscope("format", str(file), "--check", capsys=capsys)[0] == 2
    assert convscope("format", str(file), capsys=capsys)[0] == 0
    assert file.read_text() == "network a {\n  relu\n}\nnetwork b {\n  relu > relu\n}\n"


def test_a_model_is_never_loaded_over(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "net.net").write_text(NET)
    weights = ["--weights", str(run / "model" / "weights.safetensors"), "--out", str(tmp_path / "model")]
    words = ["load", str(tmp_path / "net.net"), *weights, "--fit", "stretch"]
    assert convscope(*words, capsys=capsys)[0] == 0
    status, _, err = convscope(*words, capsys=capsys)
    assert (status, "there is a model in this folder" in err) == (2, True)


def test_zoo_lists_what_is_known(capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = convscope("zoo", capsys=capsys)
    assert status == 0
    assert "25,557,032" in out
    document = json.loads(convscope("zoo", "--json", capsys=capsys)[1])
    (found,) = [entry for entry in document["networks"] if entry["name"] == "resnet50"]
    assert (found["parameters"], found["macs"], found["year"]) == (25_557_032, 4_089_184_256, 2015)
    assert max(map(len, out.splitlines()[:-1])) <= 100


def test_describe_lenet5(capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = convscope("describe", "lenet5", "--json", capsys=capsys)
    document = json.loads(out)
    assert status == 0
    assert (document["parameters"], document["macs"]) == (61_706, 416_520)
    assert [node["shape"] for node in document["nodes"] if node["path"] == "conv2"] == [[16, 10, 10]]
    assert convscope("describe", "lenet5", "--batch", "8", capsys=capsys)[1].count("61,706") == 1
    assert convscope("describe", "lenet5", "--markdown", capsys=capsys)[1].count("| :-- |") == 1


def test_describe_shows_what_worked_and_the_mend(capsys: pytest.CaptureFixture[str]) -> None:
    net = "input 1x32x32\nconv 16 5x5 > relu\nlinear 10"
    status, out, err = convscope("describe", net, capsys=capsys)
    assert status == 2
    assert "conv1" in out
    assert "line 3" in err
    assert "put flatten before it" in err
    status, out, _ = convscope("describe", net, "--json", capsys=capsys)
    document = json.loads(out)
    assert status == 2
    assert [node["path"] for node in document["nodes"]] == ["conv1", "relu1"]
    assert document["error"]["hint"] == "put flatten before it"


def test_describe_starts_fast_and_without_tensors() -> None:
    code = (
        "import sys\nfrom convscope.cli.entry import main\n"
        "try: main(['describe', 'lenet5'])\nexcept SystemExit: pass\n"
        "print([m for m in ('torch', 'numpy', 'rich', 'altair', 'PIL') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_evaluate(run: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    report = tmp_path / "report.html"
    status, out, _ = convscope("evaluate", str(run), "digits", "--json", "--report", str(report), capsys=capsys)
    document = json.loads(out)
    assert status == 0
    assert {"top1", "top5", "ece", "interval", "classes", "confusion"} <= set(document)
    assert document["interval"][0] <= document["top1"] <= document["interval"][1]
    assert sum(map(sum, document["confusion"])) == document["count"]
    assert report.read_text(encoding="utf-8").startswith("<!")
    status, out, _ = convscope("evaluate", str(run), "digits", capsys=capsys)
    assert status == 0
    assert "%" in out


@pytest.fixture
def pictures(tmp_path: Path) -> list[str]:
    digits = load_digits()
    paths = [tmp_path / f"digit {i}.png" for i in range(3)]
    for i, path in enumerate(paths):
        Image.fromarray(np.round(digits.images[i] * 255 / 16).astype("uint8")).save(path)
    return [str(path) for path in paths]


def test_predict(
    run: Path, pictures: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    status, out, _ = convscope("predict", str(run), *pictures, "--json", capsys=capsys)
    document = json.loads(out)
    assert status == 0
    assert [entry["file"] for entry in document["predictions"]] == pictures
    assert document["skipped"] == []
    status, out, _ = convscope("predict", str(run), *pictures, "--csv", "--top", "2", capsys=capsys)
    assert out.splitlines()[0] == "file,class,probability,class2,probability2"
    assert len(out.splitlines()) == 4
    (tmp_path / "list").write_text("\n".join(pictures[:2]) + "\n")
    with (tmp_path / "list").open() as listed:
        monkeypatch.setattr(sys, "stdin", listed)
        status, out, _ = convscope("predict", str(run), "-", capsys=capsys)
    assert status == 0
    assert len(out.splitlines()) == 2


def test_predict_with_nothing_readable(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "x.png").write_bytes(b"no picture")
    status, _, err = convscope("predict", str(run), str(tmp_path / "x.png"), capsys=capsys)
    assert status == 2
    assert "none of 1 files" in err


MISTAKES = [
    (["descibe", "lenet5"], "did you mean describe?"),
    (["describe"], "Missing argument"),
    (["describe", "lenet"], "did you mean lenet5?"),
    (["describe", "nothing.net"], "there is no such file"),
    (["describe", "lenet5", "--inptu", "1x3x3"], "did you mean --input?"),
    (["describe", "lenet5", "--input", "32"], "lenet.net"),
    (["describe", "lenet5", "--input", "axb"], "1x28x28"),
    (["describe", "lenet5", "--batch", "0"], "--batch"),
    (["describe", "cnov 3 3x3 > relu"], "did you mean conv?"),
    (["train"], "DATA is missing"),
    (["train", "no/such/folder"], "no/such"),
    (["train", "digit"], "digits"),
    (["train", "digits", "--net", "lenet6"], "did you mean lenet5?"),
    (["train", "digits", "--net", "conv 3 3x3 > relu"], "10 classes"),
    (["train", "digits", "--epochs", "many"], "--epochs"),
    (["train", "digits", "--epochs", "0"], "above 0"),
    (["train", "digits", "--time", "soon"], "90s"),
    (["train", "digits", "--lr", "-1"], "above 0"),
    (["train", "digits", "--optimizer", "adam"], "did you mean adamw?"),
    (["train", "digits", "--fit", "croop"], "did you mean crop?"),
    (["train", "digits", "--init", "kaimin"], "kaiming"),
    (["train", "digits", "--input", "2x8x8"], "1 or 3 channels"),
    (["train", "digits", "--input", "1x2x2", "--net", NET], "does not fit"),
    (["train", "--resume"], "--out"),
    (["train", "--resume", "--out", "nothing-here"], "no run to resume"),
    (["train", "digits", "--device", "cuda"], "cuda"),
    (["evaluate", "nothing", "digits"], "no such folder"),
    (["evaluate", ".", "digits"], "model.json"),
    (["predict", "nothing", "a.png"], "no such folder"),
    (["predict", "x"], "Missing argument"),
    (["format", "nothing.net"], "cannot be read"),
    (["describe", "nothing.net:small"], "there is no such file"),
    (["zoo", "resnet"], "unexpected extra argument"),
    (["load", "lenet5"], "Missing option"),
    (["load", "lenet5", "--weights", "nothing.pth", "--out", "x"], "there is no such file"),
    (["load", "lenet6", "--weights", "nothing.pth", "--out", "x"], "did you mean lenet5?"),
    (["load", "lenet5", "--weights", "x.pth", "--out", "x", "--mean", "a"], "0.485,0.456,0.406"),
    (["load", "lenet5", "--weights", "x.pth", "--out", "x", "--mean", "0.5"], "one without the other"),
    (["load", "lenet5", "--weights", "x.pth", "--out", "x", "--std", "0", "--mean", "0"], "above 0"),
    (["load", "lenet5", "--weights", "x.pth", "--out", "x", "--keep", "2"], "from 0.1 to 1"),
    (["load", "lenet5", "--weights", "x.pth", "--out", "x", "--fit", "croop"], "did you mean crop?"),
    (["load", "lenet5", "--weights", "x.pth", "--out", "x", "--names", "none.txt"], "cannot be read"),
]


@pytest.mark.parametrize(
    ("words", "said"), MISTAKES, ids=lambda value: " ".join(value) if isinstance(value, list) else ""
)
def test_a_mistake_is_one_message_and_status_2(
    words: list[str], said: str, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    import torch

    if "cuda" in words and torch.cuda.is_available():
        pytest.skip("there is a CUDA device")
    status, out, err = convscope(*words, capsys=capsys)
    assert status == 2
    assert said in err
    assert "Traceback" not in err
    assert err.count("error:") == 1
    assert out == ""
    assert list(tmp_path.rglob("*.safetensors")) == []
    status, out, _ = convscope(*words, "--json", capsys=capsys)
    assert status == 2
    if "format" not in words:
        assert set(json.loads(out)["error"]) == {"where", "got", "expected", "hint"}


def test_unwritable_output(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("in the way")
    words = ["train", "digits", "--net", NET, "--epochs", "1", "--out", str(tmp_path / "file" / "run")]
    status, _, err = convscope(*words, capsys=capsys)
    assert status == 2
    assert str(tmp_path / "file") in err
    assert (tmp_path / "file").read_text() == "in the way"


def test_our_own_fault_is_said_as_such(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("convscope.network.zoo.find", lambda _: 1 / 0)
    status, _, err = convscope("describe", "lenet5", capsys=capsys)
    assert status == 1
    assert "our fault" in err


def test_format(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "a.net"
    path.write_text("input   1x8x8\nconv 3 3x3>relu # kept\n")
    assert convscope("format", str(path), "--check", capsys=capsys)[0] == 2
    assert convscope("format", str(path), capsys=capsys)[0] == 0
    assert path.read_text() == "input 1x8x8\nconv 3 3x3 > relu  # kept\n"
    assert convscope("format", str(path), "--check", capsys=capsys)[0] == 0


def test_a_reader_that_has_seen_enough(tmp_path: Path) -> None:
    command = f"{sys.executable} -m convscope describe lenet5 | head -1"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False, env=dict(os.environ))
    assert done.stderr == ""
    assert len(done.stdout.splitlines()) == 1


def test_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = convscope("--help", capsys=capsys)
    assert status == 0
    for word in ("describe", "train", "evaluate", "predict", "format"):
        assert f"  {word}" in out


def test_what_fits_into_memory(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["describe", "resnet18", "--batch", "16", "--dtype", "bfloat16", "--optimizer", "sgd", "--fit", "8GB"]
    status, out, _ = convscope(*words, capsys=capsys)
    assert status == 0
    assert "batch 16 in bfloat16" in out
    assert "SGD with momentum" in out
    document = json.loads(convscope(*words, "--json", capsys=capsys)[1])
    fit = document["fit"]
    assert f"8 GB hold a batch of {fit['training']:,} for training" in out
    assert 100 < fit["training"] < fit["inference"]
    assert sum(node["kept_bytes"] for node in document["nodes"]) == document["kept_bytes"] > 0
    assert document["memory"]["training"] > document["memory"]["inference"] > document["memory"]["weights"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["describe", "lenet5", "--fit", "much"], "8GB or 512MiB"),
        (["describe", "lenet5", "--fit", "0"], "8GB or 512MiB"),
        (["describe", "lenet5", "--dtype", "float16"], "float32 or bfloat16"),
        (["describe", "lenet5", "--optimizer", "adam"], "did you mean adamw"),
        (["zoo", "--reference", "nowhere.csv"], "the file cannot be read"),
        (["code", "resnet81"], "did you mean resnet"),
        (["code", "lenet5", "--framework", "pytorhc"], "did you mean pytorch"),
        (["code", "lenet5", "--out", "/proc/none/a.py"], "writing failed"),
        (["load", "resnet18", "--weights", "resnet81", "--out", "x"], "did you mean resnet18"),
        (["train", "digits", "--weights", "tinyvgg"], "no public weights of tinyvgg"),
    ],
)
def test_mistakes_about_costs_weights_and_source(
    words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    status, _, err = convscope(*words, capsys=capsys)
    assert status == 2
    assert said in err


def test_a_table_of_others_beside_ours(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "table.csv"
    file.write_text("model,params,value,unit,input,source\nresnet18,11689512,1.814,GMACs,224,them\n")
    status, out, _ = convscope("zoo", "--reference", str(file), capsys=capsys)
    assert status == 0
    assert "1 of 1 rows that count as we do are equal" in out
    rows = json.loads(convscope("zoo", "--reference", str(file), "--json", capsys=capsys)[1])["rows"]
    assert rows[0]["equal"] is True


def test_source_on_the_way_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = convscope("code", "lenet5", capsys=capsys)
    assert status == 0
    assert "def lenet5():" in out
    file = tmp_path / "lenet5.py"
    document = json.loads(convscope("code", "lenet5", "--out", str(file), "--json", capsys=capsys)[1])
    assert document["source"] == out == file.read_text()


def test_source_needs_no_tensors() -> None:
    script = "import sys, convscope; convscope.code('lenet5'); print('torch' in sys.modules, 'numpy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]
