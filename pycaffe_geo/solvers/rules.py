"""Update rules: how a gradient becomes the change of a parameter. A rule is one class here, found by the solver's `type`."""

import math

import numpy as np

from pycaffe_geo.errors import SpecError, listed, nearest
from pycaffe_geo.ops import threads
from pycaffe_geo.ops.update import plan_update, plan_update_of_all

RULES = {}
TILE = 1 << 15  # elements worked on at a time on a CPU: the few arrays of a rule stay in the cache between its passes


def rule(cls):
    """Class decorator: make an update rule known by its class name, the solver's `type`."""
    RULES[cls.__name__] = cls
    return cls


@rule
class SGD:
    """Stochastic gradient descent with momentum; the history includes the learning rate, as in Caffe: h = momentum h + rate g."""

    slots = 1

    def __init__(self, solver):
        self.momentum = solver.momentum

    def numbers(self, rate, iteration):
        """Return what the compiled rule needs (see ops.update)."""
        return rate, self.momentum

    def step(self, xp, diff, history, scratch, rate, iteration):
        """Turn the gradient `diff` into the amount to subtract, in place; `scratch` is free to use."""
        (h,) = history
        diff *= rate
        h *= self.momentum
        h += diff
        diff[...] = h


@rule
class Nesterov(SGD):
    """Nesterov's accelerated gradient: h' = momentum h + rate g; update = (1 + momentum) h' - momentum h."""

    def step(self, xp, diff, history, scratch, rate, iteration):
        """As SGD.step."""
        (h,) = history
        diff *= rate
        h *= self.momentum  # now momentum * h, which both formulas need
        scratch[...] = h
        h += diff
        xp.multiply(h, 1 + self.momentum, out=diff)
        diff -= scratch


@rule
class Adam:
    """Kingma and Ba 2015, arXiv:1412.6980, in Caffe's form: rate sqrt(1 - b2^t) / (1 - b1^t) m / (sqrt(v) + delta), t from 1."""

    slots = 2

    def __init__(self, solver):
        self.beta1 = solver.momentum
        self.beta2 = solver.momentum2
        self.delta = solver.delta

    def numbers(self, rate, iteration):
        """As SGD.numbers; the rate holds both corrections."""
        t = iteration + 1
        return rate * math.sqrt(1 - self.beta2**t) / (1 - self.beta1**t), self.beta1, self.beta2, self.delta

    def step(self, xp, diff, history, scratch, rate, iteration):
        """As SGD.step."""
        m, v = history
        m *= self.beta1
        xp.multiply(diff, 1 - self.beta1, out=scratch)
        m += scratch
        _average_square(xp, v, diff, self.beta2, scratch)
        xp.sqrt(v, out=scratch)
        scratch += self.delta
        xp.divide(m, scratch, out=diff)
        diff *= self.numbers(rate, iteration)[0]


@rule
class AdaGrad:
    """Duchi et al. 2011 in Caffe's form: h += g^2; update = rate g / (sqrt(h) + delta)."""

    slots = 1

    def __init__(self, solver):
        _refuse_momentum(solver)
        self.delta = solver.delta

    def numbers(self, rate, iteration):
        """As SGD.numbers."""
        return rate, self.delta

    def step(self, xp, diff, history, scratch, rate, iteration):
        """As SGD.step."""
        (h,) = history
        xp.multiply(diff, diff, out=scratch)
        h += scratch
        _divide_by_root(xp, diff, h, scratch, self.delta)
        diff *= rate


@rule
class RMSProp:
    """Tieleman and Hinton 2012 in Caffe's form: h = d h + (1 - d) g^2 with d = rms_decay; update = rate g / (sqrt(h) + delta)."""

    slots = 1

    def __init__(self, solver):
        _refuse_momentum(solver)
        self.decay = solver.rms_decay
        self.delta = solver.delta

    def numbers(self, rate, iteration):
        """As SGD.numbers."""
        return rate, self.decay, self.delta

    def step(self, xp, diff, history, scratch, rate, iteration):
        """As SGD.step."""
        (h,) = history
        _average_square(xp, h, diff, self.decay, scratch)
        _divide_by_root(xp, diff, h, scratch, self.delta)
        diff *= rate


@rule
class AdaDelta:
    """Zeiler 2012, arXiv:1212.5701, in Caffe's form; `momentum` is the decay m of both averages, and the rate still multiplies:
    h = m h + (1 - m) g^2; u = g sqrt((v + delta) / (h + delta)); v = m v + (1 - m) u^2; update = rate u."""

    slots = 2

    def __init__(self, solver):
        self.decay = solver.momentum
        self.delta = solver.delta

    def numbers(self, rate, iteration):
        """As SGD.numbers."""
        return rate, self.decay, self.delta

    def step(self, xp, diff, history, scratch, rate, iteration):
        """As SGD.step."""
        h, v = history
        _average_square(xp, h, diff, self.decay, scratch)
        diff /= xp.sqrt(xp.add(h, self.delta, out=scratch), out=scratch)
        diff *= xp.sqrt(xp.add(v, self.delta, out=scratch), out=scratch)
        _average_square(xp, v, diff, self.decay, scratch)
        diff *= rate


