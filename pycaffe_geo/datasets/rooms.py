"""The procedural RGB-D world: textured rooms with furniture-like boxes, ray-cast exactly.

A room is a box seen from inside; furniture is boxes seen from outside, standing on the floor, turned about the vertical.
World axes: x right, y down, z forward, metres, floor at y = 0. Every room is drawn from (seed, split, number) alone, so any
room can be rendered alone and the rooms of two splits never agree.
"""

import math
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from tqdm import tqdm

from pycaffe_geo.backend import CPU
from pycaffe_geo.datasets.rooms_texture import SIZE, random_textures
from pycaffe_geo.errors import DataError

VIEWS_PER_CLUSTER = 4
CLUSTERS_PER_ROOM = 3
_TEXTURES = 12
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
            _require(name, getattr(self, name), getattr(self, name) >= 1, "at least 1")
        if self.fov_deg is not None:
            _require("fov_deg", self.fov_deg, 0 < self.fov_deg < 170, "between 0 and 170 degrees")
        for name in ("fx", "fy"):
            _require(name, getattr(self, name), getattr(self, name) != 0, "not 0")
        _require("rotation_deg", self.rotation_deg, 0 <= self.rotation_deg <= 90, "between 0 and 90 degrees")
        _require("translation_m", self.translation_m, 0 <= self.translation_m, "not negative")
        good = len(self.depth_range) == 2 and 0 < 2 * self.depth_range[0] < self.depth_range[1]
        _require("depth_range", self.depth_range, good, "two numbers (near, far) of metres with 0 < 2 near < far")

    @property
    def intrinsics(self):
        """fx, fy, cx, cy in pixels, float64 (4,)."""
        fov = math.radians(self.fov_deg or _DEFAULT_FOV)
        fx = self.fx or 0.5 * self.width / math.tan(0.5 * fov)
        cx = 0.5 * (self.width - 1) if self.cx is None else self.cx
        cy = 0.5 * (self.height - 1) if self.cy is None else self.cy
        return np.array([fx, self.fy or fx, cx, cy], float)


def _require(name, value, good, expected):
    if not good:
        raise DataError(f"world: {name} is {value}, expected {expected}")


@dataclass(frozen=True)
class Room:
    """Boxes, the first of them the room itself, and what is painted on their faces.

    centre, half: (B, 3) metres; turn: (B, 3, 3) float32, world -> box axes. Faces are numbered 2 axis + (positive side).
    texel0: (B, 6) index of the face's texture in `texels`; density: (B, 6) texels per metre; shift: (B, 6, 2) texels;
    gain: (B, 6) brightness. texels: (TEXTURES * SIZE * SIZE,) uint32, the bytes R, G, B, 0.
    """

    centre: np.ndarray
    half: np.ndarray
    turn: np.ndarray
    texel0: np.ndarray
    density: np.ndarray
    shift: np.ndarray
    gain: np.ndarray
    texels: np.ndarray


def random_room(generator, scale=1.0):
    """Draw a room of 3-6 x 3-6 x 2.3-3 m (times `scale`) with 4 to 8 boxes of 0.3 to 1.9 m."""
    length, depth, height = generator.uniform([3, 3, 2.3], [6, 6, 3.0])
    count = generator.integers(4, 9)
    half = 0.5 * generator.uniform([0.3, 0.3, 0.3], [1.9, 1.5, 1.9], (count, 3))
    free = np.array([length, height, depth]) / 2 - half
    centre = generator.uniform(-1, 1, (count, 3)) * np.maximum(free, 0)
    centre[:, 1] = -half[:, 1]
    yaw = generator.uniform(0, np.pi, count)
    at_wall = generator.random(count) < 0.6
    yaw[at_wall] = 0
    axis, side = generator.choice([0, 2], count), generator.choice([-1, 1], count)
    rows = np.flatnonzero(at_wall)
    centre[rows, axis[rows]] = side[rows] * free[rows, axis[rows]]

    centre = np.vstack([[0, -height / 2, 0], centre]) * scale
    half = np.vstack([[length / 2, height / 2, depth / 2], half]) * scale
    texture = generator.integers(_TEXTURES, size=(count + 1, 6))
    metres = generator.uniform(2.1, 5.1, _TEXTURES) * scale
    colours = np.zeros((_TEXTURES, SIZE, SIZE, 4), np.uint8)
    colours[..., :3] = random_textures(generator, _TEXTURES)
    return Room(
        centre=centre.astype(np.float32), half=half.astype(np.float32), turn=_yaw_matrices(np.append(0, yaw)),
        texel0=(texture * SIZE * SIZE).astype(np.int32), density=(SIZE / metres).astype(np.float32)[texture],
        # the shift is large enough to keep every texel number positive: conversion to integers then rounds down
        shift=generator.uniform(100 * SIZE, 101 * SIZE, (count + 1, 6, 2)).astype(np.float32),
        gain=generator.uniform(0.6, 1.0, (count + 1, 6)).astype(np.float32), texels=colours.view(np.uint32).ravel())


