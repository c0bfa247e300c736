"""What the page of a look says beside the shared texts; see words.py."""

from __future__ import annotations

from collections.abc import Mapping

LOOK: Mapping[str, tuple[str, str]] = {
    "made by look": ("convscope look", "convscope look"),
    "it says": ("It says {answer}: {chance}.", "모델의 답: {answer} ({chance})"),
    "label right": ("The picture is labelled {label} too.", "사진의 레이블도 {label}입니다."),
    "label wrong": ("But the picture is labelled {label}.", "그러나 사진의 레이블은 {label}입니다."),
    # heat
    "heat": ("Where the answer comes from", "답이 사진의 어디에서 나왔는가"),
    "heat text": (
        "Four ways to ask which part of the picture the score of {name} comes from. They ask different questions; "
        "where they agree, trust them more.",
        "{name}의 점수가 사진의 어느 부분에서 나왔는지 묻는 네 가지 방법입니다. 방법마다 묻는 바가 다르므로, 서로 "
        "일치하는 곳을 더 믿을 수 있습니다.",
    ),
    "gradcam": ("Grad-CAM", "Grad-CAM"),
    "layercam": ("LayerCAM", "LayerCAM"),
    "hirescam": ("HiResCAM", "HiResCAM"),
    "occlusion": ("Occlusion", "가림 (occlusion)"),
    "integrated": ("Integrated gradients", "적분 그래디언트 (integrated gradients)"),
    "about gradcam": (
        "The feature maps of a layer, each weighed by how much the score changes with it, added up. Bright: it "
        "speaks "
        "for the class.",
        "한 층의 특징 맵마다 점수가 그 맵에 따라 변하는 정도를 가중치로 곱해 더했습니다. 밝을수록 이 클래스를 "
        "지지합니다.",
    ),
    "about layercam": (
        "The same, weighed place by place instead of map by map, so that it is sharper.",
        "같은 방법이지만 맵 단위가 아니라 위치마다 가중치를 곱하므로 더 선명합니다.",
    ),
    "about hirescam": (
        "The same, weighed place by place, with what speaks against the class counted too.",
        "같은 방법이지만 위치마다 가중치를 곱하고, 클래스에 반대하는 값도 함께 셉니다.",
    ),
    "about occlusion": (
        "A square of {size} pixels covers one part after the other. Orange: the score falls without it; blue: it "
        "rises.",
        "{size} 픽셀 사각형으로 사진을 한 부분씩 가립니다. 주황색은 가리면 점수가 내려가는 곳, 파란색은 올라가는 "
        "곳입니다.",
    ),
    "occlusion most": (
        "At the worst place, the probability falls from {before} to {after}.",
        "가장 중요한 곳을 가리면 확률이 {before}에서 {after}로 바뀝니다.",
    ),
    "occlusion never": (
        "Covering never lowers the score.",
        "어디를 가려도 점수가 내려가지 않습니다.",
    ),
    "about integrated": (
        "What each pixel adds to the score on the way from a black picture to this one. Orange adds, blue takes away.",
        "검은 사진에서 이 사진으로 바뀌는 동안 각 픽셀이 점수에 더한 양입니다. 주황색은 더하고 파란색은 뺍니다.",
    ),
    "integrated sum": (
        "All pixels together: {total}; the scores differ by {difference}.",
        "모든 픽셀의 합은 {total}, 두 점수의 차이는 {difference}입니다.",
    ),
    "integrated incomplete": (
        "The two differ by more than 5 %: more steps are needed.",
        "둘의 차이가 5%를 넘으므로 단계를 더 늘려야 합니다.",
    ),
    "chosen: last": (
        "Layer {layer}: the last one with places that everything passes through.",
        "층 {layer}: 모든 값이 지나가며 위치 정보가 남아 있는 마지막 층입니다.",
    ),
    "chosen: finer": (
        "Layer {layer}: the last one of a finer resolution that everything passes through.",
        "층 {layer}: 모든 값이 지나가는, 해상도가 더 높은 마지막 층입니다.",
    ),
    "chosen: asked": ("Layer {layer}, as asked for.", "층 {layer}: 지정한 층입니다."),
    "empty map": ("Nothing to see:", "보이는 것이 없습니다."),
    "empty: no places": (
        "the network reads the whole picture at once, no layer keeps places. Occlusion and integrated gradients say "
        "more.",
        "신경망이 사진 전체를 한 번에 읽어 위치가 남는 층이 없습니다. 가림과 적분 그래디언트를 보세요.",
    ),
    "empty: single place": (
        "the layer has a single place, so it cannot say where.",
        "이 층에는 위치가 하나뿐이라 어디인지 말할 수 없습니다.",
    ),
    "empty: silent": (
        "the layer is zero everywhere for this picture.",
        "이 사진에 대해 이 층의 값이 모두 0입니다.",
    ),
    "empty: no gradient": (
        "the score does not change with this layer here: all derivatives are zero.",
        "여기서는 이 층이 바뀌어도 점수가 변하지 않습니다. 기울기가 모두 0입니다.",
    ),
    "empty: against": (
        "everywhere the layer speaks against the class, nowhere for it.",
        "이 층은 모든 곳에서 이 클래스에 반대합니다.",
    ),
    "empty: even": (
        "the layer speaks for the class everywhere alike, so it does not say where.",
        "이 층은 모든 곳에서 똑같이 이 클래스를 지지하므로 어디인지 말해 주지 않습니다.",
    ),
    # the network and its units
    "network": ("The network", "신경망"),
    "network text": (
        "Tap a box to see its feature maps on this picture.",
        "상자를 누르면 이 사진에 대한 특징 맵이 보입니다.",
    ),
    "units": ("Open any number", "어떤 수든 열어 보기"),
    "units whole": (
        "Each of the {count} numbers that the network computed for this picture opens: choose a layer, tap a place "
        "in "
        "a feature map, and go on through the links to the pixels.",
        "이 사진에 대해 신경망이 계산한 수 {count}개를 모두 열 수 있습니다. 층을 고르고 특징 맵의 한 곳을 누른 뒤, "
        "링크를 따라 픽셀까지 가 보세요.",
    ),
    "units chosen": (
        "{count} of the {every} numbers that the network computed for this picture open here: those behind the "
        "answer, "
        "and the strongest of every convolution (marked with a dot). Any other opens with the command that is shown "
        "when it is tapped.",
        "이 사진에 대해 신경망이 계산한 수 {every}개 중 {count}개를 여기서 열 수 있습니다. 답을 만든 수와 합성곱마다 "
        "가장 강한 "
        "수이며, 점으로 표시했습니다. 그 밖의 수는 누르면 나오는 명령으로 열 수 있습니다.",
    ),
    "node": ("Layer", "층"),
    "node-before": ("Previous layer", "이전 층"),
    "node-after": ("Next layer", "다음 층"),
    "trail": ("From the answer back to the pixels", "답에서 픽셀까지 거슬러 가기"),
    "trail text": (
        "Always on to the number that moves this one most. NumPy's value is computed anew in float64 from the "
        "numbers that the model had.",
        "언제나 그 수를 가장 크게 움직이는 수로 이어집니다. NumPy 값은 모델이 가진 수로부터 float64로 새로 계산한 "
        "값입니다.",
    ),
    "unit": ("number", "수"),
    "operation": ("operation", "연산"),
    "numpy": ("NumPy", "NumPy"),
    "engine": ("the model", "모델"),
    "difference": ("difference", "차이"),
    "rounding": ("rounding explains up to {tolerance}", "반올림으로 설명되는 범위: {tolerance}"),
    "too far": ("more than rounding explains: a mistake of convscope", "반올림으로 설명되지 않음: convscope의 오류"),
    "range": ("{low} to {high}", "{low}부터 {high}까지"),
    "dead maps": ("dead maps: {count} ({numbers})", "죽은 맵 {count}개 ({numbers})"),
    "dead count": ("{count} of {all} maps are dead", "맵 {all}개 중 {count}개가 죽음"),
    "dead map": ("dead: one value everywhere", "죽음: 모든 값이 같음"),
    "maps left out": ("{shown} of {all} maps are shown", "맵 {all}개 중 {shown}개를 보임"),
    "halved": (
        "drawn at 1/{factor} of the resolution",
        "해상도를 1/{factor}로 줄여 그림",
    ),
    "each scaled": (
        "each map by itself: black is its least value, white its largest",
        "맵마다 따로 조정: 검은색이 최솟값, 흰색이 최댓값",
    ),
    "each scaled signed": (
        "each map by itself: blue below 0, white 0, orange above",
        "맵마다 따로 조정: 파란색은 0보다 작음, 흰색은 0, 주황색은 0보다 큼",
    ),
    "map n": ("map {n}: {low} to {high}", "맵 {n}: {low}부터 {high}까지"),
    "here": ("the place in its map", "맵에서의 위치"),
    "sees": ("what it sees of the picture (receptive field)", "사진에서 보는 부분 (수용 영역)"),
    "sees whole": ("it sees the whole picture", "사진 전체를 봄"),
    "sees box": ("rows {top} to {bottom}, columns {left} to {right}", "행 {top}–{bottom}, 열 {left}–{right}"),
    "sees nothing": ("it sees nothing but padding", "패딩만 봄"),
    "way back": ("The way back to the pixels", "픽셀까지 거슬러 가는 길"),
    "way text": ("always on to the term that moves the number most", "언제나 수를 가장 크게 움직이는 항으로"),
    "way on": ("What it goes into", "이 수를 읽는 수"),
    "way on text": ("with what it adds there", "거기에 더하는 값과 함께"),
    "and more readers": ("and {n} more", "그 밖에 {n}개"),
    "the terms": ("Its terms, the largest first", "항: 큰 것부터"),
    "the windows": ("Window by window", "윈도별로"),
    "the steps": ("From there to its value", "값이 되기까지"),
    "the pixel": ("the picture's pixel", "사진의 픽셀"),
    "reads": ("reads {n} numbers", "수 {n}개를 읽음"),
    "not here": (
        "This number is not in the page. The command line opens it:",
        "이 수는 이 페이지에 없습니다. 명령줄에서 열 수 있습니다:",
    ),
    "score of": ("the score of {name}", "{name}의 점수"),
    # a training step
    "training": ("One training step", "학습 한 단계"),
    "training text": (
        "As if the picture, labelled {label}, were a batch of its own: the loss, its gradient back through every "
        "layer by the chain "
        "rule, and one step of gradient descent with a learning rate of {lr}. Batch normalisation keeps its running "
        "statistics "
        "and dropout is off. The model itself stays as it is.",
        "레이블이 {label}인 이 사진 한 장을 배치로 삼아 손실을 구하고, 연쇄 법칙으로 모든 층의 기울기를 역전파한 뒤, "
        "학습률 {lr}로 경사 하강법을 한 번 "
        "적용합니다. 배치 정규화는 이동 통계를 그대로 쓰고 드롭아웃은 끕니다. 모델 자체는 바뀌지 않습니다.",
    ),
    "loss before": ("loss before", "갱신 전 손실"),
    "loss after": ("loss after the step", "갱신 후 손실"),
    "loss change": ("change", "변화"),
    "the loss": ("The loss", "손실"),
    "class": ("class", "클래스"),
    "score": ("score", "점수"),
    "probability": ("probability", "확률"),
    "target": ("target", "목표"),
    "gradient": ("gradient", "기울기"),
    "gradients by layer": ("How large the gradient is, layer by layer", "층별 기울기의 크기"),
    "gradients by layer text": (
        "The root mean square of the gradient of each layer's weights. Where it shrinks by orders of magnitude "
        "towards the first layer, "
        "gradients vanish: the first layers learn slowly.",
        "각 층 가중치 기울기의 제곱 평균 제곱근입니다. 첫 층으로 갈수록 자릿수가 줄어들면 기울기가 소실되어 앞쪽 "
        "층이 느리게 학습합니다.",
    ),
    "root mean square": ("root mean square", "제곱 평균 제곱근"),
    "step of weight": ("step / weight", "갱신량 / 가중치"),
    "logarithmic": ("The bars are logarithmic, from {low} to {high}.", "막대는 로그 눈금입니다({low}부터 {high}까지)."),
    "weights opened": ("Weights, opened", "가중치 열어 보기"),
    "weights opened text": (
        "The weight with the largest gradient of the first, the middle and the last layer.",
        "첫 층, 가운데 층, 마지막 층에서 기울기가 가장 큰 가중치입니다.",
    ),
    "gradient beside": (
        "Its gradient: {numpy} by NumPy in float64, {engine} by the model's autograd; difference {difference}.",
        "기울기: NumPy(float64) {numpy}, 모델의 자동 미분 {engine}, 차이 {difference}.",
    ),
    "gradient terms": (
        "Its gradient is a sum of {n} terms: the gradient of an output, times what the number met there",
        "기울기는 항 {n}개의 합입니다: 출력의 기울기 × 거기서 만난 값",
    ),
    "output there": ("output", "출력"),
    "its gradient": ("its gradient", "그 기울기"),
    "times": ("times", "곱하는 값"),
    "rest of terms": ("the other {n} terms together", "나머지 항 {n}개의 합"),
    "the chain": ("The strongest way to the loss, by the chain rule", "손실까지 가장 강한 길 (연쇄 법칙)"),
    "number": ("number", "수"),
    "derivative": ("derivative", "미분"),
    "factor": ("factor", "값"),
    "product so far": ("product so far", "누적 곱"),
    "along the way": (
        "Along this one way: {along}, {share} of the size of the whole gradient, {gradient}.",
        "이 길만의 기울기는 {along}이며, 전체 기울기 {gradient}의 {share} 크기입니다.",
    ),
    "factor value": ("the value it met", "만난 값"),
    "factor weight": ("the weight it met", "만난 가중치"),
    "factor slope": ("the slope of the function", "함수의 기울기"),
    "factor share": ("its share in the mean", "평균에서의 몫"),
    "factor winner": ("1 for the winner of the maximum", "최댓값이면 1"),
    "factor standardised": ("the standardised value", "정규화된 값"),
    "factor others": ("the product of the other branches", "다른 갈래의 곱"),
    "factor mask": ("the dropout's mask", "드롭아웃 마스크"),
    "factor copy": ("passed on as it is", "그대로 전달"),
    # initialisation and depth
    "signal title": ("What first weights and depth do", "가중치 초기화와 깊이가 하는 일"),
    "signal lede": (
        "Before anything is learnt, every layer multiplies the values that pass through it, and the gradients on "
        "their way back. "
        "Twenty times a little too little is nothing; twenty times a little too much overflows.",
        "학습하기 전에도 모든 층은 지나가는 값을, 그리고 되돌아오는 기울기를 곱합니다. 조금 작은 수를 스무 번 곱하면 "
        "0에 가까워지고, 조금 큰 수를 스무 번 "
        "곱하면 넘칩니다.",
    ),
    "depth title": (
        "The same deep network, with other activations and first weights",
        "같은 깊은 신경망, 다른 활성화 함수와 초기화",
    ),
    "depth text": (
        "{depth} layers of {layer}, fed with noise of variance 1; the gradient of a cross entropy comes back. The "
        "table says how much "
        "of the last layer's gradient arrives at the first.",
        "{layer} {depth}개 층에 분산이 1인 잡음을 넣고 교차 엔트로피의 기울기를 역전파합니다. 표는 마지막 층의 "
        "기울기가 첫 층에 얼마나 도달하는지 보여 줍니다.",
    ),
    "carried text": (
        "1 where depth does nothing to the gradient; below 0.01 it is said to vanish, above 100 to explode.",
        "깊이가 기울기를 바꾸지 않으면 1입니다. 0.01보다 작으면 소실, 100보다 크면 폭발이라고 적었습니다.",
    ),
    "signal of": ("Before learning, with weights drawn by {scheme}", "학습 전, {scheme} 방식으로 초기화했을 때"),
    "signal text": (
        "How large the values and the gradients of {name} are, layer by layer, on a logarithmic scale.",
        "{name}의 값과 기울기의 크기를 층별로, 로그 눈금으로 나타냈습니다.",
    ),
    "the network": ("the network", "이 신경망"),
    "as a table": ("as a table", "표로 보기"),
    # kernels and facts
    "first kernels": ("What the first layer looks for", "첫 층이 찾는 것"),
    "kernels text": (
        "The kernels of {where}, each scaled by itself: blue below 0, orange above.",
        "{where}의 커널입니다. 커널마다 따로 조정했으며 파란색은 0보다 작고 주황색은 0보다 큽니다.",
    ),
    "kernels text colour": (
        "The kernels of {where}: red, green and blue weights as a colour, 0 a middle grey.",
        "{where}의 커널입니다. 빨강·초록·파랑 가중치를 색으로 나타냈고 0은 중간 회색입니다.",
    ),
    "kernel of zeros": ("all zero", "모두 0"),
    "facts": ("What was run", "실행한 것"),
    "fact input": ("input", "입력"),
    "fact nodes": ("operations", "연산 수"),
    "fact parameters": ("parameters", "매개변수"),
    "fact macs": ("multiply-adds", "곱셈-덧셈"),
    "fact precision": ("computed in", "계산 정밀도"),
    "notation": ("the network as text", "텍스트로 적은 신경망"),
}
"""Of the page of a look."""
