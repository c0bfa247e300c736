"""What is asked for follows from the outputs and the labels."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from convscope.engine.losses import IGNORE, binary_cross_entropy, cross_entropy
from convscope.errors import UserError
from convscope.model.task import Binary, Classification, Regression, outputs_for, task_of
from convscope.network.network import Network

NUMBERS = {"target": "y", "mean": 10.0, "std": 2.0}


def _graph(end: str):
    return Network.parse(f"input 2 > linear 8 > tanh > {end}").graph()


@pytest.mark.parametrize(
    ("end", "classes", "numbers", "kind"),
    [
        ("linear 2", ("a", "b"), None, Classification),
        ("linear 3 > softmax", ("a", "b", "c"), None, Classification),
        ("linear 1 > sigmoid", ("a", "b"), None, Binary),
        ("linear 1", ("a", "b"), None, Binary),
        ("linear 1", (), NUMBERS, Regression),
    ],
)
def test_the_task_follows(end, classes, numbers, kind) -> None:
    assert isinstance(task_of(_graph(end), classes, numbers), kind)


@pytest.mark.parametrize(
    ("end", "classes"), [("linear 1 > sigmoid", ("a", "b", "c")), ("linear 2 > sigmoid", ("a", "b"))]
)
def test_a_sigmoid_that_would_not_be_trained_as_one_is_refused(end, classes) -> None:
    with pytest.raises(UserError, match="sigmoid"):
        outputs_for(_graph(end), classes)


def test_a_sigmoid_predicts_no_number() -> None:
    with pytest.raises(UserError, match="any number"):
        task_of(_graph("linear 1 > sigmoid"), (), NUMBERS)


def test_binary_scores_are_softmax_of_zero_and_the_output() -> None:
    scores_N1 = torch.tensor([[-3.0], [0.5]])
    two = torch.softmax(Binary().class_scores(scores_N1), 1)[:, 1]
    torch.testing.assert_close(two, torch.sigmoid(scores_N1[:, 0]))


def test_numbers_are_standardised_in_the_loss_alone() -> None:
    task = Regression("y", 10.0, 2.0)
    scores_N1, targets_N = torch.tensor([[1.0], [0.0]]), torch.tensor([12.0, 14.0], dtype=torch.float64)
    assert float(task.training_loss(scores_N1, targets_N, None, 0.0)) == pytest.approx(2.0)
    assert task.values(scores_N1).tolist() == [12.0, 10.0]


def test_the_losses_are_torchs() -> None:
    scores_NK, labels_N = torch.randn(6, 3), torch.tensor([0, 1, 2, IGNORE, 1, 0])
    torch.testing.assert_close(cross_entropy(scores_NK, labels_N), functional.cross_entropy(scores_NK, labels_N))
    logits_N, labels = torch.randn(6), torch.tensor([0, 1, 1, 0, 1, 0])
    wanted = functional.binary_cross_entropy_with_logits(logits_N, labels.float(), pos_weight=torch.tensor(3.0))
    torch.testing.assert_close(binary_cross_entropy(logits_N, labels, pos_weight=3.0), wanted)
