"""The procedural RGB-D world: a camera that moves in textured rooms with furniture-like boxes.

Every room is drawn from (seed, split, number) alone: any room can be rendered alone, in any order, and the rooms of two
splits never agree. Axes: x right, y down, z forward, metres.
"""

import math
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from pycaffe_geo.backend import CPU
from pycaffe_geo.datasets.rooms_raycast import cast, pixel_rays, random_room, render
from pycaffe_geo.errors import DataError
from pycaffe_geo.geometry import se3

VIEWS_PER_CLUSTER = 4
CLUSTERS_PER_ROOM = 3
_TRIES = 200
_DEFAULT_FOV = 101.3


@dataclass(frozen=True)
class World:
    """The camera, its motion and the seed of a procedural world.

    width, height (pixels); the camera: `fov_deg` (horizontal, square pixels; 101.3 where nothing is said) or `fx`
    (pixels); `fy` defaults to fx, `cx`, `cy` to the image centre. rotation_deg and translation_m: the largest motion
    between the two views of a pair. depth_range (near, far) in metres: in the middle view of a cluster at most 5 % of the
    pixels are nearer than `near`, and the median depth is between 2 near and far; rooms grow with `far` (3 to 6 m at 4.5).
    samples: rays per pixel along each axis, whose colours are averaged. Raises DataError for values that make no camera.
    """

    width: int = 40
    height: int = 32
    fov_deg: float = None
    fx: float = None
    fy: float = None
    cx: float = None
    cy: float = None
    rotation_deg: float = 5.0
    translation_m: float = 0.2
    depth_range: tuple = (0.7, 4.5)
    samples: int = 4
    seed: int = 0

    def __post_init__(self):
        object.__setattr__(self, "depth_range", tuple(self.depth_range))
        if self.fov_deg is not None and self.fx is not None:
            raise DataError(f"world: fov_deg is {self.fov_deg} and fx is {self.fx}: give one of them")
        for name in ("width", "height", "samples"):
            require(name, getattr(self, name), getattr(self, name) >= 1, "at least 1")
        if self.fov_deg is not None:
            require("fov_deg", self.fov_deg, 0 < self.fov_deg < 170, "between 0 and 170 degrees")
        for name in ("fx", "fy"):
            require(name, getattr(self, name), getattr(self, name) != 0, "not 0")
        for name in ("fx", "fy", "cx", "cy", "translation_m", "depth_range"):
            values = np.array(getattr(self, name), float)  # None, for what is not given, becomes NaN
            require(name, getattr(self, name), not np.isinf(values).any(), "finite")
        require("rotation_deg", self.rotation_deg, 0 <= self.rotation_deg <= 90, "between 0 and 90 degrees")
        require("translation_m", self.translation_m, 0 <= self.translation_m, "not negative")
        good = len(self.depth_range) == 2 and 0 < 2 * self.depth_range[0] < self.depth_range[1]
        require("depth_range", self.depth_range, good, "two numbers (near, far) of metres with 0 < 2 near < far")

    @property
    def intrinsics(self):
        """fx, fy, cx, cy in pixels, float64 (4,)."""
        fov = math.radians(self.fov_deg or _DEFAULT_FOV)
        fx = self.fx or 0.5 * self.width / math.tan(0.5 * fov)
        cx = 0.5 * (self.width - 1) if self.cx is None else self.cx
        cy = 0.5 * (self.height - 1) if self.cy is None else self.cy
        return np.array([fx, self.fy or fx, cx, cy], float)

    def coarse(self):
        """Return a camera of 10 x 8 pixels that sees about the same, to try views with."""
        fx, fy = self.intrinsics[:2]
        return World(width=10, height=8, fx=fx * 10 / self.width, fy=fy * 8 / self.height)


def require(name, value, good, expected):
    """Raise DataError unless `good`: the parameter `name` of a world is `value`, which is not what was `expected`."""
    if not good:
        raise DataError(f"world: {name} is {value}, expected {expected}")


def views(generator, room, world, count):
    """Return up to `count` camera-to-world poses that see a good part of the room."""
    size, near, far = 2 * room.half[0], *world.depth_range
    margin = 0.5 * near + 0.5 * world.translation_m
    rays = pixel_rays(world.coarse(), 1)
    found = []
    for _ in range(_TRIES):
        position = (generator.uniform(-0.5, 0.5, 3) * np.maximum(size - 2 * margin, 0) + room.centre[0]).astype(np.float32)
        target = generator.uniform(-0.3, 0.3, 3) * size + room.centre[0]
        pose = look_at(position, target, roll=generator.uniform(-0.15, 0.15))
        if inside_furniture(room, position, margin):
            continue
        depth, _ = cast(room, position, pose[:3, :3].astype(np.float32) @ rays)
        if np.quantile(depth, 0.05) >= near and 2 * near <= np.median(depth) <= far:
            found.append(pose)
        if len(found) == count:
            break
    return found


