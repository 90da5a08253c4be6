import numpy as np
import pytest

from pycaffe_geo.errors import ShapeError, SpecError
from pycaffe_geo.gradient_check import build_layer, check_layer

RNG = np.random.default_rng(0)
A = RNG.uniform(0, 255, (2, 3, 5, 6))
B = A + RNG.normal(scale=30, size=A.shape)

EXAMPLE = dict(bottom=[A, B])
SIZES = [np.s_[:], np.s_[:1, :1, :1, :1], np.s_[:1, :, :, :1], np.s_[:1, :, :1], np.s_[:1, :, :2, :2], np.s_[:1, :, :3, :2]]


def run(bottom, **parameters):
    layer, bottom, top = build_layer("PhotometricError", bottom, photometric_error_param=parameters)
    layer.forward(bottom, top)
    top[0].diff[...] = np.cos(np.arange(top[0].count)).reshape(top[0].shape)
    layer.backward(top, [True, True], bottom)
    return top[0].data, bottom[0].diff, bottom[1].diff


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("parameters", [{}, {"alpha": 1, "range": 100}, {"alpha": 0, "range": 1}])
def test_gradient(size, parameters):
    report = check_layer("PhotometricError", [A[size], B[size]], photometric_error_param=parameters)
    assert report.ok, report


@pytest.mark.parametrize("wanted", [0, 1])
def test_gradient_to_one_bottom(wanted):
    report = check_layer("PhotometricError", [A, B], check_bottoms=[wanted])
    assert report.ok, report


def mirrored(i, n):
    i = abs(i)
    return 0 if n == 1 else min(i, 2 * (n - 1) - i)


def error_at(a, b, y, x, alpha, size):
    """The error of two planes at one pixel, in plain words."""
    height, width = a.shape
    places = [(mirrored(y + i, height), mirrored(x + j, width)) for i in (-1, 0, 1) for j in (-1, 0, 1)]
    p, q = (np.array([plane[place] for place in places]) for plane in (a, b))
    c1, c2 = (0.01 * size)**2, (0.03 * size)**2
    covariance = ((p - p.mean()) * (q - q.mean())).mean()
    ssim = (2 * p.mean() * q.mean() + c1) * (2 * covariance + c2)
    ssim /= (p.mean()**2 + q.mean()**2 + c1) * (p.var() + q.var() + c2)
    return alpha * (1 - ssim) / 2 + (1 - alpha) * abs(a[y, x] - b[y, x]) / size


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("alpha, values", [(0.85, 255), (1, 255), (0.3, 1), (0, 255)])
def test_forward_against_a_loop(size, alpha, values):
    a, b = A[size], B[size]
    got, _, _ = run([a, b], alpha=alpha, range=values)
    assert got.shape == (len(a), 1, *a.shape[2:])
    for n, _, y, x in np.ndindex(got.shape):
        expected = np.mean([error_at(a[n, c], b[n, c], y, x, alpha, values) for c in range(a.shape[1])])
        assert got[n, 0, y, x] == pytest.approx(expected, rel=1e-10)


def test_against_torch():
    torch = pytest.importorskip("torch")
    a, b = (torch.tensor(x / 255, requires_grad=True) for x in (A, B))

    def mean(x):
        return torch.nn.functional.avg_pool2d(torch.nn.functional.pad(x, (1, 1, 1, 1), mode="reflect"), 3, 1)

    ma, mb = mean(a), mean(b)
    top = (2 * ma * mb + 0.01**2) * (2 * (mean(a * b) - ma * mb) + 0.03**2)
    ssim = top / ((ma**2 + mb**2 + 0.01**2) * (mean(a * a) - ma**2 + mean(b * b) - mb**2 + 0.03**2))
    error = (0.85 * ((1 - ssim) / 2).clamp(0, 1) + 0.15 * (a - b).abs()).mean(1, keepdim=True)
    error.backward(torch.cos(torch.arange(error.numel(), dtype=torch.float64)).reshape(error.shape))
    got, da, db = run([A, B])
    np.testing.assert_allclose(got, error.detach().numpy(), rtol=1e-10)
    np.testing.assert_allclose(da, a.grad.numpy() / 255, rtol=1e-8, atol=1e-14)
    np.testing.assert_allclose(db, b.grad.numpy() / 255, rtol=1e-8, atol=1e-14)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("value", [0, 200])
def test_equal_and_constant_images_cost_nothing(dtype, value):
    for image in (A, np.full_like(A, value)):
        layer, bottom, top = build_layer("PhotometricError", [image, image], dtype=dtype)
        layer.forward(bottom, top)
        top[0].diff[...] = 1
        layer.backward(top, [True, True], bottom)
        assert top[0].data.max() < 1e-6
        assert abs(bottom[0].diff).max() < 1e-6 and np.isfinite(bottom[1].diff).all()


def test_opposites():
    got, _, _ = run([np.zeros_like(A), np.full_like(A, 255)], alpha=1)
    np.testing.assert_allclose(got, (1 - 0.01**2 / (1 + 0.01**2)) / 2)  # equal structure leaves half
    stripes = np.zeros_like(A)
    stripes[..., ::2] = 255
    got, _, _ = run([stripes, 255 - stripes], alpha=1)
    np.testing.assert_allclose(got, (1 + 0.8) / 2, rtol=0.01)  # means 1/3 and 2/3 of 255, structure opposed


def test_sizes_may_change():
    layer, bottom, top = build_layer("PhotometricError", [A, B])
    for blob, value in zip(bottom, (A, B)):
        blob.reshape(1, 3, 4, 3)
        blob.data[...] = value[:1, :, :4, :3]
    layer.reshape(bottom, top)
    layer.forward(bottom, top)
    np.testing.assert_array_equal(top[0].data, run([A[:1, :, :4, :3], B[:1, :, :4, :3]])[0])


def test_images_of_two_sizes():
    with pytest.raises(ShapeError, match=r"bottom 'bottom1' is \(2, 3, 4, 6\), expected \(2, 3, 5, 6\)"):
        build_layer("PhotometricError", [A, B[:, :, 1:]])


@pytest.mark.parametrize("parameters, message", [({"alpha": 85}, "alpha is 85.0, expected 0 to 1"),
                                                 ({"range": 0}, "range is 0.0, expected more than 0")])
def test_mistakes_in_the_parameters(parameters, message):
    with pytest.raises(SpecError, match=message):
        build_layer("PhotometricError", [A, B], photometric_error_param=parameters)
