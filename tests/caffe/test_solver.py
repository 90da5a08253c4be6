"""pycaffe's solvers: types, stepping, snapshots, nets on a device."""

import numpy as np
import pytest
from solver_files import write_small

import pycaffe_geo.caffe as caffe
from pycaffe_geo.caffe import mode
from pycaffe_geo.errors import SpecError
from pycaffe_geo.solvers import get_solver


@pytest.fixture(autouse=True)
def default_mode(monkeypatch):
    monkeypatch.setattr(mode, "_state", {"mode": "CPU", "device_id": 0, "seed": None})


CLASSES = {
    "SGD": caffe.SGDSolver,
    "Nesterov": caffe.NesterovSolver,
    "Adam": caffe.AdamSolver,
    "AdaGrad": caffe.AdaGradSolver,
    "RMSProp": caffe.RMSPropSolver,
    "AdaDelta": caffe.AdaDeltaSolver,
}


@pytest.mark.parametrize("name", CLASSES)
def test_the_class_decides_the_type(name, tmp_path):
    file = write_small(tmp_path)
    if name in ("AdaGrad", "RMSProp"):
        file.write_text(file.read_text().replace("momentum: 0.9", ""))
    solver = CLASSES[name](str(file))
    assert solver.param.type == name and type(solver.engine.updater.rule).__name__ == name
    by_file = tmp_path / "typed.yaml"
    by_file.write_text(file.read_text().replace("type: SGD", f"type: {name}"))
    assert type(caffe.get_solver(str(by_file))) is CLASSES[name]


def test_a_run_is_that_of_the_engine(tmp_path):
    file = write_small(tmp_path)
    solver, engine = caffe.get_solver(str(file)), get_solver(file)
    solver.step(5)
    engine.step(5)
    assert solver.iter == 5
    for name, blobs in engine.net.params.items():
        for mine, theirs in zip(solver.net.params[name], blobs):
            np.testing.assert_array_equal(mine.data, theirs.data)
    assert float(solver.net.blobs["loss"].data) == engine.net.loss
    test = solver.test_nets[0]
    np.testing.assert_array_equal(test.params["ip1"][0].data, solver.net.params["ip1"][0].data)
    assert test.forward()["loss"].shape == ()


def test_snapshot_restore_and_solve(tmp_path):
    solver = caffe.SGDSolver(str(write_small(tmp_path)))
    solver.solve()
    assert solver.iter == solver.param.max_iter == 60
    weights = solver.net.params["ip1"][0].data.copy()
    again = caffe.SGDSolver(str(tmp_path / "solver.yaml"))
    again.restore(str(tmp_path / "run" / "small_iter_25.solverstate.h5"))
    assert again.iter == 25
    again.solve()
    np.testing.assert_array_equal(again.net.params["ip1"][0].data, weights)
    resumed = caffe.SGDSolver(str(tmp_path / "solver.yaml"))
    resumed.solve(str(tmp_path / "run" / "small_iter_60.solverstate.h5"))
    np.testing.assert_array_equal(resumed.net.params["ip1"][0].data, weights)


def test_restore_with_another_seed_gives_the_nets_of_the_solver(tmp_path):
    file = write_small(tmp_path)
    caffe.SGDSolver(str(file)).snapshot()
    file.write_text(file.read_text().replace("random_seed: 7", "random_seed: 8"))
    solver = caffe.SGDSolver(str(file))
    solver.restore(str(tmp_path / "run" / "small_iter_0.solverstate.h5"))
    assert solver.net.engine is solver.engine.net
    assert solver.test_nets[0].engine is solver.engine.test_nets[0]


def test_seed_of_the_script_holds_where_the_file_has_none(tmp_path):
    file = write_small(tmp_path)
    file.write_text(file.read_text().replace("random_seed: 7", ""))
    caffe.set_random_seed(11)
    assert caffe.SGDSolver(str(file)).param.random_seed == 11


def test_weights_changed_by_hand_are_trained_on_a_device(tmp_path, standin_device, monkeypatch):
    file = write_small(tmp_path)
    cpu = caffe.SGDSolver(str(file))
    monkeypatch.setattr(mode, "device", lambda: standin_device)
    solver = caffe.SGDSolver(str(file))
    for s in (cpu, solver):
        s.net.params["ip2"][0].data[...] = 0.25
        assert isinstance(s.net.params["ip2"][0].data, np.ndarray)
        s.step(2)
    np.testing.assert_allclose(solver.net.params["ip2"][0].data, cpu.net.params["ip2"][0].data, rtol=1e-5)
    solver.net.params["ip2"][0].data[...] = 7
    solver.snapshot()
    saved = caffe.Net(str(tmp_path / "net.yaml"), str(tmp_path / "run" / "small_iter_2.caffemodel.h5"), caffe.TEST)
    assert (saved.params["ip2"][0].data == 7).all()


def test_share_weights(tmp_path):
    solver = caffe.SGDSolver(str(write_small(tmp_path)))
    net = caffe.Net(str(tmp_path / "net.yaml"), caffe.TEST)
    solver.share_weights(net)
    solver.step(1)
    np.testing.assert_array_equal(net.params["ip1"][0].data, solver.net.params["ip1"][0].data)


def test_unknown_type(tmp_path):
    file = write_small(tmp_path)
    file.write_text(file.read_text().replace("type: SGD", "type: Adams"))
    with pytest.raises(SpecError, match="did you mean 'Adam'?"):
        caffe.get_solver(str(file))
