"""The compiled update rules against solvers.rules on NumPy."""

import numpy as np
import pytest
from golden import compare

from pycaffe_geo.blob import Blob
from pycaffe_geo.solvers.rules import Updater
from pycaffe_geo.spec import SolverDef

TOLERANCE = {"float32": 1e-6, "float64": 1e-12}
fast = pytest.importorskip("pycaffe_geo.ops.fast.update")


def train(kind, dtype, size):
    """Return data, diff and history after three updates with decay, clipped gradients and two learning rates."""
    rng = np.random.default_rng(0)
    blobs = [Blob((size,), dtype), Blob((2, 3), dtype)]
    updater = Updater(SolverDef(type=kind, momentum=0.9, weight_decay=0.1), blobs, [1.0, 2.0], [1.0, 0.0])
    for blob in blobs:
        blob.data = rng.normal(size=blob.shape)
    for t in range(3):
        for blob in blobs:
            blob.diff = rng.normal(size=blob.shape)
        updater.apply(0.05, t, 0.25)
    return updater, [*(b.data for b in blobs), *(b.diff for b in blobs), *updater.history]


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("size", [1, 2 * fast.BLOCK + 5])
@pytest.mark.parametrize("kind", ["SGD", "Nesterov", "Adam"])
def test_as_the_reference(kind, size, dtype, monkeypatch):
    monkeypatch.delenv("PYCAFFE_GEO_ENGINES", raising=False)
    compiled, arrays = train(kind, dtype, size)
    monkeypatch.setenv("PYCAFFE_GEO_ENGINES", "numpy")
    plain, expected = train(kind, dtype, size)
    assert compiled._compiled and not plain._compiled
    for i, (a, b) in enumerate(zip(arrays, expected)):
        compare(f"array {i}", a, b, TOLERANCE[dtype])
