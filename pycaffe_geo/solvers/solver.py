"""The training loop: Caffe's order of work, with snapshots that resume exactly and a check of every iteration's numbers."""

import fnmatch
import logging
import math
import os
import secrets
from collections import deque
from dataclasses import fields, replace
from pathlib import Path

from pycaffe_geo.backend import asnumpy, choose_device
from pycaffe_geo.errors import SpecError, WeightsError, listed, nearest
from pycaffe_geo.solvers.callback import Report
from pycaffe_geo.solvers.debug import debug_table
from pycaffe_geo.solvers.deferred import deferred_steps
from pycaffe_geo.solvers.loss_scale import LossScale
from pycaffe_geo.solvers.monitor import seen_blobs
from pycaffe_geo.solvers.nets import build_nets
from pycaffe_geo.solvers.numeric import check_parameters, find_culprit, squared_norm
from pycaffe_geo.solvers.policies import PolicyState, check_policy, learning_rate
from pycaffe_geo.solvers.rules import Updater
from pycaffe_geo.solvers.signals import Signals
from pycaffe_geo.solvers.snapshot import State, check_history, find_pair, read_state, snapshot_paths, write_state
from pycaffe_geo.spec import SolverDef, load_solver

log = logging.getLogger(__name__)

SMALL_OUTPUT = 10  # outputs with more elements than this are not reported


def get_solver(solver, *, device=None, dtype="float32", callbacks=(), max_memory=None, keep=(), **overrides):
    """Return a Solver for a solver file (or a SolverDef); `overrides` replace its fields: `get_solver("s.yaml", base_lr=1e-3)`.

    Without `device` the solver's own solver_mode and device_id choose. max_memory: the most bytes of one net (see Net).
    keep: patterns of the blobs that can be read at any time, "*" for all (see Solver).
    """
    definition = load_solver(solver) if isinstance(solver, (str, os.PathLike)) else solver
    definition = override(definition, **overrides)
    return Solver(definition, device=device, dtype=dtype, callbacks=callbacks, max_memory=max_memory, keep=keep)


def override(definition, **values):
    """Return the SolverDef with some fields replaced; SpecError says which one is unknown or out of range."""
    known = {f.name for f in fields(SolverDef)}
    for name in values:
        if name not in known:
            raise SpecError(f"a solver has no field '{name}'{nearest(name, known)}")
    try:
        return replace(definition, **values)
    except ValueError as e:
        raise SpecError(str(e)) from e


