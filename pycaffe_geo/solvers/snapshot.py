"""Snapshot files: `<prefix>_iter_<n>.caffemodel.h5` and `.solverstate.h5`, in Caffe's own layout plus ours under /pycaffe_geo."""

import json
import logging
import re
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from pycaffe_geo.atomic import atomic_file
from pycaffe_geo.errors import WeightsError
from pycaffe_geo.weights import check_arrays, open_hdf5, read_text

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
    loss_scale: float = 0.0
    good_steps: int = 0


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
        file["learned_net"] = _fixed(state.weights)
        history = file.create_group("history")
        for i, array in enumerate(state.history):
            history[str(i)] = array
        file.create_group("pycaffe_geo")["state"] = _fixed(json.dumps({"format": FORMAT, **ours}))


def _fixed(text):
    """Return `text` as Caffe writes and reads it: of fixed length, with the closing zero of a C string."""
    raw = text.encode()
    return np.array(raw, f"S{len(raw) + 1}")


def read_state(path):
    """Return the State in `path`; WeightsError names what is missing or damaged."""
    with open_hdf5(path) as file:
        for key in ("iter", "history"):
            if key not in file:
                raise WeightsError(f"{path}: has no '{key}'; a solver state holds iter, current_step, learned_net, history")
        if not hasattr(file["history"], "items"):
            raise WeightsError(f"{path}: /history is no group")
        items = [file["history"][str(i)] for i in range(len(file["history"]))]
        check_arrays(path, items)
        step = _number(path, file["current_step"]) if "current_step" in file else 0
        weights = read_text(path, file["learned_net"]) if "learned_net" in file else ""
        state = State(_number(path, file["iter"]), step, weights, [np.asarray(item) for item in items])
        if "pycaffe_geo/state" in file:
            _read_ours(path, state, read_text(path, file["pycaffe_geo/state"]))
        return state


def _number(path, item):
    check_arrays(path, [item])
    if item.size != 1:
        raise WeightsError(f"{path}: {item.name} has {item.size} numbers, expected one")
    value = float(np.ravel(item)[0])
    if not 0 <= value < 2**53:
        raise WeightsError(f"{path}: {item.name} is {value:g}, expected a count")
    return int(value)


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
    try:
        ours = json.loads(text)
    except (ValueError, RecursionError) as e:
        raise WeightsError(f"{path}: /pycaffe_geo/state is damaged: {e}") from None
    if isinstance(ours, dict) and isinstance(ours.get("format"), int) and ours["format"] > FORMAT:
        raise WeightsError(f"{path}: was written by a newer version of pycaffe_geo (this one reads format {FORMAT})")
    for key, fits in _OURS.items():
        if key in _LATER and isinstance(ours, dict) and key not in ours:
            continue
        if not isinstance(ours, dict) or not fits(ours.get(key)):
            raise WeightsError(f"{path}: /pycaffe_geo/state is damaged: '{key}' is missing or of the wrong kind")
        setattr(state, key, ours[key])


def _is_positions(value):
    return isinstance(value, dict) and all(_is_count(n) for n in value.values())


def _is_count(value):
    return isinstance(value, int) and 0 <= value < 2**53


_OURS = {
    "iteration": _is_count,
    "type": lambda value: isinstance(value, str),
    "random_seed": lambda value: isinstance(value, int) and abs(value) < 2**63,
    "positions": _is_positions,
    "test_positions": lambda value: isinstance(value, list) and all(map(_is_positions, value)),
    "losses": lambda value: isinstance(value, list) and all(isinstance(loss, (int, float)) for loss in value),
    "loss_scale": lambda value: isinstance(value, (int, float)) and 0 <= value < 2**53,
    "good_steps": _is_count,
}
_LATER = ("loss_scale", "good_steps")  # older files have none


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
