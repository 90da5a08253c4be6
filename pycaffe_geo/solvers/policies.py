"""Learning-rate policies: Caffe's, with its exact formulas, and two of ours (the `cosine` policy and `warmup_iter`)."""

import math
from dataclasses import dataclass

from pycaffe_geo.errors import NumericError, SpecError, listed, nearest


@dataclass
class PolicyState:
    """What a policy carries from one iteration to the next (Caffe's current_step): the number of steps passed so far."""

    current_step: int = 0


def learning_rate(solver, iteration, state):
    """Return the learning rate of `iteration` (counted from 0) under `solver.lr_policy`; call it once an iteration, in order.

    fixed, step, exp, inv, multistep, poly and sigmoid are Caffe's: multistep passes at most one step a call, and sigmoid rises
    to base_lr. `cosine` falls from base_lr at iteration 0 to base_lr * gamma at max_iter. The first `warmup_iter` iterations
    rise linearly: their rate is multiplied by (iteration + 1) / warmup_iter.
    `state` is a PolicyState; its step is updated. NumericError where a policy with a gamma above 1 grows beyond all numbers.
    """
    try:
        rate = solver.base_lr * _POLICIES[solver.lr_policy](solver, iteration, state)
    except OverflowError:
        growth = f"lr_policy '{solver.lr_policy}' with gamma {solver.gamma}"
        raise NumericError(f"the learning rate of iteration {iteration} is infinite: {growth}") from None
    if iteration < solver.warmup_iter:
        rate *= (iteration + 1) / solver.warmup_iter
    return rate


def check_policy(solver):
    """Raise SpecError where a field that the policy needs is missing or out of range."""
    policy = solver.lr_policy
    where = f"{solver.file}: " if solver.file else ""
    if policy not in _POLICIES:
        known = f"{listed(_POLICIES)}{nearest(policy, _POLICIES)}"
        raise SpecError(f"{where}lr_policy '{policy}' is not known, expected one of {known}")
    if policy == "step" and solver.stepsize <= 0:
        raise SpecError(f"{where}lr_policy 'step': stepsize is {solver.stepsize}, expected a positive number of iterations")
    if policy in ("poly", "cosine") and solver.max_iter <= 0:
        raise SpecError(f"{where}lr_policy '{policy}': max_iter is {solver.max_iter}, expected a positive number of iterations")


def _fixed(solver, iteration, state):
    return 1.0


def _step(solver, iteration, state):
    state.current_step = iteration // solver.stepsize
    return solver.gamma**state.current_step


def _exp(solver, iteration, state):
    return solver.gamma**iteration


def _inv(solver, iteration, state):
    return (1 + solver.gamma * iteration) ** -solver.power


def _multistep(solver, iteration, state):
    if state.current_step < len(solver.stepvalue) and iteration >= solver.stepvalue[state.current_step]:
        state.current_step += 1
    return solver.gamma**state.current_step


def _poly(solver, iteration, state):
    return _remaining(solver, iteration) ** solver.power


def _sigmoid(solver, iteration, state):
    return 1 / (1 + math.exp(min(700.0, -solver.gamma * (iteration - solver.stepsize))))  # beyond 709 exp overflows


def _cosine(solver, iteration, state):
    passed = 1 - _remaining(solver, iteration)
    return solver.gamma + (1 - solver.gamma) * 0.5 * (1 + math.cos(math.pi * passed))


def _remaining(solver, iteration):
    return max(0.0, 1 - iteration / solver.max_iter)


_POLICIES = {
    "fixed": _fixed,
    "step": _step,
    "exp": _exp,
    "inv": _inv,
    "multistep": _multistep,
    "poly": _poly,
    "sigmoid": _sigmoid,
    "cosine": _cosine,
}
