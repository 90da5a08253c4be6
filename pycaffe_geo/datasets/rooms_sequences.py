"""Smooth runs of the camera through the rooms or streets of the procedural world: frames that follow each other in time."""

import math
import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from pycaffe_geo.backend import CPU
from pycaffe_geo.datasets.frames import gap_pairs
from pycaffe_geo.datasets.rooms import in_ball, inside_furniture, require, views
from pycaffe_geo.datasets.rooms_raycast import cast, pixel_rays, random_room, render
from pycaffe_geo.datasets.streets import driver_motion, driver_pose, random_street
from pycaffe_geo.errors import DataError
from pycaffe_geo.geometry import se3

_ROOMS, _VIEWS = 20, 5  # tried before a run is given up


def render_runs(world, split, runs, length=8, baseline=None, scenes="rooms", progress=False):
    """Render `runs` runs of `length` frames, each in a room of its own, and return the arrays of a pair file (see pairs.py).

    scenes: "rooms", or "streets" as a driver sees them, whose sizes depend on nothing in `world`.

    The camera moves by one twist all along a run, drawn at most world.rotation_deg and world.translation_m per frame, in any
    direction, in streets as a car does: forward and in curves, a tenth of both across.
    baseline (metres): also the pictures `right` of a second camera, so far along x. Arrays: color (F, H, W, 3) uint8, depth
    (F, H, W) float32, pose_c2w (F, 4, 4), intrinsics (F, 4), sequence (F,), pairs (neighbours, both ways) and, with a baseline,
    right and baseline; F = runs length. `split` names the rooms ("train", "test"); `render_pairs` has others.
    """
    from tqdm import tqdm

    require("runs", runs, runs >= 1, "at least 1")
    require("length", length, length >= 1, "at least 1")
    require("baseline", baseline, baseline is None or baseline > 0, "metres above 0")
    require("scenes", scenes, scenes in _SCENES, " or ".join(_SCENES))
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        work = pool.map(lambda number: _render_run(world, split, number, length, baseline, scenes), range(runs))
        parts = list(tqdm(work, total=runs, desc=f"runs ({split})", unit="run", disable=None if progress else True))
    data = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    data["intrinsics"] = np.tile(world.intrinsics, (runs * length, 1))
    data["sequence"] = np.repeat(np.arange(runs), length)
    data["pairs"] = gap_pairs(data["sequence"])
    if baseline is not None:
        data["baseline"] = np.full(runs * length, baseline)
    return data


def _render_run(world, split, number, length, baseline, scenes):
    """Return colour, depth, poses and, with a baseline, the right pictures of run `number`."""
    word, draw, motion = _SCENES[scenes]
    generator = CPU.generator(world.seed, word, split, number)
    room, poses = _place(generator, draw, motion, world, length, baseline or 0)
    color, depth = zip(*(render(room, world, pose) for pose in poses))
    run = {"color": np.stack(color), "depth": np.stack(depth), "pose_c2w": poses}
    if baseline is not None:
        run["right"] = np.stack([render(room, world, pose)[0] for pose in poses @ _beside(baseline)])
    return run


def _beside(baseline):
    """Return T_left_right (4, 4): the right camera's pose seen from the left one."""
    shift = np.eye(4)
    shift[0, 3] = baseline
    return shift


def _draw_room(generator, world):
    room = random_room(generator, scale=world.depth_range[1] / 4.5)
    return room, views(generator, room, world, _VIEWS)


def _draw_street(generator, world):
    return random_street(generator), [driver_pose(generator)]


def _any_motion(generator, rotation, metres):
    """Draw a twist (6,) whose rotation (radians) and translation are uniform in balls."""
    return np.hstack([in_ball(generator, rotation, 1), in_ball(generator, metres, 1)])[0]


# word in the random key; what draws a room and poses in it; and a twist per frame
_SCENES = {"rooms": ("run", _draw_room, _any_motion), "streets": ("street", _draw_street, driver_motion)}


def _place(generator, draw, motion, world, length, baseline):
    """Draw a room and the poses (length, 4, 4) of a run in it that comes close to nothing."""
    near = world.depth_range[0]
    for _ in range(_ROOMS):
        room, middles = draw(generator, world)
        for middle in middles:
            twist = motion(generator, math.radians(world.rotation_deg), world.translation_m)
            steps = np.arange(length)[:, None] - (length - 1) / 2
            poses = middle @ se3.exp(steps * twist)
            if all(_free(room, world, pose @ _beside(shift), 0.5 * near) for shift in (0, baseline) for pose in poses):
                return room, poses
    raise DataError(f"world: no run of {length} frames with up to {world.translation_m} m each fits depth_range "
                    f"{world.depth_range}; take fewer or smaller steps")


def _free(room, world, pose, margin):
    """Is the camera inside the room, `margin` metres from walls and furniture, with at most 5 % of its pixels nearer?"""
    position = pose[:3, 3].astype(np.float32)
    in_room = (np.abs(position - room.centre[0]) < room.half[0] - margin).all()
    if not in_room or inside_furniture(room, position, margin):
        return False
    depth, _ = cast(room, position, pose[:3, :3].astype(np.float32) @ pixel_rays(world.coarse(), 1))
    return np.quantile(depth, 0.05) >= margin
