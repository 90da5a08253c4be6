"""check_layer on layers that keep the contract, and on layers that break it in one way each."""

import numpy as np
import pytest

from pycaffe_geo.errors import ShapeError, SpecError
from pycaffe_geo.fillers import Filler
from pycaffe_geo.gradient_check import LOSS_WEIGHT, build_layer, check_layer
from pycaffe_geo.layer import Layer


class Affine(Layer):
    """y = w x0 x1 + b; right in every respect. Subclasses are wrong in one."""

    bottoms = (2, 2)

    def setup(self, bottom, top):
        self.add_blob(bottom[0].shape[1:], Filler("gaussian"))
        self.add_blob((1,), Filler())

    def reshape(self, bottom, top):
        self.expect(bottom[1], *bottom[0].shape)
        top[0].reshape(*bottom[0].shape)

    def forward(self, bottom, top):
        top[0].data[...] = self.blobs[0].data * bottom[0].data * bottom[1].data + self.blobs[1].data

    def backward(self, top, propagate_down, bottom):
        dy, w = top[0].diff, self.blobs[0].data
        for i in (0, 1):
            if propagate_down[i]:
                bottom[i].diff[...] = dy * w * bottom[1 - i].data
        self.blobs[0].diff[...] += (dy * bottom[0].data * bottom[1].data).sum(axis=0)
        self.blobs[1].diff[...] += dy.sum()


def altered(name, change, when="after", **attributes):
    """A subclass of Affine whose backward does `change(layer, top, propagate_down, bottom)` too."""

    def backward(self, top, propagate_down, bottom):
        if when == "before":
            change(self, top, propagate_down, bottom)
        Affine.backward(self, top, propagate_down, bottom)
        if when == "after":
            change(self, top, propagate_down, bottom)

    return type(name, (Affine,), {"backward": backward, **attributes})


SHAPES = [(3, 2, 4), (3, 2, 4)]


def test_a_right_layer_passes():
    report = check_layer(Affine, SHAPES)
    assert report.ok, report
    assert [b.name for b in report.blobs] == ["bottom0", "bottom1", "layer[0]", "layer[1]"]
    assert report.checked == 24 + 24 + 8 + 1 and report.kinks == 0 and report.max_error < 1e-9


def test_bottoms_to_check():
    report = check_layer(Affine, SHAPES, check_bottoms=[1])
    assert report.ok and [b.name for b in report.blobs] == ["bottom1", "layer[0]", "layer[1]"], report
    NoLabel = type("NoLabel", (Affine,), {"no_gradient": (-1,)})
    assert [b.name for b in check_layer(NoLabel, SHAPES).blobs] == ["bottom0", "layer[0]", "layer[1]"]


def set_diff(blobs, i, function):
    def change(layer, top, propagate_down, bottom):
        diff = {"bottom": bottom, "top": top, "blobs": layer.blobs}[blobs][i].diff
        diff[...] = function(diff)

    return change


@pytest.mark.parametrize(
    "change, text",
    [
        (set_diff("bottom", 0, lambda d: -d), "every sign is wrong"),
        (set_diff("bottom", 0, lambda d: 2.5 * d), "analytic is 2.5 times numeric"),
        (set_diff("bottom", 0, lambda d: 0 * d), "the analytic gradient is 0: backward leaves it out"),
        (set_diff("bottom", 0, lambda d: np.nan * d), "the analytic gradient is not finite"),
        (set_diff("bottom", 0, lambda d: 12345), "backward does not write this diff"),
        (set_diff("top", 0, lambda d: 2 * d), "backward changed the diff of top 'top0'"),
        (lambda layer, top, p, bottom: bottom[0].data.fill(0), "backward changed the data of 'bottom0'"),
        (lambda layer, top, p, bottom: top[0].data.fill(0), "backward changed the data of 'top0'"),
        (lambda layer, top, p, bottom: layer.blobs[1].data.fill(7), "backward changed the data of 'layer[1]'"),
        (set_diff("bottom", 0, lambda d: d + 5), "backward writes the diff of 'bottom0', though propagate_down is false for it"),
    ],
)
def test_a_wrong_backward_is_named(change, text):
    report = check_layer(altered("Wrong", change), SHAPES)
    assert not report.ok
    assert "layer 'layer' (Wrong): gradient check FAILED" in str(report)
    assert text in str(report)


def test_parameter_diffs_must_be_added_to():
    def forget(layer, top, propagate_down, bottom):
        for b in layer.blobs:
            b.diff[...] = 0

    report = check_layer(altered("Overwrites", forget, when="before"), SHAPES)
    expected = "backward overwrites the diff of 'layer[{}]', expected that it adds to what is there"
    assert report.problems == [expected.format(0), expected.format(1)]


def test_accumulates_must_be_true():
    report = check_layer(altered("Claims", lambda *args: None, accumulates=True), SHAPES)
    assert "backward gives 'bottom0' another diff where it should add (`accumulates`)" in str(report)
    assert not report.ok


def test_a_diff_that_depends_on_propagate_down():
    def change(layer, top, propagate_down, bottom):
        if not propagate_down[1]:
            bottom[0].diff[...] *= 2

    report = check_layer(altered("Odd", change), SHAPES)
    assert report.problems == ["backward gives 'bottom0' another diff when propagate_down is true for bottom 0 alone"]


