import numpy as np
import pytest

from pycaffe_geo.errors import ShapeError, SpecError
from pycaffe_geo.gradient_check import build_layer, check_layer

RNG = np.random.default_rng(0)
A, B = RNG.normal(size=(2, 2, 3, 6, 8))
EXAMPLE = dict(bottom=[A, B], correlation_param={"kernel_size": 1, "max_displacement": 2, "pad": 2, "stride_2": 2})
CASES = [  # kernel_size, max_displacement, pad, stride_1, stride_2
    (1, 2, 2, 1, 1),
    (1, 2, 2, 1, 2),
    (1, 3, 3, 2, 2),  # max_displacement is no multiple of stride_2, and stride_1 does not divide the size
    (3, 1, 2, 1, 1),
    (3, 2, 2, 2, 2),
    (3, 1, 0, 3, 1),
    (1, 0, 0, 1, 1),
    (5, 0, 0, 1, 1),
    (1, 1, 4, 1, 1),  # more padding than displacement
]


def param(case, correlation_type="MULTIPLY"):
    names = ("kernel_size", "max_displacement", "pad", "stride_1", "stride_2")
    return {**dict(zip(names, case)), "correlation_type": correlation_type}


@pytest.mark.parametrize("correlation_type", ["MULTIPLY", "SUBTRACT"])
@pytest.mark.parametrize("case", CASES)
def test_gradient(case, correlation_type):
    report = check_layer("Correlation", [A, B], correlation_param=param(case, correlation_type))
    assert report.ok, report


@pytest.mark.parametrize("i", [0, 1])
@pytest.mark.parametrize("correlation_type", ["MULTIPLY", "SUBTRACT"])
def test_gradient_of_one_bottom_alone(correlation_type, i):
    options = param((3, 1, 1, 1, 1), correlation_type)
    report = check_layer("Correlation", [A[:1, :1], B[:1, :1]], check_bottoms=[i], correlation_param=options)
    assert report.ok, report


def correlate(a, b, kernel, reach, pad, stride_1, stride_2, subtract):
    """The definition, number by number: positions and displacements in the padded images."""
    a, b = (np.pad(x, ((0, 0), (0, 0), (pad, pad), (pad, pad))) for x in (a, b))
    border = reach + kernel // 2
    rows, columns = (range(border, n - border, stride_1) for n in a.shape[2:])
    moves = [m for m in range(-reach, reach + 1) if (m % stride_2 == 0)]
    out = np.zeros((len(a), len(moves) ** 2, len(rows), len(columns)))
    half = kernel // 2
    for n, k, i, j in np.ndindex(out.shape):
        down, right = moves[k // len(moves)], moves[k % len(moves)]
        y, x = rows[i], columns[j]
        near = a[n, :, y - half:y + half + 1, x - half:x + half + 1]
        far = b[n, :, y + down - half:y + down + half + 1, x + right - half:x + right + half + 1]
        out[n, k, i, j] = np.mean(abs(near - far) if subtract else near * far)
    return out


@pytest.mark.parametrize("correlation_type", ["MULTIPLY", "SUBTRACT"])
@pytest.mark.parametrize("case", CASES)
def test_forward_against_a_loop(case, correlation_type):
    layer, bottom, top = build_layer("Correlation", [A, B], correlation_param=param(case, correlation_type))
    layer.forward(bottom, top)
    np.testing.assert_allclose(top[0].data, correlate(A, B, *case, correlation_type == "SUBTRACT"), atol=1e-13)


def test_a_moved_image_is_found():
    moved = np.roll(A, (1, -2), (2, 3))
    layer, bottom, top = build_layer("Correlation", [A, moved], correlation_param=param((1, 2, 2, 1, 1), "SUBTRACT"))
    layer.forward(bottom, top)
    where = top[0].data[:, :, :-1, 2:] == 0
    assert where[:, (2 + 1) * 5 + (2 - 2)].all() and where.sum() == where[:, 0].size  # 1 down, 2 to the left


def test_sizes_of_flownet():
    options = {"pad": 20, "kernel_size": 1, "max_displacement": 20, "stride_1": 1, "stride_2": 2}
    _, _, top = build_layer("Correlation", [(1, 2, 6, 8), (1, 2, 6, 8)], correlation_param=options)
    assert top[0].shape == (1, 441, 6, 8)


def test_no_gradient_where_both_are_equal():
    layer, bottom, top = build_layer("Correlation", [A, A], correlation_param=param((1, 0, 0, 1, 1), "SUBTRACT"))
    layer.forward(bottom, top)
    top[0].diff[...] = 1
    layer.backward(top, [True, True], bottom)
    assert not top[0].data.any() and not bottom[0].diff.any() and not bottom[1].diff.any()


def test_sizes_may_change():
    layer, bottom, top = build_layer("Correlation", [A, B], correlation_param=param((3, 1, 1, 1, 1)))
    for blob, value in zip(bottom, (A, B)):
        blob.reshape(1, 2, 4, 5)
        blob.data[...] = value[:1, :2, :4, :5]
    layer.reshape(bottom, top)
    layer.forward(bottom, top)
    expected = correlate(A[:1, :2, :4, :5], B[:1, :2, :4, :5], 3, 1, 1, 1, 1, False)
    np.testing.assert_allclose(top[0].data, expected, atol=1e-13)


def test_maps_of_two_sizes():
    with pytest.raises(ShapeError, match=r"bottom 'bottom1' is \(2, 3, 6, 7\), expected \(2, 3, 6, 8\)"):
        build_layer("Correlation", [A, B[..., :7]], correlation_param=param(CASES[0]))


def test_maps_too_small():
    with pytest.raises(ShapeError, match=r"bottom 'bottom0' is \(2, 3, 6, 8\), expected at least 7 rows and columns"):
        build_layer("Correlation", [A, B], correlation_param=param((1, 3, 0, 1, 1)))


@pytest.mark.parametrize("options, message", [
    ({}, "kernel_size and max_displacement must be given"),
    ({"kernel_size": 2, "max_displacement": 1}, "kernel_size is 2, expected an odd number"),
    ({"kernel_size": 1, "max_displacement": 1, "stride_2": 0}, "stride_2 is 0, expected at least 1"),
])
def test_mistakes_in_the_parameters(options, message):
    with pytest.raises(SpecError, match=message):
        build_layer("Correlation", [A, B], correlation_param=options)
