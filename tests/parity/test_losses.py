"""Caffe's losses beside plain loops over elements: normalisation, ignored labels, clamps, ties and loss weights."""

import math

import numpy as np
import pytest

from pycaffe_geo.gradient_check import build_layer

MODES = ["FULL", "VALID", "BATCH_SIZE", "NONE"]
WEIGHT = 2.5  # the loss weight, which the Net writes to the top's diff


def run(type_name, bottoms, wanted, **params):
    """Return (loss, [diff of each bottom that is `wanted`])."""
    layer, bottom, top = build_layer(type_name, bottoms, **params)
    layer.forward(bottom, top)
    top[0].diff[...] = WEIGHT
    for blob in bottom:
        blob.diff[...] = 7
    layer.backward(top, wanted, bottom)
    return float(top[0].data), [blob.diff.copy() for blob, want in zip(bottom, wanted) if want]


def divisor(mode, outer, inner, valid):
    return max(1, {"FULL": outer * inner, "VALID": valid, "BATCH_SIZE": outer, "NONE": 1}[mode])


@pytest.mark.parametrize("ignore", [None, 1, 255])
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("shape, axis", [((3, 4), 1), ((2, 3, 4, 5), 1), ((2, 3, 4), -1), ((4, 3), 0)])
def test_softmax_with_loss(shape, axis, mode, ignore):
    draw = np.random.default_rng(0)
    axis %= len(shape)
    outer, inner, classes = math.prod(shape[:axis]), math.prod(shape[axis + 1:]), shape[axis]
    scores = draw.normal(scale=4, size=(outer, classes, inner))
    labels = draw.integers(0, classes, (outer, inner)).astype(float)
    if ignore == 255:
        labels[:, 0] = 255
    p = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    loss, valid, slope = 0.0, 0, p.copy()
    for o, i in np.ndindex(outer, inner):
        if labels[o, i] == ignore:
            slope[o, :, i] = 0
            continue
        label = int(labels[o, i])
        loss -= math.log(p[o, label, i])
        slope[o, label, i] -= 1
        valid += 1
    n = divisor(mode, outer, inner, valid)
    param = {"normalization": mode, **({} if ignore is None else {"ignore_label": ignore})}
    rest = [size for a, size in enumerate(shape) if a != axis]
    found, (dx,) = run("SoftmaxWithLoss", [scores.reshape(shape), labels.reshape(rest)], [True, False],
                       loss_param=param, softmax_param={"axis": axis})
    assert found == pytest.approx(loss / n, rel=1e-12)
    np.testing.assert_allclose(dx, (WEIGHT * slope / n).reshape(shape), rtol=1e-10, atol=1e-15)


def test_softmax_with_loss_clamps_at_the_smallest_float():
    loss, _ = run("SoftmaxWithLoss", [np.array([[0.0, -800.0]]), np.array([1.0])], [True, False])
    assert loss == pytest.approx(-math.log(float(np.finfo(np.float32).tiny)), rel=1e-6)


def test_multinomial_logistic_loss_clamps_at_1e_20():
    loss, (dx,) = run("MultinomialLogisticLoss", [np.array([[1.0, 0.0], [0.25, 0.75]]), np.array([1.0, 0.0])], [True, False])
    assert loss == pytest.approx((-math.log(1e-20) - math.log(0.25)) / 2, rel=1e-6)
    np.testing.assert_allclose(dx, [[0, -WEIGHT / 1e-20 / 2], [-WEIGHT / 0.25 / 2, 0]], rtol=1e-6)


