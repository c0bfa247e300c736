"""What the pages say, in every language; one mapping each, with the same keys."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

Lang = Literal["en", "ko"]

OPERATIONS: Mapping[str, tuple[str, str]] = {
    "conv": (
        "A kernel slides over the input. At each place, its weights are multiplied with the values below them, and "
        "the products are summed: over the window, and over all channels that the filter reads.",
        "커널이 입력 위를 이동합니다. 각 위치에서 가중치와 그 아래의 값을 곱하고, 그 곱을 윈도 전체와 필터가 읽는 모든 "
        "채널에 대해 더합니다.",
    ),
    "linear": (
        "Each output is a weighted sum of all inputs: the perceptron.",
        "각 출력은 모든 입력의 가중합입니다. 퍼셉트론과 같습니다.",
    ),
    "maxpool": (
        "Of each window, the largest value stays. No weights; channels are kept.",
        "윈도마다 가장 큰 값만 남깁니다. 가중치가 없고 채널 수는 그대로입니다.",
    ),
    "avgpool": (
        "Of each window, the mean. No weights; channels are kept.",
        "윈도마다 평균을 구합니다. 가중치가 없고 채널 수는 그대로입니다.",
    ),
    "adaptiveavgpool": (
        "The mean of as many windows as the output has places.",
        "출력의 위치 수만큼 윈도를 나누어 평균을 구합니다.",
    ),
    "adaptivemaxpool": (
        "The largest value of as many windows as the output has places.",
        "출력의 위치 수만큼 윈도를 나누어 최댓값을 구합니다.",
    ),
    "globalavgpool": ("The mean of each channel.", "채널마다 전체 평균을 구합니다."),
    "globalmaxpool": ("The largest value of each channel.", "채널마다 전체 최댓값을 구합니다."),
    "relu": (
        "Negative values become 0, the others pass: max(0, x).",
        "음수는 0이 되고 나머지는 그대로 통과합니다: max(0, x).",
    ),
    "relu6": ("As ReLU, but never above 6.", "ReLU와 같지만 6을 넘지 않습니다."),
    "leakyrelu": (
        "As ReLU, but negative values keep a small slope.",
        "ReLU와 같지만 음수에도 작은 기울기를 남깁니다.",
    ),
    "gelu": (
        "x times the share of the normal distribution that lies below x.",
        "x에 표준 정규 분포에서 x보다 작을 확률을 곱합니다.",
    ),
    "silu": ("x times its sigmoid.", "x에 x의 시그모이드를 곱합니다."),
    "hardswish": (
        "x times a sigmoid made of straight lines.",
        "x에 직선으로 근사한 시그모이드를 곱합니다.",
    ),
    "hardsigmoid": ("A sigmoid made of straight lines.", "직선으로 근사한 시그모이드입니다."),
    "tanh": (
        "Squashes every number between −1 and 1.",
        "모든 수를 −1과 1 사이로 압축합니다(쌍곡 탄젠트).",
    ),
    "sigmoid": (
        "Squashes every number between 0 and 1. Its slope is at most 0.25: multiplied layer after layer, it vanishes.",
        "모든 수를 0과 1 사이로 압축합니다. 기울기가 최대 0.25이므로 층마다 곱해지면 기울기가 소실됩니다.",
    ),
    "softmax": (
        "Scores become probabilities: each exponential over the sum of all.",
        "점수를 확률로 바꿉니다. 각 지수값을 모든 지수값의 합으로 나눕니다.",
    ),
    "batchnorm": (
        "Each channel is brought to mean 0 and variance 1, then scaled and shifted.",
        "채널마다 평균 0, 분산 1로 정규화한 뒤 스케일하고 이동합니다.",
    ),
    "layernorm": (
        "Each example is brought to mean 0 and variance 1, then scaled and shifted.",
        "예제마다 평균 0, 분산 1로 정규화한 뒤 스케일하고 이동합니다.",
    ),
    "groupnorm": (
        "Groups of channels are brought to mean 0 and variance 1, then scaled and shifted.",
        "채널 그룹마다 평균 0, 분산 1로 정규화한 뒤 스케일하고 이동합니다.",
    ),
    "localresponsenorm": (
        "Each value is divided by a power of the squares of its neighbours in other channels.",
        "이웃 채널 값들의 제곱합으로 각 값을 나눕니다.",
    ),
    "scale": ("Each channel times a trained number.", "채널마다 학습된 수를 곱합니다."),
    "flatten": ("All values in one vector, row by row.", "모든 값을 행 순서대로 하나의 벡터로 폅니다."),
    "identity": ("Passes its input on.", "입력을 그대로 내보냅니다."),
    "dropout": (
        "While training, sets values to 0 at random; otherwise passes its input on.",
        "학습할 때는 값을 무작위로 0으로 만들고, 그 밖에는 입력을 그대로 내보냅니다.",
    ),
    "padchannels": ("Channels of zeros before and behind.", "앞뒤에 0으로 된 채널을 덧붙입니다."),
    "add": (
        "The sum of the branches: a residual connection adds what skipped the layers.",
        "갈래들의 합입니다. 잔차 연결은 층을 건너뛴 값을 다시 더합니다.",
    ),
    "mul": ("The product of the branches.", "갈래들의 곱입니다."),
    "concat": ("The branches' channels one after another.", "갈래들의 채널을 차례로 이어 붙입니다."),
    "odds": (
        "How many times likelier than not: p / (1 − p).",
        "일어날 확률이 일어나지 않을 확률의 몇 배인지 나타냅니다: p / (1 − p).",
    ),
    "logit": (
        "The logarithm of the odds; the sigmoid is its inverse.",
        "오즈의 로그입니다. 시그모이드는 로짓의 역함수입니다.",
    ),
    "crossentropy": (
        "Minus the logarithm of the probability that softmax gives the right class.",
        "소프트맥스가 정답 클래스에 준 확률의 로그에 음의 부호를 붙인 값입니다.",
    ),
    "bce": (
        "Minus the logarithm of the probability given to the right one of two answers.",
        "두 답 중 정답에 준 확률의 로그에 음의 부호를 붙인 값입니다.",
    ),
    "onehot": (
        "A label becomes a row of zeros with a single 1.",
        "레이블을 하나만 1이고 나머지는 0인 행으로 바꿉니다.",
    ),
    "im2col": (
        "Every window becomes a column of one matrix, so that the convolution is one matrix product.",
        "모든 윈도를 행렬의 열로 펼쳐 합성곱을 행렬 곱 하나로 바꿉니다.",
    ),
    "pixel": (
        "A pixel from 0 to 255, brought to the range in which the network was trained.",
        "0부터 255까지의 픽셀 값을 신경망이 학습한 범위로 정규화합니다.",
    ),
}
"""What each operation does, in one or two sentences."""

STEPS: Mapping[str, tuple[str, str]] = {
    "with bias": ("with bias", "편향 더하기"),
    "mean": ("mean", "평균"),
    "variance": ("variance", "분산"),
    "unbiased variance": ("unbiased variance", "불편 분산"),
    "standardised": ("standardised", "정규화"),
    "scaled and shifted": ("scaled and shifted", "스케일과 이동"),
    "divisor": ("divisor", "나누는 수"),
    "value": ("value", "값"),
    "share below": ("share below", "아래쪽 확률"),
    "sigmoid": ("sigmoid", "시그모이드"),
    "hardsigmoid": ("hardsigmoid", "하드 시그모이드"),
    "exponential": ("exponential", "지수값"),
    "normalised": ("normalised", "정규화"),
    "odds": ("odds", "오즈"),
    "logit": ("logit", "로짓"),
    "probability": ("probability", "확률"),
    "loss": ("loss", "손실"),
    "rows": ("rows", "행"),
    "columns": ("columns", "열"),
    "length": ("length", "길이"),
    "depth": ("depth", "깊이"),
    "features": ("features", "특징 수"),
    "channels": ("channels", "채널 수"),
}
"""The names of steps."""

OPERANDS: Mapping[str, tuple[str, str]] = {
    "x": ("x", "x"),
    "y": ("y", "y"),
    "p": ("p", "p"),
    "k": ("k", "k"),
    "alpha": ("alpha", "알파"),
    "beta": ("beta", "베타"),
    "sum": ("sum", "합"),
    "count": ("count", "개수"),
    "bias": ("bias", "편향"),
    "weight": ("weight", "가중치"),
    "mean": ("mean", "평균"),
    "variance": ("variance", "분산"),
    "eps": ("eps", "엡실론"),
    "standardised": ("standardised", "정규화된 값"),
    "sum of squared differences": ("sum of squared differences", "편차 제곱의 합"),
    "sum of squares": ("sum of squares", "제곱의 합"),
    "size": ("size", "크기"),
    "divisor": ("divisor", "나누는 수"),
    "negative slope": ("negative slope", "음수 쪽 기울기"),
    "share below": ("share below", "아래쪽 확률"),
    "sigmoid": ("sigmoid", "시그모이드"),
    "hardsigmoid": ("hardsigmoid", "하드 시그모이드"),
    "largest": ("largest", "최댓값"),
    "exponential": ("exponential", "지수값"),
    "pixel": ("pixel", "픽셀"),
    "std": ("std", "표준 편차"),
    "odds": ("odds", "오즈"),
    "probability": ("probability", "확률"),
    "score of the label": ("score of the label", "정답의 점수"),
    "mask": ("mask", "마스크"),
    "rows": ("rows", "행"),
    "columns": ("columns", "열"),
    "length": ("length", "길이"),
    "depth": ("depth", "깊이"),
    "channels": ("channels", "채널"),
    "channels of": ("channels of input {n}", "입력 {n}의 채널"),
    "features": ("features", "특징"),
    "padding": ("padding", "패딩"),
    "padding before": ("padding before", "앞쪽 패딩"),
    "padding behind": ("padding behind", "뒤쪽 패딩"),
    "dilation": ("dilation", "팽창"),
    "kernel": ("kernel", "커널"),
    "stride": ("stride", "스트라이드"),
    "output_size": ("output size", "출력 크기"),
}
"""The names of the numbers in steps."""

TEXTS: Mapping[str, tuple[str, str]] = {
    "one file": (
        "This page is one file: it loads nothing and sends nothing. Sums and results are computed by convscope in "
        "NumPy (float64); the page only looks them up and multiplies a value by its weight to show the product.",
        "이 페이지는 파일 하나입니다. 아무것도 내려받거나 보내지 않습니다. 합과 결과는 convscope가 NumPy(float64)로 "
        "계산했고, 페이지는 그 값을 찾아 보여 주며 곱을 표시할 때만 값과 가중치를 곱합니다.",
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
    "largest channels": (
        "The channels that move the sum most come first.",
        "합을 가장 크게 움직이는 채널부터 보여 줍니다.",
    ),
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
        "윈도 하나가 열 하나입니다. 왼쪽에는 같은 방식으로 펼친 필터가 있고, 아래의 각 출력은 그 가중치 열과 위의 열을 "
        "곱해 더한 값입니다. 열을 누르면 그 윈도가 표시됩니다.",
    ),
    "im2col text alone": (
        "Every window is a column. Tap a column to see its window.",
        "윈도 하나가 열 하나입니다. 열을 누르면 그 윈도가 표시됩니다.",
    ),
    "place": ("place", "위치"),
    "before": ("First, over the batch", "먼저 배치 전체에 대해"),
    "curve": ("The function", "함수의 그래프"),
}
"""Everything else."""


def _language(at: int) -> dict[str, str]:
    groups = {"op: ": OPERATIONS, "step: ": STEPS, "operand: ": OPERANDS, "": TEXTS}
    return {prefix + key: said[at] for prefix, group in groups.items() for key, said in group.items()}


LANGUAGES: Mapping[Lang, Mapping[str, str]] = {"en": _language(0), "ko": _language(1)}
"""The words of each language by key; ``op: WORD``, ``step: NAME`` and ``operand: NAME`` are those of the arithmetic."""