class Solver:
    """Trains a net as its SolverDef says.

    net, test_nets  the Nets; the test nets use the train net's weights
    iter            updates done so far;   lr, loss  learning rate and smoothed loss of the last iteration
    definition      the SolverDef, with random_seed resolved;   net_definitions  the flat networks, the train net's first
    callbacks       Callback objects that are told of iterations, displays, tests and snapshots

    From the first step on, blobs of a net share memory (see Net.share_memory) unless `debug_info` is on. `keep`, patterns of
    names, adds to those that can still be read at any time: what callbacks and drawings look at.
    """

    def __init__(self, definition, *, device=None, dtype="float32", callbacks=(), max_memory=None, keep=()):
        check_policy(definition)
        if definition.random_seed < 0:
            definition = replace(definition, random_seed=secrets.randbelow(2**31))
        self.definition = definition
        self.dtype = dtype
        self.device = device or choose_device(solver_mode=definition.solver_mode, device_id=definition.device_id)
        self.device.set_math(definition.math_mode, definition.deterministic)
        self.callbacks = list(callbacks)
        self.iter = 0
        self.lr = 0.0
        self._policy = PolicyState()
        self._losses = deque(maxlen=definition.average_loss)
        self._signals = Signals()
        self._snapshot_iter = None
        self._max_memory = max_memory
        self._keep = (keep,) if isinstance(keep, str) else tuple(keep)
        if definition.snapshot_format != "HDF5":
            log.warning("snapshot_format: %s is not written; snapshots are HDF5", definition.snapshot_format)
        self._build()

    def _build(self):
        """Make the nets and the updater; all their random draws are keyed by random_seed."""
        nets = build_nets(self.definition, self.device, self.dtype, self._max_memory)
        self.net, self.test_nets, self.net_definitions = nets
        self.updater = Updater(self.definition, self.net.learnable, self.net.lr_mults, self.net.decay_mults)
        self.loss_scale = LossScale(self.net, self.definition.loss_scale if self.definition.precision == "FLOAT16" else 1.0)
        self._shares = False
        everything = self.net.definition.force_backward
        self._checked = [blob for blob, lr in zip(self.net.learnable, self.net.lr_mults) if lr or everything]
        self._deferred = deferred_steps(self.net, self.updater, self.definition, self._checked)

    # ---- pycaffe's interface

    def solve(self, resume=None):
        """Train up to max_iter, from the snapshot `resume` (a path or "latest") if given; return "finished" or "interrupted".

        SIGINT snapshots and stops, a second one raises KeyboardInterrupt at once, SIGHUP snapshots.
        """
        d = self.definition
        if resume:
            self.restore(resume)
        try:
            with Signals() as self._signals:
                self._warn_if_idle()
                self.step(d.max_iter - self.iter)
                if (d.snapshot_after_train or self._signals.stop) and self._snapshot_iter != self.iter:
                    self.snapshot()
                if self._signals.stop:
                    return "interrupted"
                self._last_look()
                return "finished"
        finally:
            self._signals = Signals()

    def step(self, n=1):
        """Run `n` iterations (fewer after SIGINT while solving)."""
        d = self.definition
        self._share_memory()
        stop = self.iter + n
        while self.iter < stop and not self._signals.stop:
            if not self._test_if_due():
                break
            self._iterate_deferred() if self._deferred else self._iterate()
            if (d.snapshot and self.iter % d.snapshot == 0) or self._signals.take_snapshot_request():
                self.snapshot()
        self._fetch()

    def _share_memory(self):
        """Let the blobs of each net share memory, but for those that somebody looks at."""
        if self._shares or self.definition.debug_info:
            return
        self._shares = True
        for net in (self.net, *self.test_nets):
            named = [pattern for pattern in self._keep if fnmatch.filter(net.blobs, pattern) or net is self.net]
            net.share_memory([*named, *seen_blobs(net)], trains=net is self.net)

    def _warn_if_idle(self):
        """Warn where solving will change nothing."""
        net, d = self.net, self.definition
        if self.iter >= d.max_iter:
            log.warning("nothing to train: iteration %d is not below max_iter %d", self.iter, d.max_iter)
        elif not any(runs and any(layer.param_propagate_down) for runs, layer in zip(net.backward_layers, net.layers)):
            cause = "no parameter below its loss learns" if any(map(any, net.loss_weights)) else "it has no loss"
            log.warning("net '%s' learns nothing in phase TRAIN: %s", net.name, cause)

    def snapshot(self):
        """Write the weights, then the solver state, each atomically; return both paths. Non-finite weights raise NumericError."""
        self._fetch()
        check_parameters(self.net, self.iter - 1)
        weights, state = snapshot_paths(self.snapshot_prefix, self.iter)
        self.net.save(weights, diffs=self.definition.snapshot_diff)
        write_state(state, self._state(weights))
        self._snapshot_iter = self.iter
        log.info("snapshot: %s and %s", weights, state.name)
        self._tell("snapshotted", weights, state)
        return weights, state

    def restore(self, path):
        """Go back to a snapshot: either file of its pair, or "latest". WeightsError where it does not fit this solver."""
        weights, state_path = find_pair(path, self.snapshot_prefix)
        state = read_state(state_path)
        shapes = [blob.shape for blob in self.updater.blobs]
        check_history(state_path, state, self.definition.type, self.net.param_names, shapes, self.updater.rule.slots)
        if state.type and state.random_seed != self.definition.random_seed:
            log.info("random_seed: %d, as in the run that is resumed", state.random_seed)
            self.definition = replace(self.definition, random_seed=state.random_seed)
            self._build()
        self._copy_all(weights)
        for mine, theirs in zip(self.updater.history, state.history):
            mine[...] = self.device.asarray(theirs.reshape(-1), dtype=mine.dtype)
        self.iter = self._snapshot_iter = state.iteration
        self._policy.current_step = state.current_step
        self._losses.clear()
        self._losses.extend(state.losses)
        if self._deferred:
            self._deferred.start(self.iter)
        self.loss_scale.restore(state)
        if state.type:
            self._restore_data(state)
        else:
            log.warning("%s was written by Caffe: the data start from their beginning", state_path)
        log.info("resumed at iteration %d from %s and %s", self.iter, weights, state_path.name)

    @property
    def snapshot_prefix(self):
        """The start of each snapshot's name: snapshot_prefix (a folder gets the solver's name), else runs/<solver>/<solver>."""
        stem = Path(self.definition.file).stem if self.definition.file else self.net.name or "net"
        prefix = self.definition.snapshot_prefix
        if not prefix:
            return os.path.join("runs", stem, stem)
        return os.path.join(prefix, stem) if prefix.endswith(("/", os.sep)) or os.path.isdir(prefix) else prefix

    def use_folder(self, folder):
        """Write snapshots to `folder`, under the name they would have had."""
        self.definition = replace(self.definition, snapshot_prefix=os.path.join(folder, os.path.basename(self.snapshot_prefix)))

    @property
    def loss(self):
        """The loss, averaged over the last `average_loss` iterations. On a GPU this waits for the device."""
        self._fetch()
        return sum(self._losses) / len(self._losses) if self._losses else math.nan

    # ---- one iteration

    def _iterate(self):
        d = self.definition
        self.lr = learning_rate(d, self.iter, self._policy)
        positions = self.net.positions()
        loss = self._forward_backward()
        norm = math.sqrt(squared_norm(self._checked))
        finite = math.isfinite(norm)
        if not math.isfinite(loss) or not (finite or self.loss_scale.lower(self.iter)):
            symptom = f"the gradients' norm is {norm}{self.loss_scale}" if math.isfinite(loss) else f"the loss is {loss}"
            find_culprit(self.net, self.iter, d.iter_size, positions, symptom)
        self._losses.append(loss)
        if d.display and self.iter % d.display == 0:
            self._display()
        clip = d.clip_gradients / norm if 0 <= d.clip_gradients < norm else 1.0
        if finite:
            self.updater.apply(self.lr, self.iter, clip / d.iter_size)
            self.loss_scale.stood()
        self.iter += 1
        self._tell("iterated")

    def _iterate_deferred(self):
        """As _iterate, on a GPU; what the iteration found is looked at later (see _fetch)."""
        d = self.definition
        self.lr = learning_rate(d, self.iter, self._policy)
        self._deferred.run(self.iter, self.lr)
        if d.display and self.iter % d.display == 0:
            self._display()
        elif self._deferred.late:
            self._fetch()
        self.iter += 1
        self._tell("iterated")

    def _fetch(self):
        """Take over what a GPU knows of the last iterations; NumericError where the numbers of one were not finite."""
        if not self._deferred:
            return
        losses, trouble = self._deferred.fetch()
        self._losses.extend(losses)
        if trouble:
            self.iter = self.net.clock.iteration = trouble.iteration
            find_culprit(self.net, self.iter, self.definition.iter_size, trouble.positions, trouble.symptom)

    def _forward_backward(self):
        """Add up the gradients of iter_size batches and return their mean loss."""
        net, steps = self.net, self.definition.iter_size
        net.clear_param_diffs()
        net.clock.iteration = self.iter
        loss = 0.0
        for step in range(steps):
            net.clock.step = step
            net.forward()
            loss += net.loss
            net.backward()
        return loss / steps

    def _display(self):
        report = Report(self.iter, "TRAIN", self.lr, self.loss, {**small_outputs(self.net), **self.net.loss_terms()})
        if self.definition.debug_info:
            log.info("%s", debug_table(self.net))
        self._tell("displayed", report)

    def _last_look(self):
        """Display and test once more after the last update, where the last iteration number asks for it."""
        d = self.definition
        if d.display and self.iter % d.display == 0:
            self.net.clock.iteration, self.net.clock.step = self.iter, 0
            self.net.forward()
            self._losses.append(self.net.loss)
            self._display()
        self._test_if_due()

    # ---- testing

    def test(self, index=0):
        """Run test net `index` over its test_iter batches and return a Report of the means; None where SIGINT cut it short."""
        net, count = self.test_nets[index], self.definition.test_iter[index]
        self._fetch()
        positions = net.positions()
        net.clock.iteration = self.iter
        totals, loss = {}, 0.0
        for step in range(count):
            if self._signals.stop:
                net.set_positions(positions)
                return None
            net.clock.step = step
            net.forward()
            loss += net.loss
            for name, value in {**small_outputs(net), **net.loss_terms()}.items():
                totals[name] = totals.get(name, 0.0) + value
        phase = "TEST" if len(self.test_nets) == 1 else f"TEST {index}"
        rate = learning_rate(self.definition, self.iter, replace(self._policy))  # of the coming iteration
        report = Report(self.iter, phase, rate, loss / count, {name: total / count for name, total in totals.items()})
        if not math.isfinite(report.loss):
            log.warning("iteration %d: the loss of the test net is %s", self.iter, report.loss)
        self._tell("tested", report)
        return report

    def _test_if_due(self):
        """Run every test net where test_interval asks for it; return False where SIGINT cut it short."""
        d = self.definition
        due = d.test_interval and self.iter % d.test_interval == 0 and (self.iter or d.test_initialization)
        return not due or all(self.test(i) for i in range(len(self.test_nets)))

    # ---- snapshots

    def _state(self, weights):
        blobs = self.updater.blobs
        return State(
            iteration=self.iter,
            current_step=self._policy.current_step,
            weights=str(weights),
            history=[asnumpy(h).reshape(blobs[i % len(blobs)].shape) for i, h in enumerate(self.updater.history)],
            type=self.definition.type,
            random_seed=self.definition.random_seed,
            positions=self.net.positions(),
            test_positions=[net.positions() for net in self.test_nets],
            losses=list(self._losses),
            **self.loss_scale.state(),
        )

    def _copy_all(self, weights):
        """Copy every parameter from a snapshot; a layer that is missing on either side is an error."""
        report = self.net.copy_from([weights])
        if report.initial or report.skipped:
            raise WeightsError(
                f"{weights}: is not a snapshot of this net: it lacks the layers {listed(report.initial)}, and this net lacks its "
                f"{listed(report.skipped)}; to start a new run from these weights, give them as --weights"
            )

    def _restore_data(self, state):
        self.net.set_positions(state.positions)
        for net, positions in zip(self.test_nets, state.test_positions):
            net.set_positions(positions)

    def _tell(self, event, *values):
        for callback in self.callbacks:
            getattr(callback, event)(self, *values)


def small_outputs(net):
    """Return {name: float} of the net's outputs of one element and {name[i]: float} of vectors of a few; others are left out."""
    values = {}
    for name in net.outputs:
        blob = net.blobs[name]
        if blob.count == 1:
            values[name] = float(blob.data.reshape(-1)[0])
        elif len(blob.shape) == 1 and blob.count <= SMALL_OUTPUT:
            values.update({f"{name}[{i}]": float(v) for i, v in enumerate(asnumpy(blob.data))})
    return values
