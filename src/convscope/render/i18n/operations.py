"""What the pages say of operations, and of the steps and numbers of their arithmetic; see the package."""

from __future__ import annotations

from collections.abc import Mapping

OPERATIONS: Mapping[str, tuple[str, str]] = {
    "conv": (
        "A kernel slides over the input. At each place, its weights are multiplied with the values below them, and "
        "the products are summed: over the window, and over all channels that the filter reads.",
        "커널이 입력 위를 이동합니다. 각 위치에서 가중치와 그 아래의 값을 곱하고, 그 곱을 윈도우 전체와 필터가 읽는 "
        "모든 "
        "채널에 대해 더합니다.",
    ),
    "linear": (
        "Each output is a weighted sum of all inputs: the perceptron.",
        "각 출력은 모든 입력의 가중합입니다. 퍼셉트론과 같습니다.",
    ),
    "maxpool": (
        "Of each window, the largest value stays. No weights; channels are kept.",
        "윈도우마다 가장 큰 값만 남깁니다. 가중치가 없고 채널 수는 그대로입니다.",
    ),
    "avgpool": (
        "Of each window, the mean. No weights; channels are kept.",
        "윈도우마다 평균을 구합니다. 가중치가 없고 채널 수는 그대로입니다.",
    ),
    "adaptiveavgpool": (
        "The mean of as many windows as the output has places.",
        "출력의 위치 수만큼 윈도우를 나누어 평균을 구합니다.",
    ),
    "adaptivemaxpool": (
        "The largest value of as many windows as the output has places.",
        "출력의 위치 수만큼 윈도우를 나누어 최댓값을 구합니다.",
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
        "모든 윈도우를 행렬의 열로 펼쳐 합성곱을 행렬 곱 하나로 바꿉니다.",
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
    "after": ("after the step", "갱신한 뒤"),
    "density": ("density", "밀도"),
    "its own": ("its own", "자기 값"),
    "of the read": ("of what it reads", "읽은 값"),
    "part of the mean": ("part of the mean", "평균에서의 몫"),
    "product of the others": ("product of the others", "나머지의 곱"),
    "share": ("share", "몫"),
    "slope": ("slope", "기울기"),
    "slope of the loss": ("slope of the loss", "손실의 기울기"),
    "slope where": ("slope where {where}", "{where}에서의 기울기"),
    "smoothed loss": ("smoothed loss", "스무딩한 손실"),
    "tanh": ("tanh", "쌍곡 탄젠트"),
    "through the divisor": ("through the divisor", "나누는 수를 통해"),
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
    "before": ("before", "갱신 전"),
    "branch": ("branch {n}", "갈래 {n}"),
    "density": ("density", "밀도"),
    "deviation": ("standard deviation", "표준 편차"),
    "examples": ("examples", "예제 수"),
    "gradient": ("gradient", "기울기"),
    "its own": ("its own", "자기 값"),
    "learning rate": ("learning rate", "학습률"),
    "loss": ("loss", "손실"),
    "loss of the label": ("loss of the label", "정답의 손실"),
    "mean loss of all classes": ("mean loss of all classes", "모든 클래스 손실의 평균"),
    "of the read": ("of what it reads", "읽은 값"),
    "score": ("score", "점수"),
    "smoothing": ("smoothing", "스무딩"),
    "tanh": ("tanh", "쌍곡 탄젠트"),
    "target": ("target", "목표"),
    "that of the other": ("that of the other", "상대의 확률"),
    "the read": ("what it reads", "읽은 값"),
    "through the divisor": ("through the divisor", "나누는 수를 통한 값"),
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
