"""oneDNN's plans against the reference plans in float64, and when the reference takes over."""

import importlib.metadata
import logging
import os
import subprocess
import sys
import threading

import numpy as np
import pytest

from engine_cases import BEYOND, CONVOLUTIONS, POOLINGS
from pycaffe_geo.backend import CPU
from pycaffe_geo.net import Net
from pycaffe_geo.ops.convolution import PatchConvolution, SplitConvolution, plan_convolution
from pycaffe_geo.ops.onednn import library as library_module
from pycaffe_geo.ops.onednn.convolution import OneDnnConvolution
from pycaffe_geo.ops.onednn.pooling import OneDnnPooling
from pycaffe_geo.ops.pooling import AveragePooling, MaxPooling, plan_pooling
from pycaffe_geo.ops.product import plan_product

LIBRARY = library_module.library(CPU, np.dtype("float32"))
needs_library = pytest.mark.skipif(LIBRARY is None, reason="onednn-cpu-gomp is not installed, or PYCAFFE_GEO_ENGINES=numpy")

TOLERANCE = 2e-6


@pytest.fixture
def threads():
    """Set how many threads OpenMP uses, until the test ends."""
    before = LIBRARY.threads()
    yield LIBRARY._dll.omp_set_num_threads
    LIBRARY._dll.omp_set_num_threads(before)


@pytest.fixture
def load_anew():
    """Let the library be searched for again, in this test and after it."""
    library_module._load.cache_clear()
    yield
    library_module._load.cache_clear()


def convolution_plan(name, dtype="float32"):
    x_shape, w_shape, options = CONVOLUTIONS[name]
    return plan_convolution(x_shape, w_shape, **options, dtype=dtype, device=CPU)


def operands(name, dtype="float32", seed=0):
    x_shape, w_shape, _ = CONVOLUTIONS[name]
    rng = np.random.default_rng(seed)
    shapes = x_shape, w_shape, w_shape[0], convolution_plan(name).out_shape
    return [rng.normal(size=s).astype("float32").astype(dtype) for s in shapes]


def run(plan, x, w, b, dy):
    """Return y, y without bias, dx, dw, db; what is overwritten starts as NaN, what is added to as 1."""
    y, plain, dx = (np.full(s, np.nan, x.dtype) for s in (plan.out_shape, plan.out_shape, x.shape))
    dw, db = np.ones_like(w), np.ones_like(b)
    plan.forward(x, w, None, plain)
    plan.forward(x, w, b, y)
    plan.backward_weights(x, dy, dw, x_unchanged=True)
    plan.backward_bias(dy, db)
    plan.backward_data(dy, w, dx, dy_unchanged=True)
    return y, plain, dx, dw, db


def assert_close(found, expected):
    for a, e in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, e, rtol=0, atol=TOLERANCE * abs(e).max())


@needs_library
@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize("name", CONVOLUTIONS)
def test_convolution_is_the_reference(name, count, threads):
    threads(count)
    plan = convolution_plan(name)
    assert isinstance(plan, OneDnnConvolution)
    for seed in range(2):  # buffers are used again
        expected = run(convolution_plan(name, "float64"), *operands(name, "float64", seed))
        assert_close(run(plan, *operands(name, seed=seed)), expected)


@needs_library
def test_a_channel_too_many_is_worked_on_apart():
    pytest.importorskip("numba")
    shapes = (1, 17, 5, 40), (4, 17, 3, 3)
    assert isinstance(plan_convolution(*shapes, pad=(1, 1), dtype="float32", device=CPU), SplitConvolution)
    assert isinstance(plan_convolution(*shapes, stride=(2, 2), dtype="float32", device=CPU), OneDnnConvolution)


@needs_library
@pytest.mark.parametrize("name", ["stride", "batch of one", "pointwise", "one channel"])
def test_changed_arrays_are_read_again(name):
    plan = convolution_plan(name)
    x, w, b, dy = operands(name)
    expected = run(plan, x, w, b, dy)
    run(plan, 2 * x, w, b, 3 * dy)
    dw, dx = np.ones_like(w), np.empty_like(x)
    plan.backward_data(dy, w, dx)
    plan.backward_weights(x, dy, dw)
    np.testing.assert_array_equal(dx, expected[2])
    np.testing.assert_array_equal(dw, expected[3])


