"""Streets of the procedural world: a road with kerbs, parked cars, walls, houses and trees, all of them textured boxes.

Axes as in rooms_raycast.py, the camera's lane at x = 0, looking along z. What a camera on a car sees: ground that comes nearer
down the picture, fronts that stand on it, and sky.
"""

import numpy as np

from pycaffe_geo.datasets.rooms_raycast import TEXTURES, Room, yaw_matrices
from pycaffe_geo.datasets.rooms_texture import SIZE, random_textures
from pycaffe_geo.geometry import se3

_FLOOR, _SKY = 3, 0  # the face below of a room; the texture of its other faces
_WIDTH, _START, _END, _HEIGHT = 60, -20, 130, 60  # metres
_SKY_METRES = 150  # size of its texture


def random_street(generator):
    """Draw a street as a Room, the sky being the room itself."""
    sky = [-_WIDTH, _WIDTH, 0, _HEIGHT, _START, _END, 0, 0]
    closing = generator.uniform(40, 110)
    high, turn, metres = generator.uniform([2, -0.3, 5], [10, 0.3, 20])
    end = [-_WIDTH, _WIDTH, 0, high, closing, closing + 5, turn, metres]
    left, right = _side(generator), _side(generator)
    left[:, :2] *= -1
    boxes = np.vstack([sky, end, left, right])
    middles = boxes[:, :6].reshape(-1, 3, 2).mean(axis=2)
    half = np.abs(boxes[:, 1:6:2] - middles)
    metres, texture, gain = _paint(generator, boxes[:, 7])
    return Room(
        centre=(middles * [1, -1, 1]).astype(np.float32), half=half.astype(np.float32), turn=yaw_matrices(boxes[:, 6]),
        texel0=(texture * SIZE * SIZE).astype(np.int32), density=(SIZE / metres).astype(np.float32),
        # as in rooms_raycast.py: large enough to keep every texel number positive
        shift=generator.uniform(100 * SIZE, 101 * SIZE, (len(boxes), 6, 2)).astype(np.float32),
        gain=gain.astype(np.float32), texels=_texels(generator))


def driver_pose(generator):
    """Draw a camera-to-world pose (4, 4) on a car: 1.5 to 1.8 m above the lane, ahead within a few degrees."""
    turn = generator.normal(0, [0.012, 0.05, 0.008])
    pose = se3.exp(np.hstack([turn, np.zeros(3)])[None])[0]
    pose[:3, 3] = generator.uniform([-0.3, -1.8, 0], [0.3, -1.5, 0])
    return pose


def driver_motion(generator, rotation, metres):
    """Draw a car's twist (6,) per frame: forward by 0.3 to 1 of `metres`, in a curve of at most `rotation` radians, and at most a
    tenth of both along and about the other axes."""
    low, high = np.array([[-0.1, -1, -0.1, -0.1, -0.1, 0.3], [0.1, 1, 0.1, 0.1, 0.1, 1]])
    return generator.uniform(low, high) * np.repeat([rotation, metres], 3)


def _side(generator):
    """Draw the boxes (n, 8) of the right side: metres from the lane (near, far), above ground (low, high) and along the street
    (start, end), the turn about the vertical in radians, and the size of the texture in metres."""
    edge, walk = generator.uniform([2.5, 0], [5, 3])
    wall = edge + walk
    cars, walls, houses, trees = generator.integers([0, 0, 2, 0], [5, 3, 6, 4])
    near = [np.maximum(edge + generator.uniform(-2.8, -0.3, cars), 1.3), np.full(walls, wall),
            wall + generator.uniform(0, 8) + generator.uniform(0, 3, houses)]
    deep = [np.full(cars, 1.7), generator.uniform(0.5, 3, walls), np.full(houses, 10)]
    high = [generator.uniform(1.3, 2, cars), generator.uniform(0.6, 3, walls), generator.uniform(3, 11, houses)]
    rows = [_row(generator, cars, (4, 30), (3.5, 5), (1.5, 10)), _row(generator, walls, (-5, 20), (5, 30), (1, 8)),
            _row(generator, houses, (-10, 25), (5, 20), (0, 12))]
    turns = [0.05, 0, 0.1]
    metres = [(1, 4), (1, 6), (3, 12)]
    standing = [np.column_stack([x, x + d, 0 * x, h, z, generator.uniform(-1, 1, len(x)) * t, generator.uniform(*m, len(x))])
                for x, d, h, z, t, m in zip(near, deep, high, rows, turns, metres)]
    kerb = [edge, _WIDTH, 0, generator.uniform(0.05, 0.2), _START, _END, 0, generator.uniform(2, 10)]
    return np.vstack([kerb, *standing, *_trees(generator, trees, edge)])


def _row(generator, count, start, length, gap):
    """Draw where (count, 2) things begin and end that follow each other; each of the others: a range in metres."""
    lengths, gaps = generator.uniform(*length, count), generator.uniform(*gap, count)
    ends = generator.uniform(*start) + np.cumsum(lengths + gaps) - gaps
    return np.stack([ends - lengths, ends], axis=1)


def _trees(generator, count, edge):
    """Draw the boxes of trunks and of the crowns that two of three carry."""
    x, z, thick, high = generator.uniform([edge + 0.3, 6, 0.1, 3], [edge + 4, 40, 0.5, 6], (count, 4)).T
    crown, turn = generator.uniform([1, 0], [2.5, 3], (count, 2)).T
    metres = generator.uniform([0.5, 1], [2, 4], (count, 2)).T
    trunks = np.column_stack([x - thick / 2, x + thick / 2, 0 * x, high, z - thick / 2, z + thick / 2, 0 * x, metres[0]])
    crowns = np.column_stack([x - crown, x + crown, high, high + 2 * crown, z - crown, z + crown, turn, metres[1]])
    return trunks, crowns[generator.random(count) < 2 / 3]


def _paint(generator, metres):
    """Draw for each face (B, 6) of boxes with textures of size `metres` (B,): that size, a texture and a brightness."""
    count = len(metres)
    size, texture = (np.repeat(values[:, None], 6, axis=1) for values in (metres, generator.integers(1, TEXTURES, count)))
    gain = generator.uniform(0.25, 1.2, (count, 1)) * generator.uniform(0.6, 1, (count, 6))
    road = generator.uniform(4, 20), texture[0, 0], generator.uniform(0.4, 1.4)
    for values, in_sky, on_road in zip((size, texture, gain), (_SKY_METRES, _SKY, 1), road):
        values[0], values[0, _FLOOR] = in_sky, on_road
    return size, texture, np.minimum(gain, 1)


def _texels(generator):
    """Draw the textures: rooms' in fewer colours and of different contrast, the first a bright sky."""
    colours = random_textures(generator, TEXTURES).astype(np.float32)
    grey = colours.mean(axis=3, keepdims=True)
    colours = grey + (colours - grey) * generator.uniform(0.1, 0.5, (TEXTURES, 1, 1, 1))
    mean = colours.mean(axis=(1, 2), keepdims=True)
    colours = mean + (colours - mean) * generator.uniform(0.3, 1.2, (TEXTURES, 1, 1, 1))
    cloud = (colours[_SKY] - mean[_SKY]) * generator.uniform(0, 0.3)
    colours[_SKY] = 235 + cloud - generator.uniform(0, 120) * np.array([1, 0.6, 0])
    texels = np.zeros((TEXTURES, SIZE, SIZE, 4), np.uint8)
    texels[..., :3] = np.clip(colours, 0, 255)
    return texels.view(np.uint32).ravel()