def _yaw_matrices(yaw):
    turn = np.zeros((len(yaw), 3, 3), np.float32)
    turn[:, 0, 0] = turn[:, 2, 2] = np.cos(yaw)
    turn[:, 0, 2], turn[:, 2, 0] = -np.sin(yaw), np.sin(yaw)
    turn[:, 1, 1] = 1
    return turn


def cast(room, origin, rays):
    """Return where rays end: distance (n,) in units of each ray's length, and box (n,) int8.

    origin (3,) and rays (3, n) float32 in world axes. Slab test: inside a box lies the part of a ray between its latest
    entry and its earliest exit over the three pairs of planes (Kay and Kajiya 1986). The origin must be in the room and
    outside the other boxes.
    """
    distance, box = None, np.zeros(rays.shape[1], np.int8)
    for k, half in enumerate(room.half):
        start = room.turn[k] @ (origin - room.centre[k])
        inverse = room.turn[k] @ rays
        inverse += np.float32(1e-12)  # a ray in the plane of a face: 1 / 0 would give inf - inf
        np.divide(np.float32(1), inverse, out=inverse)
        middle = inverse * -start[:, None]
        reach = np.abs(inverse, out=inverse)
        reach *= half[:, None]
        leave = (middle + reach).min(axis=0)
        if k == 0:
            distance = leave
            continue
        enter = np.subtract(middle, reach, out=middle).max(axis=0)
        hit = np.flatnonzero((enter > 0) & (enter < np.minimum(leave, distance)))
        distance[hit] = enter[hit]
        box[hit] = k
    return distance, box


def _colours(room, origin, rays):
    """Return the colours (n, 4) float32 that rays (3, n) meet; channels R, G, B and an unused one."""
    distance, box = cast(room, origin, rays)
    colour = np.empty((rays.shape[1], 4), np.float32)
    for k in range(len(room.half)):
        mine = np.flatnonzero(box == k)
        if len(mine):
            points = room.turn[k] @ (rays[:, mine] * distance[mine] + (origin - room.centre[k])[:, None])
            colour[mine] = _paint(room, k, points)
    return colour


def _paint(room, k, points):
    """Return the colours (n, 4) at `points` (3, n) on box k, in its axes."""
    axis = np.abs(points / room.half[k][:, None]).argmax(axis=0)
    column = np.arange(len(axis))
    face = 2 * axis + (points[axis, column] > 0)
    density, shift = room.density[k][face], room.shift[k][face]
    u = (points[(axis + 1) % 3, column] * density + shift[:, 0]).astype(np.int32) % SIZE
    v = (points[(axis + 2) % 3, column] * density + shift[:, 1]).astype(np.int32) % SIZE
    bytes_ = room.texels[room.texel0[k][face] + v * SIZE + u].view(np.uint8).reshape(-1, 4)
    return bytes_ * room.gain[k][face][:, None]


def pixel_rays(world, samples):
    """Return camera rays (3, samples^2 * H * W) float32 with z = 1, sub-sample by sub-sample."""
    fx, fy, cx, cy = world.intrinsics
    offset = (np.arange(samples) + 0.5) / samples - 0.5
    x = (np.arange(world.width) + offset[:, None] - cx) / fx
    y = (np.arange(world.height) + offset[:, None] - cy) / fy
    shape = samples, samples, world.height, world.width
    rays = np.ones((3,) + shape, np.float32)
    rays[0] = x[None, :, None, :]
    rays[1] = y[:, None, :, None]
    return rays.reshape(3, -1)


