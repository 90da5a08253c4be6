import numpy as np
import pytest

from pycaffe_geo.errors import ShapeError, SpecError
from pycaffe_geo.gradient_check import build_layer, check_layer
from pycaffe_geo.net import Net
from pycaffe_geo.spec import load_net

X = np.random.default_rng(0).normal(size=(2, 3, 5, 7))
EXAMPLE = dict(bottom=[X], resize_param={"height": 8, "width": 4})
WAYS = [("bilinear", False), ("bilinear", True), ("nearest", False), ("nearest", True), ("area", False)]
SIZES = [(10, 14), (3, 3), (1, 1), (5, 7), (13, 4), (1, 20)]


@pytest.mark.parametrize("mode, align_corners", WAYS)
@pytest.mark.parametrize("height, width", SIZES)
def test_gradient(height, width, mode, align_corners):
    param = {"height": height, "width": width, "mode": mode, "align_corners": align_corners}
    for x in (X, X[:1, :1, :1, :1], X[:1, :, :4, :1]):
        report = check_layer("Resize", [x], resize_param=param)
        assert report.ok, report


def run(bottom, type_name="Resize", key="resize_param", **param):
    layer, bottom, top = build_layer(type_name, bottom, **{key: param} if param else {})
    layer.forward(bottom, top)
    return top[0].data


def position(i, old, new, align_corners):
    """The place of new pixel i among the old ones, edges repeated."""
    place = i * (old - 1) / max(new - 1, 1) if align_corners else (i + 0.5) * old / new - 0.5
    return min(max(place, 0), old - 1)


def at(line, i, new, mode, align_corners):
    """New pixel i of `new`, from the pixels of `line` (list of arrays)."""
    old = len(line)
    if mode == "area":
        low, high = i * old / new, (i + 1) * old / new
        return sum(pixel * max(0, min(high, j + 1) - max(low, j)) for j, pixel in enumerate(line)) / (high - low)
    place = position(i, old, new, align_corners)
    if mode == "nearest":
        return line[int(np.floor(place + 0.5 + 1e-9))]
    return sum(pixel * max(0, 1 - abs(place - j)) for j, pixel in enumerate(line))


@pytest.mark.parametrize("mode, align_corners", WAYS)
@pytest.mark.parametrize("height, width", SIZES)
def test_forward_against_a_loop(height, width, mode, align_corners):
    got = run([X], height=height, width=width, mode=mode, align_corners=align_corners)
    rows = [at(list(np.moveaxis(X, 2, 0)), i, height, mode, align_corners) for i in range(height)]
    for i, j in np.ndindex(height, width):
        expected = at(list(np.moveaxis(rows[i], 2, 0)), j, width, mode, align_corners)
        np.testing.assert_allclose(got[:, :, i, j], expected, atol=1e-12)


@pytest.mark.parametrize("mode, align_corners, name", [("bilinear", False, "bilinear"), ("bilinear", True, "bilinear"),
                                                       ("nearest", False, "nearest-exact")])
@pytest.mark.parametrize("height, width", SIZES)
def test_against_torch(height, width, mode, align_corners, name):
    torch = pytest.importorskip("torch")
    param = {"height": height, "width": width, "mode": mode, "align_corners": align_corners}
    layer, bottom, top = build_layer("Resize", [X], resize_param=param)
    layer.forward(bottom, top)
    top[0].diff[...] = np.cos(np.arange(top[0].count)).reshape(top[0].shape)
    layer.backward(top, [True], bottom)
    x = torch.tensor(X, requires_grad=True)
    y = torch.nn.functional.interpolate(x, (height, width), mode=name, align_corners=align_corners or None)
    y.backward(torch.tensor(top[0].diff))
    np.testing.assert_allclose(top[0].data, y.detach().numpy(), atol=1e-12)
    np.testing.assert_allclose(bottom[0].diff, x.grad.numpy(), atol=1e-12)