@pytest.mark.parametrize("ignore", [None, 0, -1])
@pytest.mark.parametrize("mode", [None, *MODES])
def test_sigmoid_cross_entropy_loss(mode, ignore):
    draw = np.random.default_rng(1)
    x, target = draw.normal(scale=5, size=(3, 4, 2)), draw.integers(0, 2, (3, 4, 2)).astype(float)
    if ignore == -1:
        target[:, 0] = -1
    counted = target != (math.inf if ignore is None else ignore)
    p = 1 / (1 + np.exp(-x))
    terms = np.where(counted, -target * np.log(p) - (1 - target) * np.log(1 - p), 0)
    n = divisor(mode or "BATCH_SIZE", 3, 8, counted.sum())
    param = {**({} if mode is None else {"normalization": mode}), **({} if ignore is None else {"ignore_label": ignore})}
    loss, (dx,) = run("SigmoidCrossEntropyLoss", [x, target], [True, False], loss_param=param)
    assert loss == pytest.approx(terms.sum() / n, rel=1e-9)
    np.testing.assert_allclose(dx, WEIGHT * np.where(counted, p - target, 0) / n, rtol=1e-9, atol=1e-15)


def test_euclidean_loss_halves():
    a, b = np.random.default_rng(2).normal(size=(2, 3, 4))
    loss, (da, db) = run("EuclideanLoss", [a, b], [True, True])
    assert loss == pytest.approx(((a - b) ** 2).sum() / 6)
    np.testing.assert_allclose([da, db], [WEIGHT * (a - b) / 3, WEIGHT * (b - a) / 3])


@pytest.mark.parametrize("norm", ["L1", "L2"])
def test_hinge_loss(norm):
    draw = np.random.default_rng(3)
    x, labels = draw.normal(size=(5, 4)), draw.integers(0, 4, 5)
    loss, slope = 0.0, np.zeros_like(x)
    for n, c in np.ndindex(x.shape):
        sign = -1 if c == labels[n] else 1
        margin = max(0, 1 + sign * x[n, c])
        loss += margin if norm == "L1" else margin**2
        slope[n, c] = sign * (margin > 0) if norm == "L1" else 2 * sign * margin
    found, (dx,) = run("HingeLoss", [x, labels.astype(float)], [True, False], hinge_loss_param={"norm": norm})
    assert found == pytest.approx(loss / 5)
    np.testing.assert_allclose(dx, WEIGHT * slope / 5)


@pytest.mark.parametrize("margin", [0.5, 3.0])
@pytest.mark.parametrize("legacy", [False, True])
def test_contrastive_loss(legacy, margin):
    draw = np.random.default_rng(4)
    a, b = draw.normal(size=(2, 6, 3))
    similar = np.array([1.0, 0, 0, 1, 0, 0])
    loss, slope = 0.0, np.zeros_like(a)
    for n, d in enumerate(a - b):
        square, distance = d @ d, math.sqrt(d @ d)
        if similar[n]:
            loss, slope[n] = loss + square, d
        elif legacy and margin > square:
            loss, slope[n] = loss + margin - square, -d
        elif not legacy and margin > distance:
            loss, slope[n] = loss + (margin - distance) ** 2, -(margin - distance) / (distance + 1e-4) * d
    param = {"margin": margin, "legacy_version": legacy}
    found, (da, db) = run("ContrastiveLoss", [a, b, similar], [True, True, False], contrastive_loss_param=param)
    assert found == pytest.approx(loss / 12)
    np.testing.assert_allclose([da, db], [WEIGHT * slope / 6, -WEIGHT * slope / 6], rtol=1e-12)


@pytest.mark.parametrize("top_k", [1, 2, 3])
@pytest.mark.parametrize("ignore", [None, 0])
def test_accuracy_counts_ties_against_the_label(top_k, ignore):
    draw = np.random.default_rng(5)
    x, labels = draw.integers(0, 3, (20, 4)).astype(float), draw.integers(0, 4, 20)
    right = [(x[n] >= x[n, label]).sum() <= top_k for n, label in enumerate(labels) if label != ignore]
    param = {"top_k": top_k, **({} if ignore is None else {"ignore_label": ignore})}
    layer, bottom, top = build_layer("Accuracy", [x, labels.astype(float)], accuracy_param=param)
    layer.forward(bottom, top)
    assert float(top[0].data) == pytest.approx(np.mean(right))
