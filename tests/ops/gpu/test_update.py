"""The update rules' CUDA kernel against solvers.rules on NumPy."""

import numpy as np
import pytest
from golden import compare

from pycaffe_geo.backend import CPU, asnumpy
from pycaffe_geo.blob import Blob
from pycaffe_geo.ops.gpu.update import CHUNK, RULES
from pycaffe_geo.solvers.numeric import squared_norm
from pycaffe_geo.solvers.rules import Updater
from pycaffe_geo.spec import SolverDef

TOLERANCE = {"float32": 3e-6, "float64": 1e-12}


def train(kind, dtype, device, regularization="L2"):
    """Return data, diff and history after three updates with decay, clipped gradients, two rates and a parameter that rests."""
    rng = np.random.default_rng(0)
    momentum = {"momentum": 0.0} if kind in ("AdaGrad", "RMSProp") else {"momentum": 0.9}
    blobs = [Blob(shape, dtype, device) for shape in ((CHUNK + 5,), (2, 3), (4,))]
    solver = SolverDef(type=kind, **momentum, weight_decay=0.1, regularization_type=regularization)
    updater = Updater(solver, blobs, [1.0, 2.0, 0.0], [1.0, 0.0, 1.0])
    for blob in blobs:
        blob.data[...] = device.asarray(rng.normal(size=blob.shape), dtype)
    for t in range(3):
        for blob in blobs:
            blob.diff[...] = device.asarray(rng.normal(size=blob.shape), dtype)
        updater.apply(0.05, t, 0.25)
    return updater, [asnumpy(a) for a in (*(b.data for b in blobs), *(b.diff for b in blobs), *updater.history)]


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("regularization", ["L1", "L2"])
@pytest.mark.parametrize("kind", RULES)
def test_as_the_reference(kind, regularization, dtype, kernel_gpu, monkeypatch):
    together, arrays = train(kind, dtype, kernel_gpu, regularization)
    monkeypatch.setenv("PYCAFFE_GEO_ENGINES", "numpy")
    plain, expected = train(kind, dtype, CPU, regularization)
    assert together.together and not plain.together
    for i, (a, b) in enumerate(zip(arrays, expected)):
        compare(f"array {i}", a, b, TOLERANCE[dtype])


def test_arrays_that_move_are_found(kernel_gpu):
    places = [[kernel_gpu.asarray(np.full(3, v, "float32")) for v in (1, 2, 0)] for _ in range(2)]
    updater = Updater(SolverDef(type="SGD"), [Blob((3,), "float32", kernel_gpu)], [1.0], [1.0])
    for data, diff, history in places:
        updater.together([(data, diff, history)], [(1.0, 0.0)], 1.0, (0.5, 0.0))
        np.testing.assert_array_equal(data.get(), [0, 0, 0])


def test_squared_norm(kernel_gpu):
    blobs = [Blob(shape, "float32", kernel_gpu) for shape in ((2 * CHUNK + 3,), (4, 5))]
    total = 0
    for i, blob in enumerate(blobs):
        values = np.random.default_rng(i).normal(size=blob.shape)
        blob.diff[...] = kernel_gpu.asarray(values, "float32")
        total += (values**2).sum()
    assert squared_norm(blobs) == pytest.approx(total, rel=1e-6)
    blobs[0].diff[3] = 1e25
    assert squared_norm(blobs) == pytest.approx(1e50, rel=1e-6)  # more than float32 holds
    blobs[0].diff[3] = np.nan
    assert np.isnan(squared_norm(blobs))


def test_a_scale_of_nan_changes_nothing(kernel_gpu):
    arrays = [kernel_gpu.asarray(np.full(3, v, "float32")) for v in (1, 2, 3)]
    updater = Updater(SolverDef(type="SGD"), [Blob((3,), "float32", kernel_gpu)], [1.0], [1.0])
    updater.together([arrays], [(1.0, 0.0)], np.nan, (0.5, 0.0))
    for array, value in zip(arrays, (1, 2, 3)):
        np.testing.assert_array_equal(array.get(), value)
