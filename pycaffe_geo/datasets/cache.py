"""Pair files of the procedural worlds, rendered on first use and kept in the user's cache folder."""

import dataclasses
import hashlib
import json
import logging
import re
import tempfile
from pathlib import Path

from pycaffe_geo.cache_folder import cache_folder
from pycaffe_geo.datasets.pairs import PairFile, write_pairs
from pycaffe_geo.datasets.rooms import World, render_pairs
from pycaffe_geo.datasets.rooms_sequences import render_runs
from pycaffe_geo.errors import DataError, listed, nearest

log = logging.getLogger(__name__)

WORLDS = {"rooms_train": {"split": "train", "clusters": 2800}, "rooms_test": {"split": "test", "clusters": 120}}
SEQUENCES = {"rooms_sequences_train": {"split": "train", "runs": 400}, "rooms_sequences_test": {"split": "test", "runs": 20},
             "streets_train": {"scenes": "streets", "split": "train", "runs": 1000, "length": 1},
             "streets_test": {"scenes": "streets", "split": "test", "runs": 40, "length": 1}}
_RENDERER = 1  # raise it whenever the same parameters give other pictures


def pair_path(source, base=".", progress=False, **params):
    """Return the pair file that `source` names: a world of WORLDS or SEQUENCES (with `params`, see `world_pairs` and
    `world_runs`) or a path.

    A relative path is looked for from the working directory, then from `base`. Raises DataError with the nearest name.
    """
    if source in WORLDS:
        return world_pairs(progress=progress, **{**WORLDS[source], **params})
    if source in SEQUENCES:
        return world_runs(progress=progress, **{**SEQUENCES[source], **params})
    worlds = (*WORLDS, *SEQUENCES)
    if params:
        raise DataError(f"source '{source}' is a file: {listed(params)} belong to a procedural world ({listed(worlds)})")
    for path in (Path(source), Path(base) / source):
        if path.is_file():
            return path
    raise DataError(f"source '{source}' is neither a pair file ({Path(source).absolute()}) nor a procedural world "
                    f"({listed(worlds)}){nearest(source, worlds)}")


def world_size(source, **params):
    """Return (height, width) of the images of the procedural world `source`, without rendering it; None where it is a file."""
    if source not in WORLDS and source not in SEQUENCES:
        return None
    own = ("split", "clusters") if source in WORLDS else ("split", "runs", "length", "baseline")
    world = _world({name: value for name, value in params.items() if name not in own})
    return world.height, world.width


def world_pairs(split="train", clusters=2800, progress=False, **params):
    """Return the path of the pair file of a procedural world, rendering it where the cache has none.

    split: "train" or "test" (any word: other words give other rooms); clusters: groups of 4 views, 12 pairs each; params:
    the fields of `rooms.World`. The file's name holds a hash of every parameter. Two processes may render at once: each
    writes its own file, and the last rename wins with the same contents.
    """
    world = _world(params)
    return _cached("rooms", split, _recipe(world, split, clusters=clusters), f"{clusters} clusters of 4 views", world,
                   lambda: render_pairs(world, split, clusters, progress))


def world_runs(split="train", runs=400, length=8, baseline=None, scenes="rooms", progress=False, **params):
    """Return the path of the pair file of smooth camera runs, as `world_pairs`; parameters: see `render_runs`."""
    world = _world(params)
    recipe = _recipe(world, split, runs=runs, length=length, baseline=baseline)
    return _cached(f"{scenes}_sequences", split, recipe, f"{runs} runs of {length} frames", world,
                   lambda: render_runs(world, split, runs, length, baseline, scenes, progress))


def _cached(kind, split, recipe, what, world, render):
    if not re.fullmatch(r"\w+", split):
        raise DataError(f"world: split is '{split}', expected a word such as train (letters, digits and _)")
    path = cache_folder() / f"{kind}_{split}_{hashlib.sha256(recipe.encode()).hexdigest()[:16]}.h5"
    if not _usable(path):
        _check_writable(path.parent)
        log.info("rendering %s (%dx%d) into %s", what, world.width, world.height, path)
        write_pairs(path, **render(), source=f"procedural rooms {recipe}")
    return path


def _world(params):
    fields = [field.name for field in dataclasses.fields(World)]
    for name in params:
        if name not in fields:
            raise DataError(f"world: unknown parameter '{name}'{nearest(name, fields)} (known: {listed(fields)})")
    return World(**params)


def _recipe(world, split, **counts):
    """Everything the pictures depend on, as text; equal worlds give equal text (5 and 5.0, fov_deg and its fx)."""
    fx, fy, cx, cy = world.intrinsics
    near, far = world.depth_range
    numbers = {**dataclasses.asdict(world), "fov_deg": None, "depth_range": None, "fx": fx, "fy": fy, "cx": cx, "cy": cy,
               "near": near, "far": far, **counts, "renderer": _RENDERER}
    numbers = {name: float(value) for name, value in numbers.items() if value is not None}
    return json.dumps({"split": split, **numbers}, sort_keys=True)


def _check_writable(folder):
    """Make the folder; DataError where nothing can be written to it, before the time of rendering is spent."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as e:
        reason = f"{folder.absolute()}: the cache folder cannot be written to ({e.strerror})"
        raise DataError(f"{reason}; PYCAFFE_GEO_CACHE can name another") from e


def _usable(path):
    if not path.exists():
        return False
    try:
        PairFile(path).check()
        return True
    except DataError as e:
        log.warning("the cached file is replaced: %s", e)
        return False
