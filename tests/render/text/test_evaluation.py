from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from convscope.evaluation.metrics import evaluate_probabilities
from convscope.evaluation.report import evaluation_report
from convscope.model.risk_coverage import RiskCoverageCurve
from convscope.render.text.evaluation import to_text, worst_first
from convscope.render.wording import class_names, headline, percent, printable
from convscope.tables import text_table


def evaluated(labels, predicted, names):
    """Certain answers, right and wrong."""
    probabilities = np.eye(len(names))[np.array(predicted)]
    return evaluate_probabilities(probabilities, np.array(labels, dtype=np.int64), tuple(names))


def drawn(classes, count, seed=0):
    generator = np.random.default_rng(seed)
    labels = generator.integers(0, classes, count)
    predicted = np.where(generator.random(count) < 0.7, labels, generator.integers(0, classes, count))
    return evaluated(labels, predicted, [f"class {index}" for index in range(classes)])


def test_the_head_says_it_in_plain_words():
    evaluation = evaluated([0] * 100 + [1] * 100, [0] * 92 + [1] * 8 + [1] * 100, ["shirt", "coat"])
    assert headline(evaluation) == (
        "About 96 in 100 right: accuracy 96.0 % (92.3 to 98.0 with 95 % confidence) on 200 pictures. "
        "It most often mistakes shirt for coat (8 of 100)."
    )


@pytest.mark.parametrize(
    ("labels", "predicted", "expected"),
    [
        ([0, 1] * 50, [0, 1] * 50, "All 100 right: accuracy 100 % (96.3 to 100 with 95 % confidence)."),
        ([0, 1] * 4, [0, 1] * 3 + [0, 0], "7 of 8 right"),
        ([0, 1] * 4, [0, 1] * 3 + [0, 0], "It mistakes coat for shirt once, its only mistake."),
        ([0, 1] * 500, [0, 1] * 499 + [0, 0], "About 999 in 1,000 right: accuracy 99.9 %"),
        ([0, 1], [1, 0], "None of 2 right"),
        (
            [0, 0, 0, 1] * 50,
            [0, 0, 0, 0] * 50,
            "not significantly better than the baseline of always answering shirt (75.0 %)",
        ),
        ([0], [0], "All 1 right"),
    ],
)
def test_the_head_at_the_edges(labels, predicted, expected):
    assert expected in headline(evaluated(labels, predicted, ["shirt", "coat"]))


def test_no_commonest_mistake_is_named_where_no_two_are_alike():
    evaluation = evaluated([0, 1, 2] * 40 + [0, 1], [0, 1, 2] * 40 + [1, 2], ["a", "b", "c"])
    assert "most often" not in headline(evaluation)


@given(st.integers(0, 10_000), st.integers(1, 10_000))
def test_a_percentage_is_never_rounded_to_all_or_none(part, whole):
    fraction = min(part, whole) / whole
    number = float(percent(fraction, ""))
    assert (number == 100) == (fraction == 1)
    assert (number == 0) == (fraction == 0)
    assert number / 100 == pytest.approx(fraction, abs=0.0005001)


def test_few_classes_are_all_listed_with_the_matrix():
    text = to_text(drawn(10, 500))
    assert all(f"class {index} " in text for index in range(10))
    assert "Confusion matrix, a row a true class" in text
    assert "worst" not in text


def test_many_classes_show_the_worst_and_say_so():
    evaluation = drawn(150, 3000)
    text = to_text(evaluation)
    assert "The 10 worst of 150 classes" in text
    assert "Most often confused:" in text
    assert len(text.splitlines()) < 45
    assert max(map(len, text.splitlines()[1:])) < 120  # the first is prose


def test_two_classes_do_not_boast_with_a_top_five():
    assert "top-five accuracy" not in to_text(drawn(2, 50))
    assert "top-five accuracy" in to_text(drawn(6, 50))


def test_names_of_any_script_line_up():
    evaluation = evaluated([0, 1, 2, 2], [0, 1, 2, 0], ["고양이", "dog", "x" * 80])
    rows = to_text(evaluation).split("\n\n")[2].splitlines()[1:]
    assert len({cell_len(row) for row in rows}) == 1
    assert "…" in to_text(evaluation)


def test_names_cannot_steer_the_terminal():
    evaluation = evaluated([0, 1, 2], [0, 1, 1], ["\x1b[31mred", "a\nb", "\u202egnp"])
    text = to_text(evaluation)
    assert "\x1b" not in text
    assert "\u202e" not in text
    text.encode("utf-8")


def test_printable_keeps_joiners_and_escapes_half_characters():
    assert printable("👨‍👩‍👧 می‌خواهم") == "👨‍👩‍👧 می‌خواهم"
    assert printable("\udcff\x00") == r"\udcff\x00"


@given(st.lists(st.sampled_from(["", " ", "a", "a (2)", "a (1)", "b\x00", "b\x01"]), min_size=1, max_size=8))
def test_shown_names_are_told_apart(names):
    evaluation = evaluated([0], [0], names)
    shown = class_names(evaluation)
    assert len(set(shown)) == len(names)
    assert all(name.strip() for name in shown)


def test_absent_classes_come_last_and_show_a_dash():
    evaluation = evaluated([0, 0, 2], [0, 2, 2], ["a", "absent", "c"])
    assert worst_first(evaluation)[-1] == 1
    assert any(line.split() == ["absent", "-", "-", "-", "0"] for line in to_text(evaluation).splitlines())


def test_aligned_counts_cells():
    assert text_table([("가", "1"), ("abc", "22")], "<>") == "가    1\nabc  22"


def test_an_account_names_the_files_behind_mistakes_sizes_and_what_came_of_being_sure():
    generator = np.random.default_rng(0)
    labels = generator.integers(0, 3, 300)
    called = np.where(generator.random(300) < 0.8, labels, (labels + 1) % 3)
    weights = 0.5 * generator.random((300, 3))
    weights[np.arange(300), called] += 2
    answers = weights / weights.sum(1, keepdims=True)
    evaluation = evaluate_probabilities(answers, labels, ("shirt", "coat", "bag"))
    curve = RiskCoverageCurve.measured(answers.max(1), called == labels, "validation pictures")
    sizes = np.repeat([[10, 20], [30, 20], [100, 200]], 100, axis=0)
    names = [f"{index}\x1b.png" for index in range(300)]
    model = SimpleNamespace(temperature=0.5, facts={"sure": 0.75}, curve=curve)
    told = evaluation_report(model, evaluation, answers, labels, names, sizes_N2=sizes)
    said = to_text(evaluation, report=told)
    assert "\x1b" not in said
    surest = told.cells[0].pictures
    assert (
        f"{surest[0].name}, {surest[1].name}, {surest[2].name}, and {len(surest) - 3} more".replace("\x1b", r"\x1b")
        in said
    )
    assert "before calibration" in said
    assert "Asked for an accuracy of 75 %" in said.splitlines()[0]
    lines = [line.split() for line in said.splitlines()]
    assert [line[:3] for line in lines if line[:1] in (["20"], ["200"])] == [
        ["20", "x", "10"],
        ["20", "x", "30"],
        ["200", "x", "100"],
    ]
    assert [line[0] for line in lines if line[1:2] == ["%"]] == ["75", "90", "95", "99"]