def inside_furniture(room, position, margin):
    """Is `position` (3,) in a box of the room, or nearer to it than `margin` metres?"""
    local = np.einsum("kij,kj->ki", room.turn[1:], position - room.centre[1:])
    return bool((np.abs(local) < room.half[1:] + margin).all(axis=1).any())


def look_at(position, target, roll):
    """Return the camera-to-world pose (4, 4) at `position` with its axis through `target`, `roll` in radians."""
    z = (target - position) / np.linalg.norm(target - position)
    x = np.cross([0, 1, 0], z)
    x /= np.linalg.norm(x)
    y = np.cross(z, x)
    pose = np.eye(4)
    pose[:3, :3] = np.stack([x * math.cos(roll) + y * math.sin(roll), y * math.cos(roll) - x * math.sin(roll), z], axis=1)
    pose[:3, 3] = position
    return pose


def _random_motions(generator, world, count):
    """Draw motions (count, 4, 4) with rotation vector and translation uniform in balls of half the world's ranges.

    Two of them, from one base pose, differ by at most the whole range.
    """
    rotation = in_ball(generator, 0.5 * math.radians(world.rotation_deg), count)
    translation = in_ball(generator, 0.5 * world.translation_m, count)
    return se3.exp(np.hstack([rotation, translation]), translation="direct")


def in_ball(generator, radius, count):
    """Draw vectors (count, 3), uniform in a ball."""
    direction = generator.normal(size=(count, 3))
    length = radius * generator.random((count, 1)) ** (1 / 3)
    return direction * length / np.linalg.norm(direction, axis=1, keepdims=True)


def _render_room(world, split, number, clusters):
    """Return colour, depth and poses of all views of room `number`."""
    generator = CPU.generator(world.seed, "room", split, number)
    for _ in range(_TRIES):
        room = random_room(generator, scale=world.depth_range[1] / 4.5)
        bases = views(generator, room, world, clusters)
        if len(bases) == clusters:
            break
    else:
        raise DataError(f"world: no view fits depth_range {world.depth_range} with a camera of fx, fy, cx, cy = "
                        f"{world.intrinsics.round(2).tolist()} at {world.width}x{world.height}; widen depth_range")
    poses = np.repeat(bases, VIEWS_PER_CLUSTER, axis=0) @ _random_motions(generator, world, VIEWS_PER_CLUSTER * clusters)
    colour, depth = zip(*(render(room, world, pose) for pose in poses))
    return np.stack(colour), np.stack(depth), poses


def render_pairs(world, split, clusters, progress=False):
    """Render `clusters` groups of 4 views and pair each view with the 3 others of its group, both ways.

    Returns the arrays of a pair file (see pairs.py): color (F, H, W, 3) uint8, depth (F, H, W) float32, pose_c2w
    (F, 4, 4), intrinsics (F, 4), pairs (12 clusters, 2) with F = 4 clusters. `split` names the rooms ("train", "test").
    """
    from tqdm import tqdm

    require("clusters", clusters, clusters >= 1, "at least 1")
    rooms = -(-clusters // CLUSTERS_PER_ROOM)
    counts = [min(CLUSTERS_PER_ROOM, clusters - i * CLUSTERS_PER_ROOM) for i in range(rooms)]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        work = pool.map(lambda i: _render_room(world, split, i, counts[i]), range(rooms))
        parts = list(tqdm(work, total=rooms, desc=f"rooms ({split})", unit="room", disable=None if progress else True))
    colour, depth, poses = (np.concatenate(part) for part in zip(*parts))
    return {"color": colour, "depth": depth, "pose_c2w": poses,
            "intrinsics": np.tile(world.intrinsics, (len(poses), 1)), "pairs": _cluster_pairs(clusters)}


def _cluster_pairs(clusters):
    view = np.arange(VIEWS_PER_CLUSTER)
    src, tgt = (a.ravel() for a in np.meshgrid(view, view, indexing="ij"))
    within = np.stack([src, tgt], axis=1)[src != tgt]
    return (within + VIEWS_PER_CLUSTER * np.arange(clusters)[:, None, None]).reshape(-1, 2).astype(np.int32)