def _average_square(xp, mean, values, decay, scratch):
    """mean = decay mean + (1 - decay) values^2, in place."""
    mean *= decay
    xp.multiply(values, values, out=scratch)
    scratch *= 1 - decay
    mean += scratch


def _divide_by_root(xp, diff, square, scratch, delta):
    """diff /= sqrt(square) + delta, in place. (0 / 0, a gradient that was always 0 with delta 0, is NaN as in Caffe.)"""
    xp.sqrt(square, out=scratch)
    scratch += delta
    diff /= scratch


def _refuse_momentum(solver):
    if solver.momentum:
        raise SpecError(f"{_place(solver)}momentum is {solver.momentum}, expected 0: type {solver.type} has none")


def _place(solver):
    return f"{solver.file}: " if solver.file else ""


class Updater:
    """Applies one rule to the parameter blobs of a net: scale (clip, 1 / iter_size) -> decay -> rule -> subtract, in place.

    After `apply` a blob's diff holds what was subtracted from its data, as in Caffe. `history` is a list of flat arrays in
    Caffe's order: slot 0 of every blob, then slot 1 of every blob. `together` is a GpuUpdate on a GPU, else None.
    """

    def __init__(self, solver, blobs, lr_mults, decay_mults):
        if solver.type not in RULES:
            known = f"{listed(RULES)}{nearest(solver.type, RULES)}"
            raise SpecError(f"{_place(solver)}solver type '{solver.type}' is not known, expected one of {known}")
        self.rule = RULES[solver.type](solver)
        self.solver = solver
        self.blobs = list(blobs)
        self.lr_mults = list(lr_mults)
        self.decay_mults = list(decay_mults)
        self.history = [b.device.xp.zeros(b.count, b.dtype) for _ in range(self.rule.slots) for b in self.blobs]
        self._scratch = None
        first = self.blobs[0] if self.blobs and solver.regularization_type == "L2" else None
        self._compiled = plan_update(solver.type, first.device, first.dtype) if first else None
        self.together = None
        if self.blobs:
            device, dtype = self.blobs[0].device, self.blobs[0].dtype
            self.together = plan_update_of_all(solver.type, solver.regularization_type, device, dtype)

    def apply(self, rate, iteration, scale=1.0):
        """Update every blob whose lr_mult is not 0. `scale` multiplies the gradients first."""
        if self.together:
            self.place()
            self.together.load(scale, self.rule.numbers(rate, iteration))
            self.together.launch()
            return
        rates = {i: rate * lr for i, lr in enumerate(self.lr_mults) if lr}
        if self._compiled:
            for i, arrays in self._flat(rates):
                self._compiled(*arrays, scale, self.rule.numbers(rates[i], iteration))
        elif self.blobs and self.blobs[0].device.xp is np:
            self._share(rates, iteration, scale)
        else:
            for i, arrays in self._flat(rates):
                self._run_rule(*arrays, self._room(self.blobs[i]), rates[i], iteration, scale)

    def _flat(self, which):
        """Yield (i, (data, diff, history, decay)) of these blobs, all arrays flat."""
        for i in which:
            blob, decay = self.blobs[i], self.solver.weight_decay * self.decay_mults[i]
            yield i, (blob.data.reshape(-1), blob.diff.reshape(-1), self.history[i :: len(self.blobs)], decay)

    def _share(self, rates, iteration, scale):
        """Update on all cores, each of which has its part of every blob."""
        blobs, count = list(self._flat(rates)), threads.parts()

        def update(part, scratch):
            for i, (data, diff, history, decay) in blobs:
                (room,) = scratch.take(data.dtype, (TILE,))
                mine = threads.split(data.size, count, part)
                for start in range(mine.start, mine.stop, TILE):
                    tile = slice(start, min(start + TILE, mine.stop))
                    histories = [h[tile] for h in history]
                    self._run_rule(data[tile], diff[tile], histories, decay, room[:tile.stop - start], rates[i], iteration, scale)

        with threads.together(count) as run:
            run(update)

    def place(self):
        """Tell `together`, which updates all blobs by one kernel, where they lie."""
        learned = [i for i, lr in enumerate(self.lr_mults) if lr]
        arrays = [(self.blobs[i].data, self.blobs[i].diff, *self.history[i :: len(self.blobs)]) for i in learned]
        mults = [(self.lr_mults[i], self.solver.weight_decay * self.decay_mults[i]) for i in learned]
        self.together.place(arrays, mults)

    def _run_rule(self, data, diff, history, decay, scratch, rate, iteration, scale):
        xp = self.blobs[0].device.xp
        if scale != 1:
            diff *= scale
        if decay:
            xp.multiply(data if self.solver.regularization_type == "L2" else xp.sign(data, out=scratch), decay, out=scratch)
            diff += scratch
        self.rule.step(xp, diff, history, scratch, rate, iteration)
        data -= diff

    def _room(self, blob):
        if self._scratch is None or self._scratch.size < blob.count or self._scratch.dtype != blob.dtype:
            self._scratch = blob.device.xp.empty(blob.count, blob.dtype)
        return self._scratch[:blob.count]
