"""Every language says everything, with the same braces, nothing in English; nothing is said that none asks for."""

import ast
import re
import string
import tomllib
from importlib.resources import files
from pathlib import Path

import pytest

import convscope
from convscope.data.modalities import MODALITIES
from convscope.evaluation.binary import DEFINITIONS
from convscope.render.i18n import LANGUAGES, SUBJECTS, operation_words, page_words, words
from convscope.render.text.evaluation import BINARY

SOURCE = Path(convscope.__file__).parent
FIELD = {
    "convscope", "calc", "look", "NumPy", "float32", "float64", "bfloat16", "im2col", "ReLU", "GELU", "max", "min", "x",
    "y", "p", "k", "n", "MB", "NaN", "Grad-CAM", "HiResCAM", "LayerCAM", "occlusion", "integrated", "gradients", "ECE",
    "F1", "nat", "JPEG", "JSON", "unknown", "LeCun", "N", "R2", "MAE", "RMSE", "Efron", "AUC", "ROC",
    "Hanley", "McNeil", "Brier",
}  # fmt: skip
"""Names that a Korean text on networks writes in Latin letters too; `unknown` is the very word that a model answers."""

TENSORS = {"weight", "bias", "running_mean", "running_var"}
"""Parameters and buffers of operations, whose names are keys."""

CATALOGUES = [*((subject, words(subject), words(subject, "ko")) for subject in SUBJECTS),
              ("operations", operation_words(), operation_words("ko"))]  # fmt: skip


def braces(said):
    return sorted(name for _, name, _, _ in string.Formatter().parse(said) if name)


@pytest.mark.parametrize(("english", "korean"), [row[1:] for row in CATALOGUES], ids=[row[0] for row in CATALOGUES])
def test_every_language_says_everything(english, korean):
    assert list(english) == list(korean)
    assert [key for key in english if not english[key] or not korean[key]] == []
    assert [key for key in english if braces(english[key]) != braces(korean[key])] == []


@pytest.mark.parametrize("korean", [row[2] for row in CATALOGUES], ids=[row[0] for row in CATALOGUES])
def test_no_english_is_left_in_korean(korean):
    for key, whole in korean.items():
        latin = set(re.findall(r"[A-Za-z][A-Za-z0-9-]*", re.sub(r"\{[a-z_0-9]+\}", "", whole)))
        assert latin <= FIELD or key == "language", key


def test_a_file_a_language_a_table_a_subject():
    assert {path.stem for path in (SOURCE / "render" / "i18n").glob("*.toml")} == set(LANGUAGES)
    for lang in LANGUAGES:
        document = tomllib.loads(files("convscope.render.i18n").joinpath(f"{lang}.toml").read_text(encoding="utf-8"))
        assert tuple(document) == ("inputs", *SUBJECTS)


def test_every_modality_is_called_something_in_every_language():
    for lang in LANGUAGES:
        document = tomllib.loads(files("convscope.render.i18n").joinpath(f"{lang}.toml").read_text(encoding="utf-8"))
        assert set(document["inputs"]) == {modality.name for modality in MODALITIES.values()}
    for modality in MODALITIES.values():
        said = words("evaluation", modality=modality.name)
        assert said["one picture"] == f"1 {modality.one}"
        assert modality.many in said["no mistakes"]
        for lang in LANGUAGES:
            assert "<" not in "".join(words("evaluation", lang, modality.name).values())


def test_the_positive_class_is_told_as_json_defines_it():
    assert {key: words("evaluation")[meaning] for key, meaning in BINARY.items()} == DEFINITIONS


def test_a_page_has_one_sentence_a_key():
    parts = (operation_words(), words("page"), words("look"))
    assert len(page_words()) == sum(map(len, parts)) - 1  # each of the two says its language


def asked_for():
    """The strings of the sources that may be keys, and the patterns of those that are put together."""
    plain, patterns = set(), set()
    for path in [file for name in ("render", "cli", "inspection") for file in (SOURCE / name).rglob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                plain.add(node.value)
            elif isinstance(node, ast.JoinedStr):
                pieces = [re.escape(str(v.value)) if isinstance(v, ast.Constant) else ".+" for v in node.values]
                if len("".join(piece for piece in pieces if piece != ".+")) > 3:
                    patterns.add("".join(pieces))
    for path in (SOURCE / "render").rglob("*.js"):
        plain |= set(re.findall(r'"([^"\n]*)"', path.read_text(encoding="utf-8")))
        spliced = re.findall(r"`([^`\n]*)`", path.read_text(encoding="utf-8"))
        patterns |= {".+".join(map(re.escape, re.split(r"\$\{[^}]*\}", text))) for text in spliced if len(text) > 8}
    for path in (SOURCE / "render").rglob("*.html"):
        plain |= set(re.findall(r"""["']([^"'\n]*)["']""", path.read_text(encoding="utf-8")))
    plain |= {part for text in plain for part in text.split(" + ")}  # kinds of layers: relu + batch norm
    return plain, patterns


@pytest.mark.parametrize("subject", SUBJECTS)
def test_nothing_is_said_that_none_asks_for(subject):
    plain, patterns = asked_for()
    unused = [
        key
        for key in words(subject)
        if key not in plain | TENSORS and not any(re.fullmatch(pattern, key) for pattern in patterns)
    ]
    assert unused == []