@needs_library
def test_unchanged_x_survives_other_plans_and_backward_data():
    plan, other = convolution_plan("stride"), convolution_plan("batch of one")
    x, w, b, dy = operands("stride")
    expected = run(plan, x, w, b, dy)[3]
    plan.forward(x, w, b, np.empty_like(dy))
    run(other, *operands("batch of one"))
    plan.backward_data(3 * dy, w, np.empty_like(x))
    dw = np.ones_like(w)
    plan.backward_weights(x, dy, dw, x_unchanged=True)
    np.testing.assert_array_equal(dw, expected)


@needs_library
def test_threads_may_change_and_results_repeat(threads):
    plan = convolution_plan("stride")
    arrays = operands("stride")
    for count in (2, 1, 2):
        threads(count)
        found = run(plan, *arrays)
        for a, e in zip(found, run(convolution_plan("stride"), *arrays), strict=True):
            np.testing.assert_array_equal(a, e)


@needs_library
def test_plans_run_side_by_side_in_python_threads():
    names = ("stride", "batch of one", "group", "dilation")
    expected = {name: run(convolution_plan(name), *operands(name)) for name in names}
    plans, wrong = {name: convolution_plan(name) for name in names}, []

    def work(name):
        arrays = operands(name)
        for _ in range(20):
            found = run(plans[name], *arrays)
            wrong.extend(name for a, e in zip(found, expected[name]) if abs(a - e).max() > TOLERANCE * abs(e).max())

    workers = [threading.Thread(target=work, args=(name,)) for name in names]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert not wrong


FORK = """
import os, sys
import numpy as np
from pycaffe_geo.backend import CPU
from pycaffe_geo.ops.convolution import plan_convolution
plan = plan_convolution((4, 16, 20, 20), (16, 16, 3, 3), pad=(1, 1), dtype="float32", device=CPU)
x, w, y = np.ones((4, 16, 20, 20), "f"), np.ones((16, 16, 3, 3), "f"), np.empty((4, 16, 20, 20), "f")
plan.forward(x, w, None, y)
child = os.fork()
y[...] = 0
plan.forward(x, w, None, y)
right = y[0, 0, 1, 1] == 144
if child == 0:
    os._exit(0 if right else 1)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) or not right)
"""


@needs_library
def test_a_forked_child_works():
    assert subprocess.run([sys.executable, "-c", FORK], timeout=60, env={**os.environ, "OMP_NUM_THREADS": "2"}).returncode == 0


THREADS = """
import os
{imports}
import ctypes, pathlib
from pycaffe_geo.backend import CPU
from pycaffe_geo.ops.onednn.library import library
assert library(CPU, np.dtype("float32"))
found = list((pathlib.Path(np.__file__).parent.parent / "numpy.libs").glob("*scipy_openblas*"))
count = ctypes.CDLL(str(found[0])).scipy_openblas_get_num_threads64_() if found else None
print(os.environ.get("OPENBLAS_THREAD_TIMEOUT"), count)
"""


@needs_library
@pytest.mark.parametrize("first, then, timeout, count", [("numpy as np", "pycaffe_geo", "None", 1),
                                                         ("pycaffe_geo", "numpy as np", "4", 2)])
def test_openblas_does_not_get_in_the_way(first, then, timeout, count):
    env = {k: v for k, v in os.environ.items() if k != "OPENBLAS_THREAD_TIMEOUT"} | {"OPENBLAS_NUM_THREADS": "2"}
    script = THREADS.format(imports=f"import {first}\nimport {then}")
    result = subprocess.run([sys.executable, "-c", script], env=env, capture_output=True, text=True, timeout=60, check=True)
    found_timeout, found_count = result.stdout.split()
    assert found_timeout == timeout
    assert found_count in (str(min(count, os.cpu_count())), "None")  # None: NumPy without its own OpenBLAS


@needs_library
def test_refuses_arrays_that_are_not_contiguous():
    plan = convolution_plan("odd")
    x, w, b, dy = operands("odd")
    with pytest.raises(ValueError, match="oneDNN needs a contiguous array of 1512 bytes, got 1512, strides"):
        plan.forward(x.swapaxes(2, 3).copy().swapaxes(2, 3), w, b, dy)


