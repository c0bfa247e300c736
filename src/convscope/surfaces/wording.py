"""The words of an evaluation, for the terminal and the report: one mapping, so that a language is one more of it."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence

from convscope.learning.metrics import Evaluation, most_confused
from convscope.learning.sureness import Kept

Words = Mapping[str, str]

FEW = 100
"""Below so many pictures "in 100" would claim more than was seen."""

ENGLISH: Words = {
    "language": "en",
    # the sentence at the head
    "about": "About {share} in {whole} right: {top1} ({low} to {high} with 95 % confidence) of {pictures}.",
    "of few": "{correct} of {count} right: {top1} ({low} to {high} with 95 % confidence; few pictures, wide bounds).",
    "all": "All {count} right: {top1} ({low} to {high} with 95 % confidence).",
    "none": "None of {count} right: {top1} ({low} to {high} with 95 % confidence).",
    "one mistake": "Its one mistake takes {true} for {predicted}.",
    "confuses": "It takes {true} for {predicted} most often ({count} of {support}).",
    "no better": "That is not surely better than always answering {name} ({baseline}).",
    "one picture": "1 picture",
    "pictures": "{count} pictures",
    # the numbers
    "top1": "right",
    "top1 note": "{low} to {high} with 95 % confidence",
    "top5": "top five",
    "top5 note": "the right class is among its five likeliest",
    "balanced": "balanced accuracy",
    "balanced note": "mean recall of the {classes} classes that occur",
    "baseline": "without a network",
    "baseline note": "by always answering {name}",
    "baseline tick": "the tick on the scale",
    "loss": "loss",
    "loss note": "mean negative log likelihood, in nats",
    "ece": "calibration error",
    "too sure": "{points} points too sure of itself on average",
    "too modest": "{points} points too modest on average",
    "well judged": "as sure as it is right, on average",
    "guessing": "Below a certainty of {probability} it is guessing: at most half of such answers are right.",
    "sure": "When it may say that it does not know",
    "sure text": "Asked to be right in a share of its answers, it answers `unknown` where it is less sure than the "
    "threshold, which was chosen on other pictures. What came of it here:",
    "stated": "asked for",
    "threshold": "threshold",
    "kept": "right of those answered",
    "answered": "answered",
    "robustness": "On worse pictures",
    "robustness text": "The share right on {count} pictures when they are spoilt, from 1 (a little) to 5 (badly).",
    "robustness alt": "Share right by how much the pictures are spoilt",
    "weakest": "It minds {kind} most.",
    "spoilt": "spoilt by",
    "untouched": "as it is",
    "spoilt blur": "blur",
    "spoilt noise": "noise",
    "spoilt jpeg": "JPEG",
    "spoilt dark": "darkness",
    "spoilt bright": "brightness",
    "spoilt pale": "low contrast",
    "not vouched": "the pictures it was calibrated on cannot vouch for so much",
    # the tables
    "class": "class",
    "precision": "precision",
    "recall": "recall",
    "f1": "F1",
    "support": "pictures",
    "worst classes": "The {n} worst of {classes} classes, by F1:",
    "precision means": "Precision: of those called so, the share that are. Recall: of those that are, the share found.",
    "matrix": "Rows are what the pictures are, columns what they were taken for:",
    "most confused": "Most often confused:",
    "taken for": "taken for",
    "count of": "{count} of {support}",
    # the report
    "made by": "convscope report",
    "sections": "Sections",
    "key numbers": "Key numbers",
    "curves": "How it learned",
    "curves text": "Epochs: {epochs}. Where training goes on improving and validation does not, it learns by heart.",
    "curves unfinished": "{n} values are not numbers and are not drawn: the training diverged there.",
    "curves alt": "Learning curves: {what} by epoch",
    "loss axis": "Loss",
    "accuracy axis": "Accuracy",
    "rate axis": "Learning rate",
    "epoch axis": "epoch",
    "train": "training",
    "validation": "validation",
    "reliability": "How far its certainty can be trusted",
    "reliability text": "When it is 90 % sure it should be right 9 times in 10: bars that reach the dashed line. "
    "Bars below the line: too sure; above: too modest. The thin lines are 95 % intervals. Here it is {judgement}; "
    "calibration error {ece}.",
    "reliability alt": "Reliability diagram: share right by stated probability",
    "sureness axis": "how sure it was",
    "share right axis": "share right",
    "share axis": "pictures",
    "confusion": "What it takes for what",
    "confusion text": "A row is what the pictures are, a column what they were taken for. Blue is right, red is "
    "wrong; "
    "the darker, the larger the share of its row.",
    "confusion linked": "A red cell with a frame leads to its pictures.",
    "confusion too wide": "With {classes} classes a matrix is not readable; these are the commonest mistakes.",
    "confusion alt": "Confusion matrix, {classes} by {classes}",
    "true axis": "what it is",
    "predicted axis": "what it was taken for",
    "pairs": "Most often confused, with the pictures",
    "pairs text": "The surest mistakes of each pair first; the number is how sure it was.",
    "pair of": "{count} of {support} ({share})",
    "no mistakes": "It made no mistake on these pictures.",
    "more": "and {n} more",
    "sure mistakes": "Its surest mistakes",
    "sure mistakes text": "Look at the label first: what a good classifier is surest of and wrong about is often "
    "labelled wrongly, cut badly, or two things at once.",
    "said": "said",
    "is": "is",
    "picture alt": "{name}: {true}, taken for {predicted}",
    "classes": "Class by class",
    "classes text": "The worst F1 first. Precision: of those called so, the share that are. Recall: of those that "
    "are, the share found. F1: the harmonic mean of both.",
    "absent classes": "A dash: there was no picture of this class, or none was called so.",
    "all classes": "The other {n} classes",
    "network": "The network",
    "facts": "Where it comes from",
    "again": "Run it again",
    "one file": "This page is one file: it loads nothing and runs nothing.",
}


KOREAN: Words = {
    "language": "ko",
    # the sentence at the head
    "about": "약 {whole}개 중 {share}개를 맞혔습니다: {pictures} 중 {top1} (95 % 신뢰 구간 {low}–{high}).",
    "of few": "{count}개 중 {correct}개를 맞혔습니다: {top1} (95 % 신뢰 구간 {low}–{high}; 사진이 적어 구간이 "
    "넓습니다).",
    "all": "{count}개를 모두 맞혔습니다: {top1} (95 % 신뢰 구간 {low}–{high}).",
    "none": "{count}개 중 하나도 맞히지 못했습니다: {top1} (95 % 신뢰 구간 {low}–{high}).",
    "one mistake": "단 한 번, 정답이 {true}인 사진을 {predicted}(으)로 잘못 분류했습니다.",
    "confuses": "정답이 {true}인 사진을 {predicted}(으)로 가장 자주 잘못 분류합니다 ({support}개 중 {count}개).",
    "no better": "언제나 {name}(이)라고 답하는 것({baseline})보다 확실히 낫다고 할 수 없습니다.",
    "one picture": "사진 1개",
    "pictures": "사진 {count}개",
    # the numbers
    "top1": "정확도",
    "top1 note": "95 % 신뢰 구간 {low}–{high}",
    "top5": "상위 5개 정확도",
    "top5 note": "정답이 확률이 가장 높은 다섯 클래스 안에 있음",
    "balanced": "균형 정확도",
    "balanced note": "나타나는 {classes}개 클래스의 재현율 평균",
    "baseline": "신경망 없이",
    "baseline note": "언제나 {name}(이)라고 답할 때",
    "baseline tick": "눈금 위의 표시",
    "loss": "손실",
    "loss note": "음의 로그 가능도의 평균 (nat)",
    "ece": "보정 오차 (ECE)",
    "too sure": "평균 {points}점만큼 지나치게 확신함",
    "too modest": "평균 {points}점만큼 덜 확신함",
    "well judged": "평균적으로 맞히는 만큼 확신함",
    "guessing": "확신이 {probability}보다 낮으면 찍는 것과 같습니다. 그런 답은 많아야 절반만 맞습니다.",
    "sure": "모른다고 답해도 될 때",
    "sure text": "답한 것 중 정해진 비율만큼 맞히라고 하면, 확신이 기준보다 낮을 때 `unknown`이라고 답합니다. 기준은 "
    "다른 사진으로 정했습니다. 이 사진들에서의 결과:",
    "stated": "요구한 정밀도",
    "threshold": "기준",
    "kept": "답한 것 중 정답",
    "answered": "답한 비율",
    "robustness": "화질이 나쁜 사진에서는",
    "robustness text": "사진 {count}개를 1(조금)부터 5(심하게)까지 망가뜨렸을 때의 정답 비율입니다.",
    "robustness alt": "사진을 망가뜨린 정도별 정답 비율",
    "weakest": "{kind}에 가장 약합니다.",
    "spoilt": "망가뜨린 방법",
    "untouched": "원본",
    "spoilt blur": "흐림",
    "spoilt noise": "잡음",
    "spoilt jpeg": "JPEG",
    "spoilt dark": "어두움",
    "spoilt bright": "밝음",
    "spoilt pale": "낮은 대비",
    "not vouched": "보정에 쓴 사진이 적어 그만큼은 보증할 수 없습니다",
    # the tables
    "class": "클래스",
    "precision": "정밀도",
    "recall": "재현율",
    "f1": "F1",
    "support": "사진 수",
    "worst classes": "{classes}개 클래스 중 F1이 가장 낮은 {n}개:",
    "precision means": "정밀도: 그렇다고 답한 것 중 실제로 그런 비율. 재현율: 실제로 그런 것 중 찾아낸 비율.",
    "matrix": "행은 사진의 정답, 열은 모델의 답입니다:",
    "most confused": "가장 자주 혼동한 것:",
    "taken for": "모델의 답",
    "count of": "{support}개 중 {count}개",
    # the report
    "made by": "convscope 보고서",
    "sections": "목차",
    "key numbers": "주요 수치",
    "curves": "학습 과정",
    "curves text": "에포크: {epochs}. 학습은 계속 나아지는데 검증이 나아지지 않으면 과적합입니다.",
    "curves unfinished": "숫자가 아닌 값 {n}개는 그리지 않았습니다. 그곳에서 학습이 발산했습니다.",
    "curves alt": "학습 곡선: 에포크별 {what}",
    "loss axis": "손실",
    "accuracy axis": "정확도",
    "rate axis": "학습률",
    "epoch axis": "에포크",
    "train": "학습",
    "validation": "검증",
    "reliability": "모델의 확신을 얼마나 믿을 수 있는가",
    "reliability text": "90 % 확신할 때는 10번 중 9번 맞아야 합니다. 막대가 점선에 닿으면 그렇습니다. 막대가 "
    "점선보다 낮으면 "
    "지나치게 확신하는 것이고, 높으면 덜 확신하는 것입니다. 가는 선은 95 % 신뢰 구간입니다. 이 모델: {judgement}, "
    "보정 오차 "
    "{ece}.",
    "reliability alt": "신뢰도 도표: 모델이 말한 확률별 정답 비율",
    "sureness axis": "모델의 확신",
    "share right axis": "정답 비율",
    "share axis": "사진",
    "confusion": "무엇을 무엇으로 분류하는가 (혼동 행렬)",
    "confusion text": "행은 사진의 정답, 열은 모델의 답입니다. 파란색은 맞힌 것, 빨간색은 틀린 것이며, 진할수록 그 "
    "행에서 차지하는 "
    "비율이 큽니다.",
    "confusion linked": "테두리가 있는 빨간 칸을 누르면 그 사진으로 갑니다.",
    "confusion too wide": "클래스가 {classes}개라 행렬로는 읽을 수 없습니다. 가장 흔한 오류만 보입니다.",
    "confusion alt": "혼동 행렬, {classes} × {classes}",
    "true axis": "정답",
    "predicted axis": "모델의 답",
    "pairs": "가장 자주 혼동한 클래스와 그 사진",
    "pairs text": "쌍마다 가장 확신하고 틀린 것부터 보입니다. 숫자는 모델의 확신입니다.",
    "pair of": "{support}개 중 {count}개 ({share})",
    "no mistakes": "이 사진들에서는 틀린 것이 없습니다.",
    "more": "그 밖에 {n}개",
    "sure mistakes": "가장 확신하고 틀린 것",
    "sure mistakes text": "먼저 레이블을 보세요. 좋은 분류기가 가장 확신하고 틀린 사진은 레이블이 잘못되었거나, 잘못 "
    "잘렸거나, 한 "
    "번에 두 가지를 담은 경우가 많습니다.",
    "said": "모델의 답",
    "is": "정답",
    "picture alt": "{name}: 정답 {true}, 모델의 답 {predicted}",
    "classes": "클래스별 결과",
    "classes text": "F1이 낮은 것부터입니다. 정밀도: 그렇다고 답한 것 중 실제로 그런 비율. 재현율: 실제로 그런 것 중 "
    "찾아낸 비율. "
    "F1: 두 값의 조화 평균.",
    "absent classes": "줄표: 이 클래스의 사진이 없거나, 이 클래스라고 답한 적이 없습니다.",
    "all classes": "나머지 {n}개 클래스",
    "network": "신경망",
    "facts": "어떻게 만들어졌는가",
    "again": "다시 실행하기",
    "one file": "이 페이지는 파일 하나입니다. 아무것도 내려받거나 실행하지 않습니다.",
}
"""The same in Korean, in the terms of the field; particles that depend on a name stand in both forms."""


LANGUAGES: Mapping[str, Words] = {"en": ENGLISH, "ko": KOREAN}


def count_text(count: int) -> str:
    """A count for people.

    Example:
        >>> count_text(10000)
        '10,000'
    """
    return f"{count:,}"


def pictures_text(count: int, words: Words = ENGLISH) -> str:
    """So many pictures, singular for one."""
    return words["one picture"] if count == 1 else words["pictures"].format(count=count_text(count))


def percent(fraction: float | None, sign: str = " %") -> str:
    """A fraction as a percentage; never rounded to a 0 or a 100 that it is not; a dash for None.

    Example:
        >>> percent(0.919), percent(0.99996), percent(1.0), percent(None)
        ('91.9 %', '99.996 %', '100 %', '-')
    """
    if fraction is None:
        return "-"
    if fraction in (0.0, 1.0):
        return f"{100 * fraction:.0f}{sign}"
    for digits in range(1, 7):
        text = f"{100 * fraction:.{digits}f}"
        if float(text) not in (0.0, 100.0):
            break
    return text + sign


def sureness(probability: float) -> str:
    """A probability beside a picture: short, for there it is the tenth of a percent that counts.

    Example:
        >>> sureness(0.99996), sureness(0.5), sureness(1e-9)
        ('>99.9 %', '50.0 %', '<0.1 %')
    """
    if probability > 0.9995:
        return ">99.9 %"
    return "<0.1 %" if probability < 0.0005 else f"{100 * probability:.1f} %"


def printable(text: str) -> str:
    """``text`` without what could steer a terminal or break a page: controls, half characters, bidi overrides.

    Names of classes and files come from anywhere. Joiners stay: Persian words and emoji families are made with them.

    Example:
        >>> printable("cat\\x1b[31m")
        'cat\\ufffd[31m'
    """
    return "".join("\ufffd" if _steers(character) else character for character in text)


def _steers(character: str) -> bool:
    override = "\u202a" <= character <= "\u202e" or "\u2066" <= character <= "\u2069"
    return override or unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp")


def class_names(evaluation: Evaluation) -> list[str]:
    """The class names as they are shown: printable, told apart, and the blank ones numbered."""
    shown: dict[str, None] = {}
    for index, name in enumerate(map(printable, evaluation.classes)):
        while not name.strip() or name in shown:
            name = f"{name.strip()} ({index})".strip()
        shown[name] = None
    return list(shown)


def sure_rows(sure: Sequence[Kept], words: Words) -> list[tuple[str, ...]]:
    """Stated precision, threshold, what was kept with its interval, and the share answered, as texts."""
    rows: list[tuple[str, ...]] = []
    for one in sure:
        if one.threshold is None:
            rows.append((percent(one.stated), "-", words["not vouched"], "-"))
            continue
        low, high = (percent(end, "") for end in one.interval or (0.0, 1.0))
        kept = f"{percent(one.precision)} ({low}-{high})" if one.answered else "-"
        answered = f"{percent(one.coverage)} ({count_text(one.answered)})"
        rows.append((percent(one.stated), percent(one.threshold), kept, answered))
    return rows


def headline(evaluation: Evaluation, words: Words = ENGLISH) -> str:
    """The evaluation in two or three plain sentences.

    Example:
        >>> import numpy as np
        >>> from convscope.learning.metrics import evaluate_probabilities
        >>> answers, labels = np.eye(2)[[0, 1, 1, 0, 1] * 50], np.array([0, 1, 1, 0, 0] * 50)
        >>> evaluation = evaluate_probabilities(answers, labels, ("cat", "dog"))
        >>> print(headline(evaluation).replace(". ", ".\\n"))
        About 80 in 100 right: 80.0 % (74.6 to 84.5 with 95 % confidence) of 250 pictures.
        It takes cat for dog most often (50 of 150).
    """
    fields = {
        "correct": count_text(evaluation.correct),
        "count": count_text(evaluation.count),
        "pictures": pictures_text(evaluation.count, words),
        "top1": percent(evaluation.top1),
        "low": percent(evaluation.interval[0], ""),
        "high": percent(evaluation.interval[1], ""),
    }
    if evaluation.correct in (0, evaluation.count):
        sentences = [words["all" if evaluation.correct else "none"].format(**fields)]
    elif evaluation.count < FEW:
        sentences = [words["of few"].format(**fields)]
    else:
        share, whole = _in_a_hundred(evaluation.top1)
        sentences = [words["about"].format(share=count_text(share), whole=count_text(whole), **fields)]
    names = class_names(evaluation)
    mistakes = evaluation.count - evaluation.correct
    for pair in most_confused(evaluation, 1):
        if pair.count == 1 < mistakes:
            continue  # no two mistakes are alike: none is the commonest
        sentences.append(
            words["one mistake" if mistakes == 1 else "confuses"].format(
                true=names[pair.true],
                predicted=names[pair.predicted],
                count=count_text(pair.count),
                support=count_text(evaluation.per_class[pair.true].support),
            )
        )
    if len(evaluation.classes) > 1 and evaluation.interval[0] <= evaluation.baseline and evaluation.top1 < 1:
        name, baseline = commonest(evaluation), percent(evaluation.baseline)
        sentences.append(words["no better"].format(name=name, baseline=baseline))
    if evaluation.guessing is not None:
        sentences.append(words["guessing"].format(probability=percent(evaluation.guessing)))
    return " ".join(sentences)


def _in_a_hundred(share: float) -> tuple[int, int]:
    """The share in 100, or in 1,000 and more where 100 would round it to none or all."""
    whole = 100
    while round(share * whole) in (0, whole):
        whole *= 10
    return round(share * whole), whole


def commonest(evaluation: Evaluation) -> str:
    """The name of the class with the most pictures."""
    supports = [score.support for score in evaluation.per_class]
    return class_names(evaluation)[supports.index(max(supports))]


def judgement(evaluation: Evaluation, words: Words = ENGLISH) -> str:
    """Whether it is too sure of itself, in words."""
    points = 100 * evaluation.overconfidence
    if abs(points) < 0.5:
        return words["well judged"]
    return words["too sure" if points > 0 else "too modest"].format(points=f"{abs(points):.1f}")
