"""Rooms made of textured boxes, and the exact casting of rays in them.

A room is a box seen from inside; furniture is boxes seen from outside, standing on the floor, turned about the vertical.
World axes: x right, y down, z forward, metres, the floor's middle at the origin.
"""

from dataclasses import dataclass

import numpy as np

from pycaffe_geo.datasets.rooms_texture import SIZE, random_textures

TEXTURES = 12


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
    texture = generator.integers(TEXTURES, size=(count + 1, 6))
    metres = generator.uniform(2.1, 5.1, TEXTURES) * scale
    colours = np.zeros((TEXTURES, SIZE, SIZE, 4), np.uint8)
    colours[..., :3] = random_textures(generator, TEXTURES)
    return Room(
        centre=centre.astype(np.float32), half=half.astype(np.float32), turn=yaw_matrices(np.append(0, yaw)),
        texel0=(texture * SIZE * SIZE).astype(np.int32), density=(SIZE / metres).astype(np.float32)[texture],
        # the shift is large enough to keep every texel number positive: conversion to integers then rounds down
        shift=generator.uniform(100 * SIZE, 101 * SIZE, (count + 1, 6, 2)).astype(np.float32),
        gain=generator.uniform(0.6, 1.0, (count + 1, 6)).astype(np.float32), texels=colours.view(np.uint32).ravel())


def yaw_matrices(yaw):
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


def pixel_rays(camera, samples):
    """Return camera rays (3, samples^2 * H * W) float32 with z = 1, sub-sample by sub-sample."""
    fx, fy, cx, cy = camera.intrinsics
    offset = (np.arange(samples) + 0.5) / samples - 0.5
    x = (np.arange(camera.width) + offset[:, None] - cx) / fx
    y = (np.arange(camera.height) + offset[:, None] - cy) / fy
    rays = np.ones((3, samples, samples, camera.height, camera.width), np.float32)
    rays[0] = x[None, :, None, :]
    rays[1] = y[:, None, :, None]
    return rays.reshape(3, -1)


def render(room, camera, pose):
    """Render one view: colour (H, W, 3) uint8 RGB and depth (H, W) float32.

    camera has width, height, intrinsics and samples (rays per pixel along each axis); pose (4, 4) is camera to world.
    Colour is the mean over the samples^2 rays of a pixel; depth is the exact distance along the optical axis at the
    pixel's centre (no mean: it belongs to one surface).
    """
    turn, origin = pose[:3, :3].astype(np.float32), pose[:3, 3].astype(np.float32)
    colour = _colours(room, origin, turn @ pixel_rays(camera, camera.samples))
    colour = colour.reshape(camera.samples ** 2, camera.height, camera.width, 4).mean(axis=0)
    depth, _ = cast(room, origin, turn @ pixel_rays(camera, 1))  # rays have z = 1: their length is the depth
    return np.rint(colour[..., :3]).astype(np.uint8), depth.reshape(camera.height, camera.width)
