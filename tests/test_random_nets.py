"""Random nets (random_nets.py) compute the same with shared memory, without layers that work in place, and by every engine."""

import numpy as np
import pytest
from random_nets import fill, history, random_net, without_in_place

from pycaffe_geo import net_memory
from pycaffe_geo.net import Net

GROUPS, EACH = range(6), 25


def assert_same(found, expected, text, same):
    differ = [key for key in expected if not all(same(a, b) for a, b in zip(found[key], expected[key], strict=True))]
    assert not differ, f"{differ} of\n{text}"


def outputs(definition, shares):
    """Run a Net of phase TEST forward alone; return what it computes."""
    net = Net(definition, "TEST", seed=1)
    if shares:
        net.share_memory(trains=False)
    fill(net, np.random.default_rng(0), 2)
    return {name: [value.copy()] for name, value in net.forward().items()}


@pytest.fixture
def everything_shares(monkeypatch):
    """Let blobs of all sizes share memory, and make NaN of what lies where a layer begins to write."""

    class Poisoned(net_memory.SharedMemory):
        def enter(self, step):
            super().enter(step)
            for memory, _, _ in self._claims.get(step, ()):
                memory.array[...] = np.nan

    monkeypatch.setattr("pycaffe_geo.net.SharedMemory", Poisoned)
    monkeypatch.setattr(net_memory, "SMALL", 0)
    monkeypatch.setattr(net_memory, "ALIGNMENT", 8)
    monkeypatch.setenv("PYCAFFE_GEO_ENGINES", "numpy")


@pytest.mark.parametrize("group", GROUPS)
@np.errstate(all="ignore")
def test_shared_memory_changes_no_bit(group, everything_shares):
    taken = np.zeros(2)

    def share(net):
        net.share_memory()
        taken[...] += net._shared.shared, net._shared.alone

    for seed in range(group * EACH, (group + 1) * EACH):
        net, text = random_net(seed)
        found, expected = (history(net, change, batches=(2, 4, 1)) for change in (share, lambda net: None))
        assert_same(found, expected, text, lambda a, b: np.array_equal(a, b, equal_nan=True))
        assert_same(outputs(net, True), outputs(net, False), text, lambda a, b: np.array_equal(a, b, equal_nan=True))
    assert 0 < taken[0] < 0.7 * taken[1]


@pytest.mark.parametrize("group", GROUPS)
@np.errstate(all="ignore")
def test_work_in_place_changes_nothing(group, monkeypatch):
    monkeypatch.setenv("PYCAFFE_GEO_ENGINES", "numpy")
    learned = 0
    for seed in range(group * EACH, (group + 1) * EACH):
        net, text = random_net(seed)
        expected = history(without_in_place(net))
        scale = 1e-10 * max(np.abs(a).max(initial=0) for arrays in expected.values() for a in arrays)
        assert_same(history(net), expected, text, lambda a, b: np.allclose(a, b, rtol=1e-9, atol=scale, equal_nan=True))
        learned += any(a.any() for key, arrays in expected.items() if key.startswith("diff") for a in arrays)
    assert learned > 0.7 * EACH


def assert_near(found, expected, text, tolerance):
    scale = tolerance * max(np.abs(a).max(initial=0) for arrays in expected.values() for a in arrays)
    assert_same(found, expected, text, lambda a, b: np.allclose(a, b, rtol=0, atol=scale, equal_nan=True))


@np.errstate(all="ignore")
def test_compiled_engines_compute_the_same(monkeypatch):
    pytest.importorskip("numba")
    for seed in range(EACH):
        net, text = random_net(seed)
        results = []
        for engines in ("numpy", ""):
            monkeypatch.setenv("PYCAFFE_GEO_ENGINES", engines)
            results.append(history(net, Net.share_memory, "float32", batches=(2,)))
        assert_near(*results, text, 1e-5)


@np.errstate(all="ignore")
def test_kernels_compute_the_same(kernel_gpu):
    for seed in range(EACH // 2):
        net, text = random_net(seed)
        if "Dropout" not in text:  # a GPU draws other numbers
            assert_near(history(net, Net.share_memory, device=kernel_gpu), history(net), text, 1e-9)
