"""ONNX's own node tests and its light networks judge ours, ONNX Runtime beside them."""

from __future__ import annotations

import warnings
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx_nodes import SAID, SEVERAL, Asked, UnsaidError, graph_of, redrawn, say, version_of

from convscope.engine.module import GraphModule, load_state
from convscope.reference.forward import forward, run

LIGHT = Path(onnx.__file__).parent / "backend" / "test" / "data" / "light"

UNSAID = {
    "Add": "test_add_bcast",
    "BatchNormalization": "test_batchnorm_epsilon_training_mode test_batchnorm_example_training_mode",
    "Clip": """
        test_clip_default_inbounds test_clip_default_max test_clip_default_min test_clip_min_greater_than_max""",
    "Concat": """
        test_concat_1d_axis_0 test_concat_2d_axis_0 test_concat_2d_axis_negative_2 test_concat_3d_axis_0
        test_concat_3d_axis_2 test_concat_3d_axis_negative_1 test_concat_3d_axis_negative_3""",
    "Dropout": """
        test_training_dropout test_training_dropout_default test_training_dropout_default_mask
        test_training_dropout_mask test_training_dropout_zero_ratio test_training_dropout_zero_ratio_mask""",
    "Flatten": """
        test_flatten_axis0 test_flatten_axis2 test_flatten_axis3 test_flatten_negative_axis1
        test_flatten_negative_axis2 test_flatten_negative_axis4""",
    "Gemm": "test_gemm_all_attributes test_gemm_default_matrix_bias test_gemm_transposeA",
    "LayerNormalization": """
        test_layer_normalization_2d_axis0 test_layer_normalization_2d_axis_negative_2
        test_layer_normalization_3d_axis0_epsilon test_layer_normalization_3d_axis2_epsilon
        test_layer_normalization_3d_axis_negative_1_epsilon test_layer_normalization_3d_axis_negative_3_epsilon
        test_layer_normalization_4d_axis0 test_layer_normalization_4d_axis2 test_layer_normalization_4d_axis3
        test_layer_normalization_4d_axis_negative_1 test_layer_normalization_4d_axis_negative_2
        test_layer_normalization_4d_axis_negative_4 test_layer_normalization_default_axis""",
    "LogSoftmax": """
        test_logsoftmax_axis_0 test_logsoftmax_axis_2 test_logsoftmax_default_axis test_logsoftmax_negative_axis""",
    "MatMul": """
        test_matmul_1d_1d test_matmul_1d_3d test_matmul_3d test_matmul_4d test_matmul_4d_1d test_matmul_bcast""",
    "Mul": "test_mul_bcast",
    "PRelu": "test_prelu_broadcast test_prelu_example",
    "RMSNormalization": """
        test_rms_normalization_2d_axis0 test_rms_normalization_2d_axis_negative_2
        test_rms_normalization_3d_axis0_epsilon test_rms_normalization_3d_axis2_epsilon
        test_rms_normalization_3d_axis_negative_1_epsilon test_rms_normalization_3d_axis_negative_3_epsilon
        test_rms_normalization_4d_axis0 test_rms_normalization_4d_axis2 test_rms_normalization_4d_axis3
        test_rms_normalization_4d_axis_negative_1 test_rms_normalization_4d_axis_negative_2
        test_rms_normalization_4d_axis_negative_4 test_rms_normalization_default_axis""",
    "Reshape": """
        test_reshape_allowzero_reordered test_reshape_extended_dims test_reshape_negative_dim
        test_reshape_negative_extended_dims test_reshape_one_dim test_reshape_reordered_all_dims
        test_reshape_reordered_last_dims test_reshape_zero_and_negative_dim test_reshape_zero_dim""",
    "Selu": "test_selu test_selu_example",
    "Softmax": """
        test_softmax_axis_0 test_softmax_axis_2 test_softmax_default_axis test_softmax_negative_axis""",
}
"""Node tests of operators that we have and that cannot be said. This list may only shrink."""


def cases() -> list[Any]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from onnx.backend.test.case.node import collect_testcases

        return [case for case in collect_testcases(None) if len(case.model.graph.node) == 1]


def runtime(model: onnx.ModelProto) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = 1, 4
    return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


def test_every_node_test_agrees() -> None:
    """What the test's file says, and ONNX Runtime where it has the operator's version."""
    agreed, unsaid, unknown, beside = 0, defaultdict(list), set(), 0
    for case in cases():
        (node,) = case.model.graph.node
        data = case.data_sets[0][0]
        if not data or getattr(data[0], "dtype", None) not in (np.dtype(np.float32), np.dtype(np.float64)):
            continue  # of numbers that no network of ours has
        if node.op_type not in SAID:
            unknown.add(node.op_type)
            continue
        data = [np.asarray(value) for value in data]
        given = dict(zip([entry.name for entry in case.model.graph.input], data, strict=False))
        alone = data[0].ndim < 2  # examples first, where a case has none
        values = {name: value[None] if alone else value for name, value in given.items()}
        constants = {} if node.op_type in SEVERAL else {name: given[name] for name in given if name != node.input[0]}
        try:
            shapes = {name: value.shape for name, value in values.items()}
            said = say(Asked(node, shapes, constants, version_of(case.model)))
        except UnsaidError:
            unsaid[node.op_type].append(case.name)
            continue
        found = forward(said.op, [values[name] for name in said.values], said.parameters, said.buffers)
        found = found[0] if alone else found
        np.testing.assert_allclose(found, case.data_sets[0][1][0], rtol=case.rtol, atol=1e-5, err_msg=case.name)
        agreed += 1
        try:
            answer = runtime(case.model).run(None, given)[0]
        except Exception:  # an operator, a version or a type that the runtime does not have
            continue
        np.testing.assert_allclose(found, answer, rtol=1e-4, atol=1e-5, err_msg=case.name)
        beside += 1
    assert {name: " ".join(sorted(names)) for name, names in sorted(unsaid.items())} == {
        name: " ".join(names.split()) for name, names in UNSAID.items()
    }
    assert sorted(unknown) == UNKNOWN.split()
    assert agreed >= 100
    assert beside >= 80


