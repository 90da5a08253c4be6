"""The monitor: constant depth, disparity, pose and masks, the dead ReLU below them, one warning until a blob recovers."""

import numpy as np
import pytest

from pycaffe_geo.net import Net
from pycaffe_geo.solvers import get_solver
from pycaffe_geo.solvers.callback import Report
from pycaffe_geo.solvers.monitor import Monitor, collapse, watched
from pycaffe_geo.spec import SolverDef, load_net

TEXT = """
layers:
- {name: x, type: Input, input_param: {shape: {dim: [2, 3, 4, 5]}}}
- {name: src, type: Input, input_param: {shape: {dim: [2, 3, 4, 5]}}}
- {name: k, type: Input, input_param: {shape: {dim: [2, 4, 1, 1]}}}
- {name: score, type: Convolution, bottom: x, convolution_param: {num_output: 1, kernel_size: 1, weight_filler: xavier}}
- {name: relu, type: ReLU, bottom: score}
- {name: depth, type: Power, bottom: relu, power_param: {shift: 2}}
- {name: twist, type: InnerProduct, bottom: x, inner_product_param: {num_output: 6, weight_filler: {type: gaussian, std: 0.01}}}
- {name: T, type: SE3Generator, bottom: twist}
- {name: points, type: Transform3DGrid, bottom: [depth, T, k]}
- {name: projection, type: PinholeProjection, bottom: [points, k], top: [flow, coords, seen]}
- {name: warped, type: InverseWarping, bottom: [src, coords]}
- {name: loss, type: AbsLoss, bottom: [warped, src, seen]}
"""
RNG = np.random.default_rng(0)


class FakeSolver:
    def __init__(self):
        self.net = Net(load_net("m.yaml", TEXT), "TRAIN")
        self.net.params["score"][0].data = [[[[1]], [[-1]], [[0.5]]]]
        self.run()

    def run(self):
        intrinsics = np.tile(np.array([4, 4, 2, 1.5]).reshape(1, 4, 1, 1), (2, 1, 1, 1))
        x, src = np.random.default_rng(1).normal(size=(2, 2, 3, 4, 5))
        self.net.forward(x=x, src=src, k=intrinsics)


def warnings(monitor, solver, caplog):
    caplog.clear()
    monitor.displayed(solver, Report(30, "TRAIN", 0.1, 1.0))
    return [r.getMessage() for r in caplog.records]


def test_predicted_depth_pose_and_masks_are_watched():
    found = [(kind, blob.name) for kind, _, blob in watched(FakeSolver().net)]
    assert found == [("pose", "twist"), ("depth", "depth"), ("mask", "seen")]


def test_a_healthy_net_gives_no_warning_and_a_collapse_one_until_it_recovers(caplog):
    solver, monitor = FakeSolver(), Monitor()
    assert warnings(monitor, solver, caplog) == []
    solver.net.params["score"][1].data = -50
    solver.run()
    (text,) = warnings(monitor, solver, caplog)
    assert text == (
        "iteration 30: depth blob 'depth' has collapsed: 100.0% of the pixels are at the least value, 2; "
        "the ReLU 'relu' below it is dead: 100.0% of its output is 0"
    )
    assert warnings(monitor, solver, caplog) == []
    for bias, count in ((0, 0), (-50, 1)):
        solver.net.params["score"][1].data = bias
        solver.run()
        assert len(warnings(monitor, solver, caplog)) == count


def test_a_pose_that_is_the_same_for_every_sample_and_an_empty_mask(caplog):
    solver, monitor = FakeSolver(), Monitor()
    solver.net.params["twist"][0].data = 0
    solver.net.params["twist"][1].data = [0, 0, 0, 0, 0, -9]  # everything is behind the camera
    solver.run()
    texts = warnings(monitor, solver, caplog)
    assert texts[0].startswith("iteration 30: pose blob 'twist' has collapsed: standard deviation 0 at a mean size of 1.5")
    assert texts[1] == "iteration 30: mask blob 'seen' has collapsed: 100.0% of it is 0"


DEAD = """
layers:
- {name: x, type: DummyData, dummy_data_param: {shape: {dim: [2, 1, 4, 5]}, data_filler: {type: uniform, min: 0, max: 255}}}
- name: score
  type: Convolution
  bottom: x
  convolution_param: {num_output: 1, kernel_size: 1, weight_filler: {type: constant, value: WEIGHT}}
- {name: disparity, type: ReLU, bottom: score}
- {name: zero, type: Power, bottom: disparity, power_param: {scale: 0}}
- {name: warped, type: Warping, bottom: [x, disparity, zero]}
- {name: loss, type: AbsLoss, bottom: [warped, x]}
- {name: smooth, type: SmoothnessLoss, bottom: disparity}
"""


def run(text, steps, **fields):
    """Train the net `text` with a Monitor that looks at every tenth iteration."""
    options = dict(net=load_net("m.yaml", text), base_lr=1e-4, lr_policy="fixed", max_iter=steps, display=10, random_seed=1)
    solver = get_solver(SolverDef(**options, snapshot_prefix="unused", **fields), callbacks=[Monitor()])
    solver.step(steps)


def test_a_run_whose_disparity_is_dead(caplog):
    """Zeros at the start may be a fresh head; ten iterations later they are a collapse."""
    run(DEAD.replace("WEIGHT", "-1"), 20)
    assert [r.getMessage() for r in caplog.records if "collapsed" in r.getMessage()] == [
        "iteration 10: disparity blob 'disparity' has collapsed: 100.0% of the pixels are at the least value, 0; "
        "the ReLU 'disparity' below it is dead: 100.0% of its output is 0"
    ]


def test_a_run_whose_disparity_lives(caplog):
    run(DEAD.replace("WEIGHT", "0.01"), 20, type="Adam")
    assert not [r for r in caplog.records if "collapsed" in r.getMessage()]


@pytest.mark.parametrize(
    "kind, data, problem",
    [
        ("depth", RNG.uniform(1, 5, (2, 1, 4, 5)), ""),
        ("depth", 3 + 1e-4 * RNG.normal(size=(2, 1, 4, 5)), "standard deviation "),
        ("depth", np.where(np.arange(100) < 95, 80.0, 1.0), "95.0% of the pixels are at the greatest value, 80"),
        ("disparity", np.zeros((2, 1, 4, 5)), "100.0% of the pixels are at the least value, 0"),
        ("predicted mask", np.full((2, 1, 4, 5), 0.5), ""),
        ("predicted mask", np.where(np.arange(100) < 95, 1e-3, 0.9), "95.0% of it is below 0.01: nothing counts"),
        ("pose", np.zeros((4, 6)), ""),
        ("pose", np.ones((1, 6)), ""),
        ("pose", RNG.normal(size=(4, 6)), ""),
        ("mask", np.ones((2, 1, 4, 5)), ""),
        ("mask", np.full((2, 1, 4, 5), 0.3), "standard deviation "),
        ("mask", np.arange(100.0) % 20 == 0, "95.0% of it is 0"),
    ],
)
def test_what_counts_as_collapse(kind, data, problem):
    assert collapse(kind, data).startswith(problem) and bool(collapse(kind, data)) == bool(problem)
