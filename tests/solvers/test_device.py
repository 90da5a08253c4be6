"""A whole run on the stand-in device: the loop, snapshots, checks and the monitor touch arrays by their own module alone."""

import numpy as np
from solver_files import write_pose, write_small

from pycaffe_geo.backend import asnumpy
from pycaffe_geo.solvers import get_solver
from pycaffe_geo.solvers.monitor import Monitor


def test_training_on_a_device_equals_training_on_the_cpu(tmp_path, standin_device):
    for kind, write in (("SGD", write_small), ("Nesterov", write_small), ("Adam", write_pose)):
        folder = tmp_path / kind
        folder.mkdir()
        path = write(folder)
        weights = []
        for device in (None, standin_device):
            fields = dict(type=kind, max_iter=6, debug_info=True, clip_gradients=1.0)
            solver = get_solver(path, device=device, callbacks=[Monitor()], **fields)
            assert isinstance(solver.updater.history[0], np.ndarray) == (device is None)
            solver.step(3)
            solver.restore(solver.snapshot()[1])
            solver.solve()
            weights.append([asnumpy(b.data) for b in solver.net.learnable])
        for cpu, other in zip(*weights):
            np.testing.assert_allclose(cpu, other, rtol=1e-5, atol=1e-6)


def test_the_solvers_math_mode_goes_to_its_device(tmp_path, emulated_gpu):
    get_solver(write_small(tmp_path), device=emulated_gpu, math_mode="FLOAT32", deterministic=True)
    assert not emulated_gpu.tf32 and emulated_gpu.deterministic
