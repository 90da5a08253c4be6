"""SIGINT snapshots and stops, a second one exits at once, SIGHUP snapshots and goes on."""

import signal
import subprocess
import sys
import threading

import pytest

from pycaffe_geo.solvers import get_solver
from pycaffe_geo.solvers.signals import Signals

SCRIPT = """
import signal, sys, time
from pycaffe_geo.solvers import Callback
from pycaffe_geo.solvers.train import train

signal.signal(signal.SIGINT, signal.default_int_handler)  # a test run in the background may ignore it

class Say(Callback):
    said = "ready"

    def iterated(self, solver):
        if self.said and solver.iter >= 3:
            print(self.said, flush=True)
            self.said = ""
        time.sleep(MORE if solver.iter >= 3 else 0)

    def snapshotted(self, solver, weights, state):
        print("snapshot", solver.iter, flush=True)
        self.said = "goes on"

try:
    sys.exit(train(sys.argv[1], iterations=100000, snapshot=0, callbacks=[Say()]).exit_code)
except KeyboardInterrupt:
    print("at once", flush=True)
    sys.exit(130)
"""


class Run:
    """The script in a process of its own; `line()` waits for its next line."""

    def __init__(self, solver, pause):
        script = SCRIPT.replace("MORE", str(pause))
        self.process = subprocess.Popen([sys.executable, "-c", script, str(solver)], stdout=subprocess.PIPE, text=True)
        self.timer = threading.Timer(60, self.process.kill)
        self.timer.start()
        assert self.line() == "ready"

    def line(self):
        return self.process.stdout.readline().strip()

    def end(self):
        rest = self.process.stdout.read()
        self.timer.cancel()
        return rest.split("\n"), self.process.wait()


def test_hangup_snapshots_and_interrupt_snapshots_and_stops(small):
    run = Run(small, 0.002)
    run.process.send_signal(signal.SIGHUP)
    word, first = run.line().split()
    assert word == "snapshot" and (small.parent / "run" / f"small_iter_{first}.solverstate.h5").is_file()
    assert run.line() == "goes on"
    run.process.send_signal(signal.SIGINT)
    rest, code = run.end()
    word, last = rest[0].split()
    assert word == "snapshot" and int(last) > int(first) and code == 130
    assert (small.parent / "run" / f"small_iter_{last}.solverstate.h5").is_file()


def test_second_interrupt_exits_at_once(small):
    run = Run(small, 1000)  # an iteration that does not end
    run.process.send_signal(signal.SIGINT)
    with pytest.raises(subprocess.TimeoutExpired):
        run.process.wait(0.5)
    run.process.send_signal(signal.SIGINT)
    rest, code = run.end()
    assert rest[0] == "at once" and code == 130
    assert not list((small.parent / "run").glob("*.h5"))


def test_handlers_come_back(small):
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGHUP)
    with Signals() as signals:
        signal.raise_signal(signal.SIGHUP)
        assert signals.take_snapshot_request() and not signals.take_snapshot_request()
        signal.raise_signal(signal.SIGINT)
        assert signals.stop
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGHUP)) == before


def test_another_thread_trains_without_handlers(small):
    status = []
    thread = threading.Thread(target=lambda: status.append(get_solver(small, max_iter=3).solve()))
    thread.start()
    thread.join()
    assert status == ["finished"]
