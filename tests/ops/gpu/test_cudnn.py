"""The plans on cuDNN, with a stand-in for its module, against the NumPy plans."""

import logging
import sys

import fake_cudnn
import numpy as np
import pytest
from golden import compare

from pycaffe_geo.backend import CPU, asnumpy
from pycaffe_geo.gradient_check import build_layer
from pycaffe_geo.ops.convolution import PatchConvolution, plan_convolution
from pycaffe_geo.ops.gpu import cudnn
from pycaffe_geo.ops.gpu.cudnn import CudnnConvolution

TOLERANCE = {"float16": 1e-3, "float32": 2e-6, "float64": 1e-13}
SIZES = {  # x shape, w shape, options
    "3x3": ((2, 3, 6, 7), (4, 3, 3, 3), dict(pad=(1, 1))),
    "strided": ((2, 3, 9, 11), (5, 3, 5, 3), dict(stride=(2, 3), pad=(2, 0))),
    "pointwise": ((1, 6, 12, 13), (4, 6, 1, 1), {}),
    "groups": ((2, 6, 5, 5), (4, 3, 3, 3), dict(group=2, dilation=(2, 1), pad=(2, 1))),
    "wide_pad": ((1, 2, 3, 4), (3, 2, 2, 2), dict(pad=(3, 2))),
}


@pytest.fixture
def module(monkeypatch, emulated_gpu):
    """The stand-in, in the place of cudnn."""
    fake_cudnn.graphs.clear()
    fake_cudnn.streams.clear()
    monkeypatch.setitem(sys.modules, "cudnn", fake_cudnn)
    monkeypatch.setattr(cudnn.importlib.util, "find_spec", lambda name: name)
    return fake_cudnn


def results(plan, x, w, b, device):
    """Return y, dx, dw, db of one forward and backward; dw and db are added to."""
    dy = np.random.default_rng(1).normal(size=plan.out_shape).astype(x.dtype)
    x, w, b, dy = (device.asarray(a) for a in (x, w, b, dy))
    y, dx = device.xp.full_like(dy, np.nan), device.xp.full_like(x, np.nan)
    dw, db = device.xp.ones_like(w), device.xp.ones_like(b)
    plan.forward(x, w, b, y)
    plan.backward_weights(x, dy, dw, x_unchanged=True)
    plan.backward_bias(dy, db)
    plan.backward_data(dy, w, dx, dy_unchanged=True)
    return [asnumpy(a) for a in (y, dx, dw, db)]


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("name", SIZES)
def test_as_the_reference(name, dtype, module, emulated_gpu):
    x_shape, w_shape, options = SIZES[name]
    draws = np.random.default_rng(0)
    x, w, b = (draws.normal(size=s).astype(dtype) for s in (x_shape, w_shape, w_shape[:1]))
    mine, theirs = (plan_convolution(x_shape, w_shape, **options, dtype=dtype, device=d) for d in (emulated_gpu, CPU))
    assert isinstance(mine, CudnnConvolution)
    found, expected = results(mine, x, w, b, emulated_gpu), results(theirs, x, w, b, CPU)
    for what, a, e in zip(("y", "dx", "dw", "db"), found, expected):
        compare(what, a, e, TOLERANCE[dtype])
    assert module.streams[-1] == ("handle", emulated_gpu.stream())


def test_equal_sizes_share_their_graphs(module, emulated_gpu):
    for _ in range(2):
        plan_convolution((1, 2, 5, 5), (3, 2, 3, 3), dtype="float32", device=emulated_gpu)
    assert len(module.graphs) == 3


@pytest.mark.parametrize("mode, dtype, count", [("DEFAULT", "float32", 0), ("FLOAT32", "float32", 2), ("FLOAT32", "float64", 0)])
def test_tf32_can_be_refused(mode, dtype, count, module, emulated_gpu):
    emulated_gpu.set_math(mode)
    plan_convolution((1, 2, 5, 5), (3, 2, 3, 3), dtype=dtype, device=emulated_gpu)
    assert [len(g.notes) for g in module.graphs] == [count] * 3


def test_a_solvers_math_mode_chooses_graphs_of_its_own(module, emulated_gpu):
    for mode, deterministic in (("TF32", True), ("FLOAT32", True), ("TF32", False), ("TF32", True)):
        emulated_gpu.set_math(mode, deterministic)
        plan_convolution((1, 2, 5, 5), (3, 2, 3, 3), dtype="float32", device=emulated_gpu)
    exact = ["TENSOR_CORE", "DOWN_CONVERT_INPUTS"]
    assert [g.notes for g in module.graphs[::3]] == [["NONDETERMINISTIC"], ["NONDETERMINISTIC", *exact], []]


def test_sizes_that_cudnn_refuses_run_on_the_reference(module, emulated_gpu, monkeypatch):
    monkeypatch.setattr(module.pygraph, "refused", True)
    assert isinstance(plan_convolution((1, 2, 5, 5), (3, 2, 3, 3), dtype="float32", device=emulated_gpu), PatchConvolution)


def test_without_cudnn_the_reference_runs_and_one_line_says_so(emulated_gpu, caplog):
    with caplog.at_level(logging.WARNING):
        plans = [plan_convolution((1, 2, 5, 5), (3, 2, 3, 3), dtype="float32", device=emulated_gpu) for _ in range(2)]
    assert all(isinstance(plan, PatchConvolution) for plan in plans)
    assert caplog.text.count("cuDNN is not installed") == 1


def test_a_broken_cudnn_is_named(emulated_gpu, caplog, module, monkeypatch):
    monkeypatch.setattr(module, "create_handle", lambda: (_ for _ in ()).throw(RuntimeError("no driver")))
    plan = plan_convolution((1, 2, 5, 5), (3, 2, 3, 3), dtype="float32", device=emulated_gpu)
    assert isinstance(plan, PatchConvolution) and "cuDNN cannot be used (no driver)" in caplog.text


@pytest.mark.parametrize("type_name", ["Convolution", "Deconvolution"])
@pytest.mark.parametrize("engine, used", [("DEFAULT", True), ("CUDNN", True), ("CAFFE", False)])
def test_the_layers_field_engine(type_name, engine, used, module, emulated_gpu):
    param = {"num_output": 2, "kernel_size": 3, "engine": engine}
    layer, bottom, top = build_layer(type_name, [(1, 2, 5, 5)], device=emulated_gpu, convolution_param=param)
    layer.forward(bottom, top)
    assert bool(module.graphs) == used