UNKNOWN = """
    Abs Acos Acosh Adagrad Adam AffineGrid ArgMax ArgMin ArrayFeatureExtractor Asin Asinh Atan Atanh Attention
    Bernoulli Binarizer BitCast Cast CastLike CausalConvWithState Ceil Celu CenterCropPad Col2Im Compress
    ConvTranspose Cos Cosh CumProd CumSum DFT DeformConv DepthToSpace DequantizeLinear Det Div DynamicQuantizeLinear
    Einsum Erf Exp Expand FlexAttention Floor GRU Gather GatherElements GatherND Greater GreaterOrEqual GridSample
    Hardmax IsInf IsNaN LSTM Less LessOrEqual LinearAttention Log LpNormalization LpPool Max MaxUnpool Mean
    MeanVarianceNormalization Min Mod Momentum Neg NegativeLogLikelihoodLoss NonMaxSuppression OneHot
    OptionalGetElement OptionalHasElement Pad Pow QuantizeLinear RNN Range Reciprocal ReduceL1
    ReduceL2 ReduceLogSum ReduceLogSumExp ReduceMax ReduceMean ReduceMin ReduceProd ReduceSum ReduceSumSquare Resize
    ReverseSequence RoiAlign RotaryEmbedding Round STFT Scan Scatter ScatterElements ScatterND SequenceInsert
    SequenceMap Shape Shrink Sign Sin Sinh Size Slice SoftmaxCrossEntropyLoss Softsign SpaceToDepth Split
    SplitToSequence Sqrt Squeeze Sub SwiGLU Tan TensorScatter ThresholdedRelu Tile TopK Transpose TreeEnsemble Unique
    Unsqueeze Upsample
"""
"""ONNX's operators on real numbers that no operation of ours says. This list may only shrink."""

SMALL = ("densenet121", "inception_v1", "inception_v2", "resnet50", "squeezenet")
LARGE = ("bvlc_alexnet", "vgg19", "zfnet512")
"""Of a hundred million weights and more."""
UNSAID_NETWORKS = {
    "shufflenet": "another shape than a vector",
}
"""Light networks that cannot be said, and the first word that lacks."""


def test_every_light_network_is_known() -> None:
    names = {path.stem.removeprefix("light_") for path in LIGHT.glob("*.onnx")}
    assert names == {*SMALL, *LARGE, *UNSAID_NETWORKS}


def opened(name: str) -> tuple[Any, dict[str, Any], Any, np.ndarray]:
    """A light network with redrawn weights as our graph and its weights, as a session, and an input."""
    model, constants = redrawn(onnx.load(LIGHT / f"light_{name}.onnx"), seed=0)
    (source,) = (entry.name for entry in model.graph.input)
    image_NCHW = np.random.default_rng(1).standard_normal((1, 3, 224, 224)).astype(np.float32)
    graph, state = graph_of(model, constants, source, image_NCHW.shape)
    answer = runtime(model).run(None, {source: image_NCHW})[0]
    return graph, state, answer, image_NCHW


def agree(name: str) -> None:
    graph, state, answer, image_NCHW = opened(name)
    module = GraphModule(graph)
    load_state(module, {key: torch.from_numpy(np.array(value)) for key, value in state.items()})
    with torch.no_grad():
        ours = module.eval()(torch.from_numpy(image_NCHW)).numpy()
    assert ours.shape == answer.shape
    assert 1e-6 < answer.std() < 100, "an answer that hardly says anything"
    np.testing.assert_allclose(ours, answer, rtol=1e-3, atol=1e-5 * float(np.abs(answer).max()))


@pytest.mark.parametrize("name", SMALL)
def test_a_light_network_agrees(name: str) -> None:
    agree(name)


@pytest.mark.slow
@pytest.mark.parametrize("name", LARGE)
def test_a_large_network_agrees(name: str) -> None:
    agree(name)


def test_the_reference_agrees_too() -> None:
    graph, state, answer, image_NCHW = opened("squeezenet")
    found = run(graph, state, image_NCHW)[graph.output.path]
    np.testing.assert_allclose(found, answer, rtol=1e-3, atol=1e-5 * float(np.abs(answer).max()))


@pytest.mark.parametrize("name", UNSAID_NETWORKS)
def test_what_a_network_lacks_is_named(name: str) -> None:
    with pytest.raises(UnsaidError, match=UNSAID_NETWORKS[name]):
        opened(name)