def pooling_plan(method, case, dtype="float32", **options):
    shape, kernel, stride, pad = case
    return plan_pooling(method, shape, kernel, stride=stride, pad=pad, dtype=dtype, device=CPU, **options)


def pool(plan, x, dy):
    y, dx = np.full(plan.out_shape, np.nan, x.dtype), np.full(x.shape, np.nan, x.dtype)
    for scale in (2, 1):  # buffers are used again
        plan.forward(scale * x, y)
        plan.backward(scale * dy, dx)
    return y, dx


@needs_library
@pytest.mark.parametrize("values", ["ties", "all different"])
@pytest.mark.parametrize("method", ["MAX", "AVE"])
@pytest.mark.parametrize("name", POOLINGS)
def test_pooling_is_the_reference(name, method, values):
    plan, case = pooling_plan(method, POOLINGS[name]), POOLINGS[name]
    assert isinstance(plan, OneDnnPooling)
    rng = np.random.default_rng(0)
    x = rng.integers(-3, 0, case[0]) if values == "ties" else rng.permutation(np.prod(case[0])).reshape(case[0])
    dy = rng.normal(size=plan.out_shape)
    found = pool(plan, x.astype("float32"), dy.astype("float32"))
    assert_close(found, pool(pooling_plan(method, case, "float64"), x.astype("float64"), dy))


@needs_library
def test_maximum_reaches_beyond_the_image():
    plan, x = pooling_plan("MAX", BEYOND), np.random.default_rng(0).normal(size=BEYOND[0]).astype("float32")
    assert isinstance(plan, OneDnnPooling)
    dy = np.random.default_rng(1).normal(size=plan.out_shape).astype("float32")
    assert_close(pool(plan, x, dy), pool(pooling_plan("MAX", BEYOND, "float64"), x.astype("float64"), dy.astype("float64")))


@needs_library
def test_windows_of_nan_stay_visible():
    plan = pooling_plan("MAX", ((1, 1, 4, 4), (2, 2), (2, 2), (0, 0)))
    x, y = np.zeros((1, 1, 4, 4), "float32"), np.empty((1, 1, 2, 2), "float32")
    x[0, 0, :2, :2] = np.nan
    plan.forward(x, y)
    np.testing.assert_array_equal(y[0, 0], [[np.nan, 0], [0, 0]])


@needs_library
@pytest.mark.parametrize("add", [False, True])
@pytest.mark.parametrize("transposed", ["", "left", "right", "left right"])
@pytest.mark.parametrize("m, k, n", [(1, 1, 1), (1, 37, 5), (8, 3, 21), (9, 40, 33), (130, 17, 1), (0, 3, 2), (2, 0, 3)])
def test_product_is_the_reference(m, k, n, transposed, add):
    rng = np.random.default_rng(0)
    left, right, out = (rng.normal(size=s).astype("float32") for s in ((m, k), (k, n), (m, n)))
    expected = left.astype("float64") @ right + add * out
    left = left.T.copy().T if "left" in transposed else left
    right = right.T.copy().T if "right" in transposed else right
    plan_product("float32", CPU)(left, right, out, add=add)
    np.testing.assert_allclose(out, expected, rtol=0, atol=1e-5)


@needs_library
def test_product_refuses_what_it_cannot_address():
    product, out = plan_product("float32", CPU), np.zeros((2, 3), "float32")
    with pytest.raises(ValueError, match="is not contiguous, nor is its transpose"):
        product(np.zeros((2, 8), "float32")[:, ::2], np.zeros((4, 3), "float32"), out)
    with pytest.raises(ValueError, match=r"cannot write \(2, 4\) @ \(5, 3\) to \(2, 3\)"):
        product(np.zeros((2, 4), "float32"), np.zeros((5, 3), "float32"), out)


def test_reference_where_its_rules_differ():
    assert isinstance(pooling_plan("AVE", BEYOND), AveragePooling)  # Caffe's mean counts no pixels beyond the pad
    assert isinstance(pooling_plan("MAX", ((1, 2, 5, 5), (1, 2), (3, 5), (0, 0))), MaxPooling)  # a window without a pixel
    assert isinstance(pooling_plan("MAX", POOLINGS["k3s2"], mask=True), MaxPooling)
    wide_pad = plan_convolution((1, 2, 5, 6), (2, 2, 2, 2), pad=(2, 2), dtype="float32", device=CPU)
    assert isinstance(wide_pad, PatchConvolution)


