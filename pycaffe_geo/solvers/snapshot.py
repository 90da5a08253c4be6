"""Snapshot files: `<prefix>_iter_<n>.caffemodel.h5` and `.solverstate.h5`, in Caffe's own layout plus ours under /pycaffe_geo."""

import json
import logging
import re
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from pycaffe_geo.errors import WeightsError
from pycaffe_geo.weights import atomic_file, open_hdf5

log = logging.getLogger(__name__)

WEIGHTS = ".caffemodel.h5"
STATE = ".solverstate.h5"
FORMAT = 1


@dataclass
class State:
    """What a .solverstate.h5 holds. The fields after `history` are ours; `type` is "" in a file that Caffe wrote."""

    iteration: int
    current_step: int
    weights: str
    history: list
    type: str = ""
    random_seed: int = -1
    positions: dict = field(default_factory=dict)
    test_positions: list = field(default_factory=list)
    losses: list = field(default_factory=list)


def snapshot_paths(prefix, iteration):
    """Return the (weights, state) paths of the snapshot after `iteration` updates."""
    stem = f"{prefix}_iter_{iteration}"
    return Path(stem + WEIGHTS), Path(stem + STATE)


def find_pair(path, prefix=""):
    """Return the (weights, state) paths that `path` means: either file of a pair, or or "latest" of `prefix`."""
    if str(path) == "latest":
        return _latest_pair(prefix)
    path = Path(path)
    if path.name.endswith(WEIGHTS):
        weights, state = path, path.with_name(path.name[: -len(WEIGHTS)] + STATE)
        if not state.is_file():
            raise WeightsError(
                f"{path}: holds weights only and its solver state {state.name} is not beside it; "
                "to start a new run from these weights, give them as --weights"
            )
        log.info("resume: %s holds the weights; the solver state is taken from %s beside it", path, state.name)
        return weights, state
    if not path.name.endswith(STATE):
        raise WeightsError(f"{path}: cannot resume from this file, expected a name ending in {STATE} or {WEIGHTS}, or 'latest'")
    return _weights_of(path), path


def write_state(path, state):
    """Write a State to `path`, atomically."""
    import h5py

    ours = {key: value for key, value in vars(state).items() if key not in ("current_step", "weights", "history")}
    with atomic_file(path) as temporary, h5py.File(temporary, "w") as file:
        file["iter"] = np.array([state.iteration], np.int32)
        file["current_step"] = np.array([state.current_step], np.int32)
        name = state.weights.encode()
        file["learned_net"] = np.array(name, f"S{len(name) + 1}")  # Caffe reads it as a C string: keep its closing zero
        history = file.create_group("history")
        for i, array in enumerate(state.history):
            history[str(i)] = array
        file.create_group("pycaffe_geo")["state"] = json.dumps({"format": FORMAT, **ours})


def read_state(path):
    """Return the State in `path`; WeightsError names what is missing or damaged."""
    with open_hdf5(path) as file:
        for key in ("iter", "history"):
            if key not in file:
                raise WeightsError(f"{path}: has no '{key}'; a solver state holds iter, current_step, learned_net, history")
        history = [np.asarray(file["history"][str(i)]) for i in range(len(file["history"]))]
        step = int(np.ravel(file["current_step"])[0]) if "current_step" in file else 0
        name = file["learned_net"][()] if "learned_net" in file else b""
        weights = name.decode() if isinstance(name, bytes) else str(name)
        state = State(int(np.ravel(file["iter"])[0]), step, weights, history)
        if "pycaffe_geo/state" in file:
            _read_ours(path, state, file["pycaffe_geo/state"][()])
        return state


def check_history(path, state, solver_type, names, shapes, slots):
    """Raise WeightsError where the state belongs to another solver type or its history does not fit the parameters."""
    if state.type and state.type != solver_type:
        raise WeightsError(
            f"{path}: was written by a solver of type '{state.type}', this solver is '{solver_type}'; set type: {state.type} to "
            "resume, or start a new run from the weights with --weights"
        )
    if len(state.history) != slots * len(names):
        raise WeightsError(
            f"{path}: /history has {len(state.history)} blob(s), expected {slots * len(names)} ({slots} for each of the "
            f"{len(names)} parameters with type {solver_type})"
        )
    for i, array in enumerate(state.history):
        name, shape = names[i % len(names)], shapes[i % len(names)]
        if array.shape != tuple(shape):
            layer = name.rpartition("[")[0]
            raise WeightsError(f"{path}: layer '{layer}': the history of '{name}' is {array.shape}, expected {tuple(shape)}")


def _read_ours(path, state, text):
    ours = json.loads(text)
    if ours.pop("format") > FORMAT:
        raise WeightsError(f"{path}: was written by a newer version of pycaffe_geo (this one reads format {FORMAT})")
    for key, value in ours.items():
        setattr(state, key, value)


def _latest_pair(prefix):
    """Each file is complete once it has its name; the state is written last, so a state with its weights is a complete pair."""
    prefix = Path(prefix)
    pattern = re.compile(re.escape(prefix.name) + r"_iter_(\d+)" + re.escape(STATE))
    found = [pattern.fullmatch(p.name) for p in prefix.parent.glob(f"*{STATE}")]
    for iteration in sorted((int(m[1]) for m in found if m), reverse=True):
        weights, state = snapshot_paths(prefix, iteration)
        if weights.is_file():
            log.info("resume: the latest complete snapshot is %s with %s", state, weights.name)
            return weights, state
    raise WeightsError(f"{prefix}_iter_*{STATE}: no complete snapshot to resume from (looked in {prefix.parent.resolve()})")


def _weights_of(state):
    """Return the weights that belong to a state: those beside it, so that a moved folder still works, else where it says."""
    beside = state.with_name(state.name[: -len(STATE)] + WEIGHTS)
    if beside.is_file():
        return beside
    named = Path(read_state(state).weights)
    for candidate in (state.with_name(named.name), named):
        if candidate.is_file():
            return candidate
    raise WeightsError(f"{state}: its weights {beside.name} are not beside it, nor at {named}")
