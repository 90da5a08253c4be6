"""Nets whose blobs share memory (net_memory.py) compute what they compute without, bit for bit, and say which values are lost."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from pycaffe_geo.commands._inputs import fill_inputs, replace_data
from pycaffe_geo.errors import PycaffeGeoError, SpecError
from pycaffe_geo.net import Net
from pycaffe_geo.net_memory import ALIGNMENT, Life, _place
from pycaffe_geo.solvers import get_solver
from pycaffe_geo.solvers.rules import Updater
from pycaffe_geo.spec import NetState, SolverDef, filter_net, load_net

ROOT = Path(__file__).resolve().parents[1]
PAIR = {"src": (2, 3, 48, 64), "tgt": (2, 3, 48, 64), "depth": (2, 1, 48, 64), "intrinsics": (2, 4, 1, 1), "pose": (2, 1, 4, 4)}
PUBLISHED = {  # --set words, shapes of data tops
    "pose_early_fusion_small": ([], PAIR),
    "pose_late_fusion_small": ([], PAIR),
    "resnet50_1by2": (["image.input_param={shape: {dim: [2, 3, 32, 64]}}"], {}),
    "geometry": ([], {}),
}
MANY_READERS = """
layers:
- {name: x, type: Input, top: [x, t], input_param: {shape: {dim: [4, 8, 16, 16]}}}
- name: a
  type: Convolution
  bottom: x
  param: {name: w}
  convolution_param: {num_output: 8, kernel_size: 3, pad: 1, bias_term: false, weight_filler: xavier}
- {name: bn, type: BatchNorm, bottom: a, top: a}
- {name: scale, type: Scale, bottom: a, top: a, scale_param: {bias_term: true}}
- {name: relu, type: ReLU, bottom: a, top: a}
- {name: b, share: a, bottom: a}
- {name: sig, type: Sigmoid, bottom: b, top: b}
- {name: drop, type: Dropout, bottom: b, top: b}
- {name: sum, type: Eltwise, bottom: [a, b]}
- {name: prod, type: Eltwise, bottom: [sum, b], eltwise_param: {operation: PROD}}
- {name: split, type: Split, bottom: prod, top: [p0, p1]}
- {name: halves, type: Slice, bottom: p0, top: [h0, h1]}
- {name: again, type: Concat, bottom: [h1, h0, h1]}
- {name: c, share: a, bottom: p1}
- {name: flat, type: Flatten, bottom: c}
- {name: fc, type: InnerProduct, bottom: flat, inner_product_param: {num_output: 6, weight_filler: xavier}}
- {name: unread, type: Power, bottom: again, power_param: {scale: 2}}
- {name: quiet, type: Silence, bottom: unread}
- {name: tile, type: Convolution, bottom: again, convolution_param: {num_output: 8, kernel_size: 1, weight_filler: xavier}}
- {name: near, type: EuclideanLoss, bottom: [tile, t], loss_weight: 0.5}
- {name: far, type: Power, bottom: near, power_param: {power: 2}, loss_weight: 0.1}
- {name: fcs, type: Reduction, bottom: fc, reduction_param: {operation: SUMSQ}, loss_weight: 1}
"""
"""A weight that three layers share, in-place chains whose values earlier layers need, blobs of several readers, views, a top that
gets no gradient, and a loss that feeds another one."""


@pytest.fixture(autouse=True)
def exact_engines(monkeypatch):
    """The compiled engines round differently where arrays lie differently in memory."""
    monkeypatch.setenv("PYCAFFE_GEO_ENGINES", "numpy")


def published(name, phase="TRAIN"):
    words, shapes = PUBLISHED[name]
    net = load_net(str(ROOT / "prototxt" / f"{name}.yaml"), overrides=words)
    net = replace_data(filter_net(net, NetState(phase)), shapes)
    return dataclasses.replace(net, layers=tuple(d for d in net.layers if d.type != "PoseError"))


def made(definition, shared, phase="TRAIN", **options):
    net = Net(definition, phase, seed=1)
    if shared:
        net.share_memory(**options)
    fill_inputs(net, seed=2)
    for k, blob in enumerate(net.learnable):  # what is 0 at first would hide what lies above it
        if not blob.data.any():
            blob.data[...] = 0.01 * np.random.default_rng(k).uniform(0.5, 1, blob.shape)
    return net


def history(net, iterations=2, steps=2):
    """Train and return all losses, gradients and outputs seen on the way."""
    updater = Updater(SolverDef(type="SGD", base_lr=1e-3, momentum=0.9), net.learnable, net.lr_mults, net.decay_mults)
    seen = []
    for iteration in range(iterations):
        net.clear_param_diffs()
        net.clock.iteration = iteration
        for net.clock.step in range(steps):  # iter_size
            outputs = net.forward()
            net.backward()
            seen += [np.array(net.loss), *(value.copy() for value in outputs.values())]
        seen += [blob.diff.copy() for blob in net.learnable]
        updater.apply(1e-3, iteration)
    return seen


def assert_same(definition, change=lambda net: None):
    apart, shared = made(definition, False), made(definition, True)
    for stage in range(3):
        a, b = history(apart), history(shared)
        assert len(a) == len(b) and all(np.array_equal(x, y) for x, y in zip(a, b)), f"stage {stage}"
        assert any(x.any() for x in a)
        if not any([change(net) for net in (apart, shared)]):
            break
    return apart, shared


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_nets_compute_the_same(name):
    _, net = assert_same(published(name))
    plan = net.plan_memory()
    assert plan.shared < 0.8 * plan.alone


def test_all_kinds_of_sharing_compute_the_same():
    assert_same(load_net("many.yaml", text=MANY_READERS))


def test_a_factor_from_below_lasts_until_the_gradient_of_what_it_scaled_in_place():
    filled = "convolution_param: {num_output: 8, kernel_size: 1, weight_filler: xavier}"
    assert_same(load_net("scaled.yaml", text=f"""
