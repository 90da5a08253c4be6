import numpy as np
import pytest

from golden import check_case
from pycaffe_geo.errors import DataError, ShapeError, SpecError
from pycaffe_geo.gradient_check import build_layer

SCORES = np.random.default_rng(0).normal(size=(6, 5))
LABELS = np.array([0, 3, 4, 4, 1, 2])

EXAMPLE = dict(bottom=[SCORES, LABELS])


def accuracy(scores, labels, tops=1, **accuracy_param):
    layer, bottom, top = build_layer("Accuracy", [scores, labels], tops=tops, phase="TEST", accuracy_param=accuracy_param)
    layer.forward(bottom, top)
    return [t.data for t in top]


@pytest.mark.parametrize("top_k", [1, 2, 5])
def test_against_a_loop(top_k):
    right = [label in sorted(range(5), key=lambda c: -s[c])[:top_k] for s, label in zip(SCORES, LABELS)]
    share, classes = accuracy(SCORES, LABELS, tops=2, top_k=top_k)
    assert share == pytest.approx(sum(right) / 6)
    for c in range(5):
        of_class = [r for r, label in zip(right, LABELS) if label == c]
        assert classes[c] == pytest.approx(sum(of_class) / len(of_class))


def test_a_tie_counts_against_the_true_class():
    assert accuracy(np.zeros((1, 3)), np.zeros(1))[0] == 0
    assert accuracy(np.zeros((1, 3)), np.zeros(1), top_k=3)[0] == 1


def test_scores_that_are_nan_are_not_right():
    assert accuracy(SCORES * np.nan, LABELS) == [0]
    scores = np.where(np.arange(5) == LABELS[:, None], 1, np.nan)
    assert accuracy(scores, LABELS) == [0]


@pytest.mark.parametrize("within", [1, 2])
def test_classes_near_the_true_one_count_as_right(within):
    labels = np.array([4, 3, 4, 0, 2, 2])
    near = abs(SCORES.argmax(axis=1) - labels) <= within
    assert accuracy(SCORES, labels, within=within)[0] == pytest.approx(near.mean())
    assert accuracy(SCORES, labels)[0] < near.mean() < 1


def test_ignored_labels_do_not_count():
    scores = np.eye(3)
    share, classes = accuracy(scores, np.array([0, 255, 1]), tops=2, ignore_label=255)
    assert share == 0.5
    np.testing.assert_array_equal(classes, [1, 0, 0])
    assert accuracy(scores, np.full(3, 255), ignore_label=255)[0] == 0


def test_label_that_is_no_class():
    with pytest.raises(DataError, match="a label is 255, expected 0 to 4, or `ignore_label`"):
        accuracy(SCORES, np.full(6, 255))


def test_more_than_there_are_classes():
    with pytest.raises(SpecError, match="accuracy_param.top_k is 6, expected at most 5, the number of classes"):
        accuracy(SCORES, LABELS, top_k=6)


def test_labels_of_the_wrong_shape():
    with pytest.raises(ShapeError, match=r"bottom 'bottom1' is \(5,\), expected \(6,\): one label for each element"):
        accuracy(SCORES, LABELS[:5])


@pytest.mark.parametrize("case", ["accuracy", "accuracy_axis", "accuracy_ignore", "accuracy_topk"])
def test_as_caffe(case):
    check_case(case)
