"""What the pages say, in every language; one mapping each, with the same keys."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from convscope.render.html.words_look import LOOK
from convscope.render.html.words_operations import OPERANDS, OPERATIONS, STEPS

Lang = Literal["en", "ko"]

TEXTS: Mapping[str, tuple[str, str]] = {
    "one file": (
        "This page is one file: it loads nothing and sends nothing. Sums and results are computed by convscope in "
        "NumPy (float64); the page only looks them up and multiplies a value by its weight to show the product.",
        "이 페이지는 파일 하나입니다. 아무것도 내려받거나 보내지 않습니다. 합과 결과는 convscope가 NumPy(float64)로 "
        "계산했고, 페이지는 그 값을 찾아 보여 주며 곱을 표시할 때만 값과 가중치를 곱합니다.",
    ),
    "one file alone": (
        "This page is one file: it loads nothing and sends nothing.",
        "이 페이지는 파일 하나입니다. 아무것도 내려받거나 보내지 않습니다.",
    ),
    "made by calc": ("convscope calc", "convscope calc"),
    # parts of an operation
    "input": ("input", "입력"),
    "output": ("output", "출력"),
    "kernel": ("kernel", "커널"),
    "kernels": ("kernel of filter {n}", "필터 {n}의 커널"),
    "weights": ("weights", "가중치"),
    "channel n": ("channel {n}", "채널 {n}"),
    "input n": ("input {n}", "입력 {n}"),
    "of shape": ("{what} {shape}", "{what} {shape}"),
    "input channel": ("input, channel {n}", "입력, 채널 {n}"),
    "kernel channel": ("kernel, channel {n}", "커널, 채널 {n}"),
    "output channel": ("output, channel {n}", "출력, 채널 {n}"),
    "filters": ("Filters", "필터"),
    "output channels": ("Output channels", "출력 채널"),
    "channel parameters": ("of each channel", "채널별 값"),
    "weight": ("weight", "가중치"),
    "bias": ("bias", "편향"),
    "running_mean": ("mean", "평균"),
    "running_var": ("variance", "분산"),
    "mask": ("mask", "마스크"),
    "padding": ("padding", "패딩"),
    "and more": ("and {n} more that are not shown", "그 밖에 {n}개는 표시하지 않음"),
    # the controls
    "window": ("The window at work", "윈도가 움직이는 모습"),
    "every output": ("Output by output", "출력 하나씩"),
    "previous": ("Previous output", "이전 출력"),
    "next": ("Next output", "다음 출력"),
    "play": ("Play", "재생"),
    "pause": ("Pause", "일시 정지"),
    "position": ("Which output", "출력 위치"),
    "n of count": ("{n} of {count}", "{count}개 중 {n}번째"),
    "how to": (
        "Tap any cell of the input or the output, drag the slider, or use the arrow keys; the space bar plays.",
        "입력이나 출력의 칸을 누르거나, 슬라이더를 끌거나, 방향키를 쓰세요. 스페이스 바를 누르면 재생됩니다.",
    ),
    # the arithmetic
    "arithmetic": ("This output, term by term", "이 출력을 항별로 보기"),
    "arithmetic of": ("{where}, term by term", "{where}을(를) 항별로 보기"),
    "value": ("value", "값"),
    "product": ("product", "곱"),
    "adds": ("adds", "더하는 값"),
    "from": ("from", "어디서"),
    "the largest": ("the largest", "최댓값"),
    "show more channels": ("show {n} more channels", "채널 {n}개 더 보기"),
    "show more terms": ("show {n} more terms", "항 {n}개 더 보기"),
    "sum of terms": ("The sum of all {n} terms: {sum}", "항 {n}개의 합: {sum}"),
    "largest of terms": ("The largest of {n} values: {sum}", "값 {n}개 중 최댓값: {sum}"),
    "product of terms": ("The product of {n} values: {sum}", "값 {n}개의 곱: {sum}"),
    # the shape
    "shape": ("Why the output has this shape", "출력의 크기가 이렇게 되는 까닭"),
    "same shape": (
        "The output has the shape of the input: {shape}.",
        "출력의 크기는 입력과 같습니다: {shape}.",
    ),
    "output shape": ("The output is {shape}.", "출력의 크기는 {shape}입니다."),
    "shortened": (
        "One place less, because the last window would start in the padding behind.",
        "마지막 윈도가 뒤쪽 패딩에서 시작하게 되므로 위치가 하나 줄어듭니다.",
    ),
    "padding of": ("padding {before} before, {after} behind", "앞쪽 패딩 {before}, 뒤쪽 패딩 {after}"),
    "costs": (
        "{weights} weights, {biases} biases, {macs} multiply-adds",
        "가중치 {weights}개, 편향 {biases}개, 곱셈-덧셈 {macs}회",
    ),
    "costs without bias": ("{weights} weights, {macs} multiply-adds", "가중치 {weights}개, 곱셈-덧셈 {macs}회"),
    # im2col
    "im2col": ("As one matrix product (im2col)", "행렬 곱 하나로 (im2col)"),
    "im2col text": (
        "Every window is a column. On the left stands the filter, unfolded the same way; each output below is the "
        "sum of the products of that column of weights with the column above it. Tap a column to see its window.",
        "윈도 하나가 열 하나입니다. 왼쪽에는 같은 방식으로 펼친 필터가 있고, 아래의 각 출력은 그 가중치 열과 위의 "
        "열을 "
        "곱해 더한 값입니다. 열을 누르면 그 윈도가 표시됩니다.",
    ),
    "im2col text alone": (
        "Every window is a column. Tap a column to see its window.",
        "윈도 하나가 열 하나입니다. 열을 누르면 그 윈도가 표시됩니다.",
    ),
    "place": ("place", "위치"),
    "gradients": ("What a small change does (gradients)", "값이 조금 바뀌면 (기울기)"),
    "gradients text": (
        "How much the loss gains for each unit by which a number grows, near its value. At the output the gradient "
        "is given; the "
        "chain rule leads from there to the inputs and the weights.",
        "각 수가 그 값 근처에서 커질 때 손실이 얼마나 빨리 커지는지 나타냅니다. 출력의 기울기는 주어진 것이고, "
        "거기서 연쇄 법칙으로 입력과 가중치의 "
        "기울기를 구합니다.",
    ),
    "before": ("First, over the batch", "먼저 배치 전체에 대해"),
    "curve function": ("the function", "함수"),
    "curve slope": ("its slope", "기울기"),
    "slope here": ("slope here: {slope}", "여기서의 기울기: {slope}"),
}
"""Everything else."""


def _language(at: int) -> dict[str, str]:
    groups = {"op: ": OPERATIONS, "step: ": STEPS, "operand: ": OPERANDS, "": {**TEXTS, **LOOK}}
    return {prefix + key: said[at] for prefix, group in groups.items() for key, said in group.items()}


LANGUAGES: Mapping[Lang, Mapping[str, str]] = {"en": _language(0), "ko": _language(1)}
"""The words of each language by key; ``op: WORD``, ``step: NAME`` and ``operand: NAME`` are those of the "
"arithmetic."""
