"""caffe_pb2.SolverParameter, as notebooks fill it in."""

import pytest

from pycaffe_geo.caffe.proto import caffe_pb2
from pycaffe_geo.errors import SpecError
from pycaffe_geo.spec import load_solver


def test_what_a_notebook_writes(tmp_path):
    (tmp_path / "train.prototxt").write_text('layer { name: "x" type: "Input" top: "x" }')
    (tmp_path / "test.prototxt").write_text('layer { name: "x" type: "Input" top: "x" }')
    s = caffe_pb2.SolverParameter()
    s.random_seed = 0xCAFFE
    s.train_net = "train.prototxt"
    s.test_net.append("test.prototxt")
    s.test_interval = 500
    s.test_iter.append(100)
    s.max_iter = 10000
    s.type = "Adam"
    s.base_lr = 0.01
    s.momentum = 0.75
    s.weight_decay = 5e-4
    s.lr_policy = "multistep"
    s.gamma = 0.1
    s.stepvalue.extend([3000, 6000])
    s.snapshot_prefix = "mnist/custom"
    s.solver_mode = caffe_pb2.SolverParameter.GPU
    s.debug_info = True
    assert s.test_iter == [100] and s.base_lr == 0.01 and s.iter_size == 1
    d = load_solver(tmp_path / "solver.prototxt", text=str(s))
    assert (d.random_seed, d.type, d.base_lr, d.momentum, d.weight_decay) == (0xCAFFE, "Adam", 0.01, 0.75, 5e-4)
    assert (d.lr_policy, d.gamma, d.stepvalue, d.max_iter) == ("multistep", 0.1, (3000, 6000), 10000)
    assert (d.test_iter, d.test_interval, d.solver_mode, d.debug_info) == ((100,), 500, "GPU", True)
    assert d.train_net.endswith("train.prototxt") and d.test_net[0].endswith("test.prototxt")


def test_keywords():
    s = caffe_pb2.SolverParameter(base_lr=0.5, test_iter=[1, 2])
    assert s.base_lr == 0.5 and s.test_iter == [1, 2]


def test_mistakes():
    s = caffe_pb2.SolverParameter()
    with pytest.raises(AttributeError, match="no field 'base_rl', did you mean 'base_lr'"):
        s.base_rl = 1
    with pytest.raises(AttributeError, match="no field 'max_itre', did you mean 'max_iter'"):
        s.max_itre  # noqa: B018
    with pytest.raises(AttributeError, match="test_iter is a list: use append"):
        s.test_iter = 3
    with pytest.raises(SpecError, match="SolverParameter: max_iter: got .*, expected a whole number"):
        s.max_iter = 1.5