def assert_reference(dtype="float32"):
    assert isinstance(convolution_plan("odd", dtype), PatchConvolution)
    assert isinstance(convolution_plan("pointwise", dtype), PatchConvolution)
    assert isinstance(pooling_plan("MAX", POOLINGS["k3s2"], dtype), MaxPooling)
    assert isinstance(pooling_plan("AVE", POOLINGS["k3s2"], dtype), AveragePooling)


def test_float64_runs_on_the_reference():
    assert_reference("float64")


def test_environment_forbids_it(monkeypatch):
    monkeypatch.setenv("PYCAFFE_GEO_ENGINES", "numpy")
    assert_reference()


def test_missing_package_is_told_once(monkeypatch, load_anew, caplog):
    def missing(name):
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "distribution", missing)
    monkeypatch.delenv("PYCAFFE_GEO_ENGINES", raising=False)
    with caplog.at_level(logging.INFO):
        assert_reference()
    text = "oneDNN is not installed (pip install 'pycaffe_geo[fast]'): convolution, pooling and products run on NumPy"
    assert [r.message for r in caplog.records] == [text]


@pytest.mark.parametrize("version, reason", [("2024.1", "version 2024.1, expected 2023.2.0"), ("2023.2.0", "broken.so")])
def test_broken_package_is_told_once(version, reason, monkeypatch, load_anew, caplog, tmp_path):
    class File:
        name = "libdnnl.so.3"

        def locate(self):
            (tmp_path / "broken.so").write_text("no library")
            return tmp_path / "broken.so"

    class Package:
        files = [File()]

    Package.version = version
    monkeypatch.setattr(importlib.metadata, "distribution", lambda name: Package)
    monkeypatch.delenv("PYCAFFE_GEO_ENGINES", raising=False)
    assert_reference()
    assert len(caplog.records) == 1 and caplog.records[0].levelname == "WARNING" and reason in caplog.text


FILLERS = "weight_filler: xavier"
NET = f"""
force_backward: true
layers:
- {{name: x, type: Input, input_param: {{shape: {{dim: [2, 5, 21, 26]}}}}}}
- {{name: a, type: Convolution, bottom: x, convolution_param: {{num_output: 18, kernel_size: 5, stride: 2, pad: 2, {FILLERS}}}}}
- {{name: r, type: ReLU, bottom: a, top: a}}
- {{name: p, type: Pooling, bottom: a, pooling_param: {{kernel_size: 3, stride: 2}}}}
- {{name: b, type: Convolution, bottom: p, convolution_param: {{num_output: 12, kernel_size: 3, pad: 1, group: 2, {FILLERS}}}}}
- {{name: d, type: Deconvolution, bottom: b, convolution_param: {{num_output: 7, kernel_size: 4, stride: 2, pad: 1, {FILLERS}}}}}
- {{name: e, type: Convolution, bottom: d, convolution_param: {{num_output: 3, kernel_size: 1, {FILLERS}}}}}
- {{name: m, type: Pooling, bottom: e, pooling_param: {{pool: AVE, kernel_size: 2, stride: 2}}}}
- {{name: loss, type: Reduction, bottom: m, reduction_param: {{operation: SUMSQ}}, loss_weight: 1}}
"""


@needs_library
def test_whole_net_is_the_reference(tmp_path):
    (tmp_path / "net.yaml").write_text(NET)
    nets = [Net(tmp_path / "net.yaml", phase="TRAIN", dtype=d) for d in ("float32", "float64")]
    assert isinstance(nets[0].layers[nets[0].layer_index("a")].plan, OneDnnConvolution)
    x = np.random.default_rng(0).normal(size=(2, 5, 21, 26)).astype("float32")
    fast, reference = nets
    for name, blobs in reference.params.items():
        for blob, source in zip(blobs, fast.params[name], strict=True):
            blob.data[...] = source.data
    for net in nets:
        net.blobs["x"].data[...] = x
        net.forward()
        net.backward()
    for name, blob in reference.blobs.items():
        assert_close([fast.blobs[name].data, fast.blobs[name].diff], [blob.data, blob.diff])
    for name, blobs in reference.params.items():
        assert_close([b.diff for b in fast.params[name]], [b.diff for b in blobs])
