"""The parts of one op: their order, their errors, NumPy's settings in them, and a forked child."""

import os
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
from engine_cases import CASES

from pycaffe_geo.backend import CPU
from pycaffe_geo.ops import convolution, openblas, threads
from pycaffe_geo.ops.pooling import plan_pooling


def test_every_part_runs_once_on_a_thread_and_scratch_of_its_own():
    barrier = threading.Barrier(3)  # all three must be under way at once

    def part_of(part, scratch):
        barrier.wait(10)
        return part, threading.get_ident(), id(scratch)

    with threads.together(3) as run:
        found = run(part_of)
    assert [part for part, *_ in found] == [0, 1, 2]
    assert len({thread for _, thread, _ in found}) == len({scratch for *_, scratch in found}) == 3
    assert found[0][1] == threading.get_ident()


@pytest.mark.parametrize("size, count", [(10, 3), (2, 4), (0, 2), (7, 1)])
def test_split_shares_everything_evenly(size, count):
    parts = [range(size)[threads.split(size, count, i)] for i in range(count)]
    assert [n for part in parts for n in part] == list(range(size))
    assert max(map(len, parts)) - min(map(len, parts)) <= 1


@pytest.mark.parametrize("broken", [{0}, {1}, {2}, {0, 2}, {1, 2}])
def test_the_first_error_is_raised_once_all_parts_have_ended(broken):
    ended = []
    started = threading.Event()

    def fail(part, scratch):
        started.set() if part == 2 else started.wait(10)
        if part in broken:
            raise ValueError(f"part {part}")
        ended.append(part)

    before = openblas.threads()
    with pytest.raises(ValueError, match=f"part {min(broken)}"), threads.together(3) as run:
        run(fail)
    assert sorted(ended) == sorted({0, 1, 2} - broken)
    assert openblas.threads() == before
    with threads.together(3) as run:  # it goes on working
        assert run(lambda part, scratch: part) == [0, 1, 2]


def test_numpys_error_state_is_the_callers():
    def divide(part, scratch):
        return np.ones(1) / np.zeros(1)

    with np.errstate(divide="raise"), pytest.raises(FloatingPointError), threads.together(2) as run:
        run(lambda part, scratch: part and divide(part, scratch))
    calls = []
    with np.errstate(divide="call", call=lambda *a: calls.append(a)), threads.together(2) as run:
        run(divide)
    assert len(calls) == 2


def test_the_number_of_parts_is_not_that_of_a_moment_when_others_are_at_work():
    before, at_work = threads.parts(), threading.Event()

    def work():
        with threads.together(2) as run:
            run(lambda part, scratch: (at_work.set(), time.sleep(0.05)))

    other = threading.Thread(target=work)
    other.start()
    assert at_work.wait(10) and threads.parts() == before
    other.join()


def test_products_use_one_thread_each_meanwhile():
    before = openblas.threads()
    with threads.together(2) as run:
        assert run(lambda part, scratch: openblas.threads()) == [1, 1]
    assert openblas.threads() == before


def test_scratch_is_used_again_and_its_arrays_do_not_overlap():
    scratch = threads.Scratch()
    a, b, nothing = scratch.take(np.dtype("float64"), (3, 5), (2,), (0,))
    a[...], b[...] = 1, 2
    assert (a == 1).all() and a.shape == (3, 5) and nothing.size == 0
    (small,) = scratch.take(np.dtype("float32"), (4,))
    assert np.shares_memory(small, a)
    (large,) = scratch.take(np.dtype("float32"), (1000,))
    large[...] = 3
    assert not np.shares_memory(large, a)


def test_several_threads_take_turns(monkeypatch):
    monkeypatch.setattr(threads, "parts", lambda: 2)
    monkeypatch.setattr(threads, "SMALL", 0)
    rng = np.random.default_rng(0)
    left, right = rng.normal(size=(4, 30, 20)), rng.normal(size=(20, 10))
    out = np.zeros((4, 30, 10))

    def work(i):
        for _ in range(20):
            threads.matmul(left[i], right, out[i], add=True)

    workers = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    np.testing.assert_allclose(out, 20 * left @ right, atol=1e-11)


@pytest.mark.parametrize("name", CASES)
def test_what_several_threads_do_is_what_one_does(name, monkeypatch):
    monkeypatch.setenv("PYCAFFE_GEO_ENGINES", "numpy")
    for module, limit in ((threads, "FEW"), (threads, "SMALL"), (convolution, "SMALL")):
        monkeypatch.setattr(module, limit, 0)
    monkeypatch.setattr(threads, "parts", lambda: 1)
    expected = CASES[name]("float64")
    monkeypatch.setattr(threads, "parts", lambda: 3)
    monkeypatch.setattr(threads, "CACHED", 80)
    found, again = CASES[name]("float64"), CASES[name]("float64")
    assert found.keys() == expected.keys()
    for key, array in expected.items():
        np.testing.assert_allclose(found[key], array, rtol=1e-12, atol=1e-12, err_msg=key)
        np.testing.assert_array_equal(found[key], again[key], err_msg=key)


def test_named_arrays_of_a_plan_are_cut_too(monkeypatch):
    monkeypatch.setattr(threads, "FEW", 0)
    x = np.random.default_rng(0).normal(size=(2, 3, 6, 8))
    found = {}
    for parts in (1, 4):
        monkeypatch.setattr(threads, "parts", lambda: parts)
        plan = plan_pooling("MAX", x.shape, (2, 2), stride=(2, 2), mask=True, dtype="float64", device=CPU)
        y, found[parts] = np.empty(plan.out_shape), np.empty(plan.out_shape)
        plan.forward(x, y, mask=found[parts])
    np.testing.assert_array_equal(found[4], found[1])


FORK = """
import os
import numpy as np
from pycaffe_geo.ops import threads

threads.parts = lambda: 2
threads.SMALL = 0
left, out = np.arange(12.).reshape(3, 4), np.empty((3, 3))
threads.matmul(left, left.T, out)
expected = out.copy()
threads._threads.lock.acquire()  # as if another thread were at work just now
child = os.fork()
if not child:
    out[...] = 0
    threads.matmul(left, left.T, out)
    os._exit(0 if (out == expected).all() else 1)
threads._threads.lock.release()
assert os.waitpid(child, 0)[1] == 0
threads.matmul(left, left.T, out)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="Windows has no fork")
def test_a_forked_child_has_threads_of_its_own():
    assert subprocess.run([sys.executable, "-W", "ignore", "-c", FORK], timeout=60).returncode == 0


def test_the_numbers_of_threads_in_the_environment_count():
    script = "from pycaffe_geo.ops import threads\nprint(threads.parts())"
    environment = {k: v for k, v in os.environ.items() if k != "OMP_NUM_THREADS"} | {"OPENBLAS_NUM_THREADS": "1"}
    assert subprocess.check_output([sys.executable, "-c", script], env=environment, text=True, timeout=60) == "1\n"