class Reverse(Layer):
    """y = -x in reverse order, in place or not; declares a view wrongly where `views` is set."""

    in_place = True

    def reshape(self, bottom, top):
        top[0].reshape(*bottom[0].shape)

    def forward(self, bottom, top):
        top[0].data[...] = -bottom[0].data[::-1].copy()

    def backward(self, top, propagate_down, bottom):
        bottom[0].diff[...] = -top[0].diff[::-1].copy()


class ReverseView(Reverse):
    views = "diff"

    def backward(self, top, propagate_down, bottom):
        for k in range(len(bottom[0].diff)):
            bottom[0].diff[k] = -top[0].diff[-1 - k]


@pytest.mark.parametrize("in_place", [False, True])
def test_in_place(in_place):
    report = check_layer(Reverse, [(4, 3)], in_place=in_place)
    assert report.ok and report.checked == 12, report


def test_views_must_be_true():
    report = check_layer(ReverseView, [(4, 3)])
    assert report.problems == ["backward gives 'bottom0' another diff with top and bottom diff in one buffer (`views`)"]


def test_in_place_must_be_declared():
    with pytest.raises(SpecError, match=r"layer 'layer' \(Affine\) does not declare that it can work in place"):
        check_layer(Affine, SHAPES, in_place=True)


class Square(Layer):
    """A loss, sum of x^2 / 2, which takes its weight from top[0].diff; a second top is not differentiated."""

    tops = (1, 2)
    is_loss = True
    weighted = True

    def reshape(self, bottom, top):
        top[0].reshape()
        for t in top[1:]:
            t.reshape(*bottom[0].shape)

    def forward(self, bottom, top):
        top[0].data[...] = (bottom[0].data ** 2).sum() / 2
        for t in top[1:]:
            t.data[...] = bottom[0].data

    def backward(self, top, propagate_down, bottom):
        bottom[0].diff[...] = bottom[0].data * (top[0].diff if self.weighted else 1)


@pytest.mark.parametrize("tops", [1, 2])
def test_a_loss_is_checked_at_a_weight(tops):
    assert check_layer(Square, [(2, 3)], tops=tops).ok


def test_a_loss_that_ignores_its_weight():
    report = check_layer(type("Unweighted", (Square,), {"weighted": False}), [(2, 3)])
    assert not report.ok
    assert f"top[0].diff, the loss weight (here {LOSS_WEIGHT}), is ignored: multiply by it" in str(report)


def test_pycaffes_classic_python_loss_ignores_its_weight(tmp_path, monkeypatch):
    (tmp_path / "classic_pyloss.py").write_text(
        "class Loss:\n"
        "    def setup(self, bottom, top): pass\n"
        "    def reshape(self, bottom, top): top[0].reshape(1)\n"
        "    def forward(self, bottom, top): top[0].data[...] = ((bottom[0].data - bottom[1].data) ** 2).sum() / 2\n"
        "    def backward(self, top, propagate_down, bottom):\n"
        "        for i, sign in ((0, 1), (1, -1)):\n"
        "            if propagate_down[i]: bottom[i].diff[...] = sign * (bottom[0].data - bottom[1].data)\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    report = check_layer("Python", [(2, 3), (2, 3)], python_param={"module": "classic_pyloss", "layer": "Loss"})
    assert not report.ok
    assert "top[0].diff, the loss weight" in str(report)


def test_forward_must_be_repeatable():
    class Counts(Reverse):
        calls = 0

        def forward(self, bottom, top):
            super().forward(bottom, top)
            self.calls += 1
            top[0].data[...] += self.calls

    assert "forward gives another result when it runs again on the same bottoms" in check_layer(Counts, [(2, 3)]).problems


def test_random_draws_do_not_disturb():
    class Noise(Reverse):
        def forward(self, bottom, top):
            super().forward(bottom, top)
            top[0].data[...] += self.random().random(top[0].shape)

    report = check_layer(Noise, [(2, 3)])
    assert report.ok, report


def test_forward_that_is_not_finite():
    with np.errstate(invalid="ignore"):
        report = check_layer("Log", [np.array([[1.0, -1.0]])])
    assert "forward gives a value that is not finite" in report.problems


def test_build_layer():
    x = np.arange(6).reshape(2, 3)
    layer, bottom, top = build_layer("Power", [x], dtype="float32", name="p", phase="TEST", power_param={"scale": 2})
    layer.forward(bottom, top)
    assert (layer.name, layer.type, layer.phase, top[0].dtype) == ("p", "Power", "TEST", np.float32)
    np.testing.assert_array_equal(top[0].data, 2.0 * x)


def test_build_layer_errors():
    with pytest.raises(SpecError, match="unknown layer type 'Powr', did you mean 'Power'?"):
        build_layer("Powr", [(2, 3)])
    with pytest.raises(SpecError, match=r"layer 'layer' \(Power\): unknown key 'pow_param', did you mean 'power_param'\?"):
        build_layer("Power", [(2, 3)], pow_param={})
    with pytest.raises(SpecError, match="dict is no pycaffe_geo.Layer; a caffe.Layer runs as the layer type 'Python'"):
        build_layer(dict)
    with pytest.raises(ShapeError, match=r"layer 'layer' \(Affine\): bottom 'bottom1' is \(2, 4\), expected \(2, 3\)"):
        build_layer(Affine, [(2, 3), (2, 4)])
