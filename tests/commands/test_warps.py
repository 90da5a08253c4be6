"""Pictures of warps show images as they were before the net scaled and shifted them."""

import numpy as np
import pytest

from pycaffe_geo.commands._warps import draw_before_and_after, unscaled, warp_number, warp_picture, warp_rows
from pycaffe_geo.net import Net
from pycaffe_geo.spec import load_net

TEXT = """
layers:
- {name: pictures, type: Input, top: [left, right], input_param: {shape: {dim: [1, 3, 4, 6]}}}
- {name: coords, type: Input, input_param: {shape: {dim: [1, 2, 4, 6]}}}
- {name: grey, type: Power, bottom: right, power_param: {shift: -114.67, scale: 2}}
- {name: src, type: Scale, bottom: grey, scale_param: {filler: {value: 0.004}}}
- {name: twice, type: Concat, bottom: [left, left], concat_param: {axis: 0}}
- {name: one, type: Slice, bottom: twice, top: [tgt_bgr, again], slice_param: {axis: 0}}
- {name: moved, type: Power, bottom: tgt_bgr, power_param: {shift: -1}}
- {name: target, type: Power, bottom: moved, top: moved, power_param: {scale: 0.5, shift: 3}}
- {name: warped, type: InverseWarping, bottom: [src, coords]}
- {name: loss, type: AbsLoss, bottom: [warped, moved]}
- {name: learnt, type: Convolution, bottom: left, convolution_param: {num_output: 3, kernel_size: 1}}
- {name: squared, type: Power, bottom: left, power_param: {power: 2}}
"""


def test_scaled_images_are_shown_as_they_were():
    net = Net(load_net("w.yaml", TEXT), "TEST")
    left, right = np.random.default_rng(0).integers(0, 256, (2, 1, 3, 4, 6)).astype(float)
    y, x = np.mgrid[:4, :6]
    net.forward(left=left, right=right, coords=np.stack([x, y])[None])  # every pixel stays where it is
    titles, ((src, tgt, warped, error),) = warp_rows(net)
    assert titles == ["src", "tgt", "warped", "error"]
    np.testing.assert_array_equal(src, right[0, ::-1].transpose(1, 2, 0))
    np.testing.assert_array_equal(warped, src)
    np.testing.assert_array_equal(tgt, left[0, ::-1].transpose(1, 2, 0))
    np.testing.assert_allclose(error, abs(left - right)[0].mean(axis=0), rtol=1e-4)
    np.testing.assert_array_equal(warp_picture(net), np.hstack([src, tgt, warped]))
    for other in ("learnt", "squared"):
        assert unscaled(net, net.blobs[other]) == (1, 0)


def test_only_colour_images_are_shown():
    """Masks and digits have one channel, features many."""
    for channels, number in ((1, None), (3, 8), (64, None)):
        text = TEXT.replace("dim: [1, 3, 4, 6]", f"dim: [1, {channels}, 4, 6]")
        assert warp_number(Net(load_net("w.yaml", text), "TEST")) == number


@pytest.mark.parametrize("target, columns", [
    ("moved", ["src", "tgt", "warped before training", "error", "warped after training", "error"]),
    ("none", ["src", "warped before training", "warped after training"]),
])
def test_before_and_after_with_a_target_and_without(target, columns, monkeypatch):
    drawn = []
    monkeypatch.setattr("pycaffe_geo.plots.panels.draw_panels", lambda out, titles, rows: drawn.append((out, titles, rows)))
    text = TEXT if target == "moved" else TEXT.replace("- {name: loss, type: AbsLoss, bottom: [warped, moved]}\n", "")
    before, after = nets = [Net(load_net("w.yaml", text), "TEST") for _ in range(2)]
    for number, net in enumerate(nets):
        net.blobs["right"].data = 100 + 50 * number
        net.blobs["coords"].data = 1
    draw_before_and_after("w.png", before, after)
    ((out, titles, rows),) = drawn
    assert (out, titles) == ("w.png", columns)
    assert all(len(row) == len(columns) for row in rows)
    row = dict(zip(titles, rows[0]))
    assert row["warped before training"].mean() == 100 and row["warped after training"].mean() == 150
