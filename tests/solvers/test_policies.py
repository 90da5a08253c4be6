"""Learning-rate policies: against rates recorded from Caffe, and closed forms of our own two."""

import math
import re
from pathlib import Path

import numpy as np
import pytest

from pycaffe_geo.errors import NumericError, SpecError, listed
from pycaffe_geo.solvers.policies import _POLICIES, PolicyState, check_policy, learning_rate
from pycaffe_geo.spec import SolverDef

GOLDEN = Path(__file__).resolve().parents[3] / "shared" / "golden" / "solvers" / "lr_policies.h5"
NAMES = ("exp", "fixed", "inv", "multistep", "multistep_from0", "multistep_same", "poly", "sigmoid_pos", "step")


def rates(solver, count):
    state = PolicyState()
    return np.array([learning_rate(solver, i, state) for i in range(count)])


def solver_of(text):
    """Return the SolverDef of a prototxt text that has scalar fields only."""
    values = {}
    for key, value in re.findall(r'(\w+): ("\w+"|\S+)', text):
        values.setdefault(key, []).append(value.strip('"'))
    single = lambda v: float(np.float32(v))  # Caffe's solver fields are single precision
    kinds = {"base_lr": single, "gamma": single, "power": single, "max_iter": int, "stepsize": int}
    fields = {key: kinds[key](v[0]) for key, v in values.items() if key in kinds}
    return SolverDef(lr_policy=values["lr_policy"][0], stepvalue=tuple(map(int, values.get("stepvalue", ()))), **fields)


@pytest.mark.parametrize("name", NAMES)
def test_rates_are_caffes(name):
    if not GOLDEN.exists():
        pytest.skip(f"{GOLDEN} is missing")
    import h5py

    with h5py.File(GOLDEN) as f:
        recorded, text = f[name][()], f[name].attrs["policy"]
    # Caffe multiplies some of the fields in single precision too
    np.testing.assert_allclose(rates(solver_of(text), len(recorded)), recorded, rtol=1e-7)


def test_cosine_falls_from_base_lr_to_its_gamma_part():
    r = rates(SolverDef(lr_policy="cosine", base_lr=2.0, gamma=0.25, max_iter=40), 61)
    np.testing.assert_allclose(r[[0, 20, 40, 60]], [2.0, 1.25, 0.5, 0.5])
    np.testing.assert_allclose(r[10], 0.5 + 1.5 * (1 + math.cos(math.pi / 4)) / 2)
    assert (np.diff(r[:41]) < 0).all()


def test_sigmoid_begins_at_0_however_steep():
    r = rates(SolverDef(lr_policy="sigmoid", base_lr=2.0, gamma=5.0, stepsize=1000), 1002)
    np.testing.assert_allclose(r[[0, 999, 1000, 1001]], [0, 2 / (1 + math.exp(5)), 1, 2 / (1 + math.exp(-5))], atol=1e-300)


def test_a_rate_beyond_all_numbers():
    solver = SolverDef(lr_policy="exp", base_lr=1.0, gamma=1.5)
    with pytest.raises(NumericError, match="learning rate of iteration 100000 is infinite: lr_policy 'exp' with gamma 1.5"):
        learning_rate(solver, 100000, PolicyState())


def test_warmup_rises_linearly_under_any_policy():
    r = rates(SolverDef(lr_policy="step", base_lr=1.0, gamma=0.5, stepsize=4, warmup_iter=5), 8)
    np.testing.assert_allclose(r, [0.2, 0.4, 0.6, 0.8, 0.5, 0.5, 0.5, 0.5])


@pytest.mark.parametrize(
    "fields, text",
    [
        (dict(lr_policy="ste"), f"lr_policy 'ste' is not known, expected one of {listed(_POLICIES)}, did you mean 'step'?"),
        (dict(lr_policy="step"), "lr_policy 'step': stepsize is 0, expected a positive number of iterations"),
        (dict(lr_policy="cosine"), "lr_policy 'cosine': max_iter is 0, expected a positive number of iterations"),
    ],
)
def test_fields_a_policy_needs(fields, text):
    with pytest.raises(SpecError) as e:
        check_policy(SolverDef(file="s.yaml", **fields))
    assert str(e.value) == f"s.yaml: {text}"