layers:
- {{name: x, type: Input, top: [x, t], input_param: {{shape: {{dim: [4, 8, 16, 16]}}}}}}
- {{name: a, type: Convolution, bottom: x, {filled}}}
- {{name: factor, type: Convolution, bottom: x, {filled}}}
- {{name: scale, type: Scale, bottom: [a, factor], top: a, scale_param: {{axis: 0, num_axes: -1}}}}
- {{name: p, type: TanH, bottom: a}}
- {{name: q, type: Power, bottom: p, power_param: {{power: 2}}}}
- {{name: loss, type: EuclideanLoss, bottom: [q, t], loss_weight: 0.01}}
"""))


def test_other_sizes_and_back():
    """A blob that outgrows its place leaves it; the next iteration finds a place for all."""
    sizes = iter([(3, 3, 64, 64)] * 2 + [(2, 3, 32, 64)] * 4)

    def change(net):
        net.blobs["image"].reshape(*next(sizes))
        fill_inputs(net, seed=3)
        return True

    _, net = assert_same(published("resnet50_1by2"), change)
    assert all(life.memory.array.base is not None for life in net._shared._lives)  # none is left outside


@pytest.mark.parametrize("name", ["pose_late_fusion_small", "resnet50_1by2"])
def test_a_net_that_only_runs_forward_takes_less(name):
    apart, shared = (made(published(name, "TEST"), s, "TEST", **o) for s, o in ((False, {}), (True, {"trains": False})))
    for a, b in zip(apart.forward().values(), shared.forward().values()):
        assert np.array_equal(a, b)
    assert shared.loss == apart.loss
    assert shared.plan_memory(trains=False).shared < 0.4 * shared.plan_memory().shared


def net_of_two(**options):
    return made(load_net("many.yaml", text=MANY_READERS), True, **options)


def test_a_lost_blob_says_so():
    net = net_of_two()
    with pytest.raises(PycaffeGeoError, match="^blob 'a': its data are not there: no layer has made them yet; .*keep=.'a'.*"):
        net.blobs["a"].data
    net.forward()
    net.blobs["a"].data  # backward needs it
    net.backward()
    with pytest.raises(PycaffeGeoError, match=r"^blob '\w+': its diff is not there: layer '\w+' has used .* since .backward.;"):
        [blob.diff for blob in net.blobs.values()]
    with pytest.raises(PycaffeGeoError, match="^blob 'sum': its data are not there"):
        net_of_two(trains=False).forward(blobs=["sum"])


def test_what_can_always_be_read():
    """Inputs, parameters, losses, outputs, small blobs, and what is named."""
    net = net_of_two(keep=["s*", "p0"])
    for _ in range(2):
        net.forward()
        net.backward()
        for name in ("x", "t", "near", "far", "fc", "sum", "p0"):
            assert np.isfinite(net.blobs[name].data).all() and np.isfinite(net.blobs[name].diff).all()
        assert net.blobs["prod"].data is not None  # p0 is a view of it
        assert all(np.isfinite(blob.diff).all() for blob in net.learnable)
    with pytest.raises(SpecError, match="^keep: net '' has no blob 'summ', did you mean 'sum'?"):
        net.share_memory(keep="summ")


def test_keeping_everything_shares_nothing():
    net = net_of_two(keep="*")
    history(net)
    assert all(np.isfinite(blob.data).all() and np.isfinite(blob.diff).all() for blob in net.blobs.values())


def solver_of_two(**options):
    net = load_net("many.yaml", text=MANY_READERS)
    definition = SolverDef(net=net, max_iter=9, base_lr=1e-8, test_iter=(2,), test_interval=2, random_seed=1, iter_size=2)
    solver = get_solver(definition, **options)
    for net in (solver.net, *solver.test_nets):
        fill_inputs(net, seed=2)
    return solver


def test_a_solver_shares_and_trains_as_without():
    solvers = [solver_of_two(), solver_of_two(keep="*"), solver_of_two(debug_info=True)]
    for solver in solvers:
        fill_inputs(solver.net, seed=2)
        solver.step(3)
    for other in solvers[1:]:
        assert all(np.array_equal(a.data, b.data) for a, b in zip(solvers[0].net.learnable, other.net.learnable))
        assert solvers[0].test().loss == other.test().loss
        assert all(np.isfinite(blob.data).all() for net in (other.net, *other.test_nets) for blob in net.blobs.values())
    with pytest.raises(PycaffeGeoError, match="^blob 'sum': its data are not there"):
        solvers[0].test_nets[0].blobs["sum"].data
    with pytest.raises(PycaffeGeoError, match=r"expected keep=\['\w+'\] \(of Net.share_memory or get_solver\)"):
        [blob.diff for blob in solvers[0].net.blobs.values()]
    kept = solver_of_two(keep=["sum", "pro*"])
    kept.step(1)
    assert all(np.isfinite(net.blobs[name].data).all() for net in (kept.net, kept.test_nets[0]) for name in ("sum", "prod"))
    with pytest.raises(SpecError, match="^keep: net '' has no blob 'summ'"):
        solver_of_two(keep="summ").step(1)


def test_sharing_can_be_asked_for_again():
    net, other = net_of_two(), net_of_two(keep="*")
    history(net)
    net.plan_memory(keep="a")  # changes nothing
    net.share_memory(keep="*")
    for a, b in zip(net.learnable, made(net.definition, False).learnable):
        a.data[...], a.diff[...] = b.data, 0
    assert all(np.array_equal(a, b) for a, b in zip(history(net), history(other)))
    assert all(np.isfinite(blob.data).all() and np.isfinite(blob.diff).all() for blob in net.blobs.values())


def test_places_of_what_meets_do_not_overlap():
    rng = np.random.default_rng(0)
    lives = []
    for _ in range(300):
        first = int(rng.integers(100))
        lives.append(Life(None, int(rng.integers(1, 50)), first, first + int(rng.integers(30))))
    _place(lives)
    for i, a in enumerate(lives):
        assert a.start >= 0
        assert not any(a.meets(b) and a.overlaps(b) for b in lives[:i])
    busiest = max(sum(life.size for life in lives if life.first <= t <= life.last) for t in range(130))
    assert busiest <= max(life.end for life in lives) <= 1.2 * busiest


def test_the_buffer_is_no_larger_than_what_lives_at_once():
    """A chain of four equal blobs that only runs forward needs two places."""
    layers = "\n".join(f"- {{name: p{i + 1}, type: Power, bottom: p{i}, power_param: {{power: 2}}}}" for i in range(5))
    text = f"layers:\n- {{name: p0, type: Input, input_param: {{shape: {{dim: [64, 128]}}}}}}\n{layers}"
    plan = Net(load_net("chain.yaml", text=text), "TEST").plan_memory(trains=False)
    size = 64 * 128 * 4
    assert size % ALIGNMENT == 0
    assert (plan.own, plan.alone, plan.shared) == (2 * size, 4 * size, 2 * size)