def render(room, world, pose):
    """Render one view: colour (H, W, 3) uint8 RGB and depth (H, W) float32.

    pose (4, 4) is camera to world. Colour is the mean over samples^2 rays of a pixel; depth is the exact distance along the
    optical axis at the pixel's centre (not a mean: it belongs to one surface).
    """
    turn, origin = pose[:3, :3].astype(np.float32), pose[:3, 3].astype(np.float32)
    colour = _colours(room, origin, turn @ pixel_rays(world, world.samples))
    colour = colour.reshape(world.samples ** 2, world.height, world.width, 4).mean(axis=0)
    depth, _ = cast(room, origin, turn @ pixel_rays(world, 1))  # rays have z = 1: their length is the depth
    return np.rint(colour[..., :3]).astype(np.uint8), depth.reshape(world.height, world.width)


def _views(generator, room, world, count):
    """Return up to `count` camera-to-world poses that see a good part of the room."""
    size, near, far = 2 * room.half[0], *world.depth_range
    margin = 0.5 * near + 0.5 * world.translation_m
    coarse = World(width=10, height=8, fx=world.intrinsics[0] * 10 / world.width,
                   fy=world.intrinsics[1] * 8 / world.height)
    rays = pixel_rays(coarse, 1)
    views = []
    for _ in range(_TRIES):
        position = (generator.uniform(-0.5, 0.5, 3) * np.maximum(size - 2 * margin, 0) + room.centre[0]).astype(np.float32)
        target = generator.uniform(-0.3, 0.3, 3) * size + room.centre[0]
        pose = look_at(position, target, roll=generator.uniform(-0.15, 0.15))
        if _inside_furniture(room, position, margin):
            continue
        depth, _ = cast(room, position, pose[:3, :3].astype(np.float32) @ rays)
        if np.quantile(depth, 0.05) >= near and 2 * near <= np.median(depth) <= far:
            views.append(pose)
        if len(views) == count:
            break
    return views


def _inside_furniture(room, position, margin):
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


def _random_motion(generator, world):
    """Draw a motion (4, 4) with rotation vector and translation uniform in balls of half the world's ranges.

    Two such motions from one base pose differ by at most the whole range.
    """
    motion = np.eye(4)
    motion[:3, :3] = _rotation(_in_ball(generator, 0.5 * math.radians(world.rotation_deg)))
    motion[:3, 3] = _in_ball(generator, 0.5 * world.translation_m)
    return motion


def _in_ball(generator, radius):
    direction = generator.normal(size=3)
    return direction / np.linalg.norm(direction) * radius * generator.random() ** (1 / 3)


def _rotation(vector):
    """Rodrigues' formula in float64 for one rotation vector (radians)."""
    angle = np.linalg.norm(vector)
    if angle < 1e-12:
        return np.eye(3)
    x, y, z = vector / angle
    k = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.eye(3) + math.sin(angle) * k + (1 - math.cos(angle)) * k @ k


def _render_room(world, split, number, clusters):
    """Return colour, depth and poses of all views of room `number`."""
    generator = CPU.generator(world.seed, "room", split, number)
    for _ in range(_TRIES):
        room = random_room(generator, scale=world.depth_range[1] / 4.5)
        views = _views(generator, room, world, clusters)
        if len(views) == clusters:
            break
    else:
        raise DataError(f"world: no view fits depth_range {world.depth_range} with a camera of fx, fy, cx, cy = "
                        f"{world.intrinsics.round(2).tolist()} at {world.width}x{world.height}; widen depth_range")
    poses = np.stack([view @ _random_motion(generator, world) for view in views for _ in range(VIEWS_PER_CLUSTER)])
    colour, depth = zip(*(render(room, world, pose) for pose in poses))
    return np.stack(colour), np.stack(depth), poses


def render_pairs(world, split, clusters, progress=False):
    """Render `clusters` groups of 4 views and pair each view with the 3 others of its group, both ways.

    Returns the arrays of a pair file (see pairs.py): color (F, H, W, 3) uint8, depth (F, H, W) float32, pose_c2w
    (F, 4, 4), intrinsics (F, 4), pairs (12 clusters, 2) with F = 4 clusters. `split` names the rooms ("train", "test").
    """
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
