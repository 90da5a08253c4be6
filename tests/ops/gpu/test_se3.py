"""The exponential map's CUDA kernels against geometry.se3."""

import numpy as np
import pytest

from pycaffe_geo.backend import asnumpy
from pycaffe_geo.geometry import se3
from pycaffe_geo.ops.se3 import se3_functions

LENGTHS = np.array([0, 1e-7, 1e-5, 0.5, 0.999, 1.001, 2, np.pi - 1e-6, np.pi, 5])


@pytest.mark.parametrize("translation", se3.TRANSLATIONS)
def test_as_the_reference(translation, kernel_gpu):
    draws = np.random.default_rng(0)
    twist, dT = draws.normal(size=(len(LENGTHS), 6)), draws.normal(size=(len(LENGTHS), 4, 4))
    twist[:, :3] *= (LENGTHS / np.linalg.norm(twist[:, :3], axis=1))[:, None]
    functions, (x, dy) = se3_functions(kernel_gpu, "float64"), (kernel_gpu.asarray(a) for a in (twist, dT))
    np.testing.assert_allclose(asnumpy(functions.exp(x, translation)), se3.exp(twist, translation), atol=1e-14)
    found = asnumpy(functions.exp_backward(x, dy, translation))
    np.testing.assert_allclose(found, se3.exp_backward(twist, dT, translation), atol=1e-12)


def test_float32_is_as_good_as_its_rounding(kernel_gpu):
    twist = np.random.default_rng(0).normal(size=(300, 6)).astype("float32")
    found = asnumpy(se3_functions(kernel_gpu, "float32").exp(kernel_gpu.asarray(twist)))
    np.testing.assert_allclose(found, se3.exp(twist.astype("float64")), rtol=1e-6, atol=1e-7)
