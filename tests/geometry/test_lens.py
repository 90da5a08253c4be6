import numpy as np
import pytest

from pycaffe_geo.geometry import lens

COEFFICIENTS = np.array([[-0.3, 0.1, 0.004, -0.003, 0.01]])


def scene(dtype=float):
    rng = np.random.default_rng(0)
    coords = rng.uniform(0, 6, (2, 2, 4, 5)).astype(dtype)
    return coords, np.array([[5.0, 6.0, 2.1, 1.4], [4.0, -5.0, 1.9, 1.6]], dtype)


def test_one_set_of_coefficients_for_the_batch():
    coords, K = scene()
    once, twice = np.empty_like(coords), np.empty_like(coords)
    lens.distort(coords, K, COEFFICIENTS, once)
    lens.distort(coords, K.reshape(2, 4, 1, 1), COEFFICIENTS.repeat(2, axis=0).reshape(2, 5, 1, 1), twice)
    np.testing.assert_array_equal(once, twice)


@pytest.mark.parametrize("k1", [-0.2, 0.2])
def test_radial_distortion_moves_along_the_radius(k1):
    """Barrels (k1 < 0) pull pixels to the principal point, pincushions push them away; the direction stays."""
    coords, K = scene()
    out = np.empty_like(coords)
    lens.distort(coords, K, np.array([[k1, 0, 0, 0, 0]]), out)
    centre, focal = K[:, 2:, None, None], K[:, :2, None, None]
    before, after = (coords - centre) / focal, (out - centre) / focal
    np.testing.assert_allclose(before[:, 0] * after[:, 1], before[:, 1] * after[:, 0], atol=1e-14)
    assert ((abs(after) > abs(before)) == (k1 > 0)).all()


@pytest.mark.parametrize("name", ["dcoords", "dintrinsics", "dcoefficients"])
def test_one_gradient_alone_is_that_of_all_together(name):
    coords, K = scene()
    k = COEFFICIENTS.repeat(2, axis=0)
    dout = np.random.default_rng(1).normal(size=coords.shape)
    buffers = {"dcoords": np.empty_like(coords), "dintrinsics": np.empty_like(K), "dcoefficients": np.empty_like(k)}
    lens.distort_backward(coords, K, k, dout, **buffers)
    alone = np.full_like(buffers[name], np.nan)
    lens.distort_backward(coords, K, k, dout, **{name: alone})
    np.testing.assert_array_equal(alone, buffers[name])


def test_keeps_the_dtype():
    coords, K = scene(np.float32)
    out = np.empty_like(coords)
    lens.distort(coords, K, COEFFICIENTS.astype(np.float32), out)
    exact = np.empty(coords.shape)
    lens.distort(coords.astype(float), K.astype(float), COEFFICIENTS, exact)
    np.testing.assert_allclose(out, exact, rtol=1e-5, atol=1e-5)


def first_fold(coefficients):
    """Return the radius at which the distorted radius stops to grow: by numpy's polynomial roots, on r itself."""
    k1, k2, _, _, k3 = coefficients
    roots = np.roots([7 * k3, 0, 5 * k2, 0, 3 * k1, 0, 1])
    real = roots[abs(roots.imag) < 1e-9].real
    return min(real[real > 0], default=np.inf)


SETS = [
    (0, 0, 0, 0, 0),
    (-0.4, 0.05, 0, 0, 0),
    (-0.4, 0, 0, 0, 0),
    (0, 0, 0, 0, -0.01),
    (0.3, -0.2, 0, 0, 0.02),
    (-0.1, 0, 0, 0, 0.001),
]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_fold_of_the_radial_model(dtype):
    """Pixels before it are those of the formula, all beyond it are masked, also where the distorted radius grows again."""
    sets = np.array(SETS + list(np.random.default_rng(2).normal(size=(40, 5)) * [0.4, 0.2, 0, 0, 0.05]), dtype)
    radius = np.linspace(0, 9, 200, dtype=dtype)
    coords = np.zeros((len(sets), 2, 1, 200), dtype)
    coords[:, 0, 0] = radius
    out = np.empty_like(coords)
    lens.distort(coords, np.tile(np.array([1, 1, 0, 0], dtype), (len(sets), 1)), sets, out)
    folds = 0
    for k, (u, v) in zip(sets, out[:, :, 0]):
        fold = first_fold(k.astype(float))
        before, after = radius < fold - 1e-3, radius > fold + 1e-3
        formula = radius * (1 + k[0] * radius**2 + k[1] * radius**4 + k[4] * radius**6)
        np.testing.assert_allclose(u[before], formula[before], rtol=1e-5, atol=1e-5)
        assert not v[before].any() and (u[after] == -2).all() and (v[after] == -2).all()
        folds += after.any()
    assert 20 < folds < len(sets)