@pytest.mark.parametrize("key, param, size", [
    ("resize_param", {"zoom_factor": 2}, (10, 14)),
    ("resize_param", {"shrink_factor": 2}, (2, 3)),
    ("resize_param", {"shrink_factor": 8}, (1, 1)),
    ("resize_param", {"zoom_factor": 3, "shrink_factor": 2}, (7, 10)),
    ("interp_param", {"zoom_factor": 2}, (9, 13)),
    ("interp_param", {"shrink_factor": 3}, (2, 3)),
    ("interp_param", {"zoom_factor": 4, "shrink_factor": 2, "pad_beg": 0, "pad_end": 0}, (9, 13)),
    ("interp_param", {"height": 3, "width": 60}, (3, 60)),
])
def test_sizes(key, param, size):
    type_name = "Interp" if key == "interp_param" else "Resize"
    got = run([X], type_name, key, **param)
    assert got.shape == (2, 3, *size)
    align_corners = type_name == "Interp"
    np.testing.assert_array_equal(got, run([X], height=size[0], width=size[1], align_corners=align_corners))


def test_the_size_of_a_second_bottom():
    got = run([X, (4, 1, 9, 8)])
    np.testing.assert_array_equal(got, run([X], height=9, width=8))
    report = check_layer("Resize", [X, (4, 1, 9, 8)])
    assert report.ok, report


def test_sizes_may_change():
    layer, bottom, top = build_layer("Resize", [X, (2, 1, 9, 8)])
    bottom[0].reshape(1, 2, 3, 4)
    bottom[1].reshape(1, 1, 2, 6)
    layer.reshape(bottom, top)
    bottom[0].data[...] = X[:1, :2, :3, :4]
    layer.forward(bottom, top)
    np.testing.assert_array_equal(top[0].data, run([X[:1, :2, :3, :4]], height=2, width=6))


@pytest.mark.parametrize("bottom, param, message", [
    ([X], {}, "expected height and width, or factors, or a second bottom"),
    ([X, X], {"zoom_factor": 2}, "expected height and width, or factors, or a second bottom"),
    ([X], {"height": 3}, "expected height and width, got one of them"),
    ([X], {"height": 3, "width": 4, "zoom_factor": 2}, "expected either height and width or factors, got both"),
    ([X], {"zoom_factor": 0}, "zoom_factor is 0, expected at least 1"),
    ([X], {"zoom_factor": 2, "pad_beg": -1}, "pad_beg and pad_end are not supported"),
    ([X], {"zoom_factor": 2, "mode": "area", "align_corners": True}, "mode 'area' has no aligned corners"),
])
def test_mistakes_in_the_parameters(bottom, param, message):
    with pytest.raises(SpecError, match=message):
        build_layer("Resize", bottom, resize_param=param)


def test_one_set_of_parameters():
    with pytest.raises(SpecError, match="has resize_param and interp_param, expected one of them"):
        build_layer("Resize", [X], resize_param={"zoom_factor": 2}, interp_param={"zoom_factor": 2})


def test_an_image_without_pixels():
    with pytest.raises(ShapeError, match=r"bottom 'bottom0' is \(2, 3, 0, 7\), cannot become \(4, 4\): no pixels"):
        build_layer("Resize", [(2, 3, 0, 7)], resize_param={"height": 4, "width": 4})


@pytest.mark.parametrize("type_name, key", [("Resize", "resize_param"), ("Interp", "interp_param")])
def test_from_a_file(type_name, key):
    """A layer from a file has both sets of parameters, the one that is not written as its defaults."""
    text = "layers: [{name: x, type: Input, input_param: {shape: {dim: [2, 3, 5, 7]}}}, {name: y, type: %s, bottom: x, %s: {%s}}]"
    net = Net(load_net("n.yaml", text=text % (type_name, key, "height: 9, width: 13")), "TEST")
    assert net.blobs["y"].shape == (2, 3, 9, 13) and net.layers[1].align_corners == (type_name == "Interp")
