"""The ray caster against a loop over faces; supersampling against a larger picture."""

import math

import numpy as np
import pytest

from pycaffe_geo.backend import CPU
from pycaffe_geo.datasets.rooms import World, views
from pycaffe_geo.datasets.rooms_raycast import cast, random_room, render
from pycaffe_geo.datasets.rooms_texture import SIZE, _noise, random_textures


def face_by_face(room, origin, ray):
    """Nearest hit of one ray over all faces of all boxes in float64: distance, box, face, texture metres (loop oracle)."""
    best = (math.inf, None, None, None)
    for k in range(len(room.half)):
        axes, half = room.turn[k].astype(float), room.half[k].astype(float)
        for axis in range(3):
            for side in (0, 1):
                normal = axes[axis]
                plane = room.centre[k] + normal * half[axis] * (1 if side else -1)
                slope = normal @ ray
                t = normal @ (plane - origin) / slope if slope else math.inf
                place = axes @ (origin + t * ray - room.centre[k]) if math.isfinite(t) else None
                others = [a for a in range(3) if a != axis]
                if 0 < t < best[0] and all(abs(place[a]) <= half[a] for a in others):
                    best = (t, k, 2 * axis + side, (place[(axis + 1) % 3], place[(axis + 2) % 3]))
    return best


def test_depth_and_colour_match_a_loop_over_faces():
    world = World(width=12, height=9, fov_deg=80, samples=1)
    generator = CPU.generator("oracle oracle")
    room = random_room(generator)
    pose = views(generator, room, world, 1)[0]
    color, depth = render(room, world, pose)
    fx, fy, cx, cy = world.intrinsics
    boxes, same_color = set(), 0
    for v in range(world.height):
        for u in range(world.width):
            ray = pose[:3, :3] @ [(u - cx) / fx, (v - cy) / fy, 1]
            t, k, face, metres = face_by_face(room, pose[:3, 3], ray)
            assert depth[v, u] == pytest.approx(t, rel=1e-5)
            column, row = ((m * room.density[k, face] + room.shift[k, face, i]) % SIZE for i, m in enumerate(metres))
            texel = room.texels.view(np.uint8).reshape(-1, SIZE, SIZE, 4)
            texture = texel[room.texel0[k, face] // SIZE ** 2]
            expected = np.rint(texture[int(row) % SIZE, int(column) % SIZE, :3] * room.gain[k, face])
            same_color += np.array_equal(color[v, u], expected)
            boxes.add(k)
    assert len(boxes) >= 3
    assert same_color >= 0.97 * depth.size  # float32 may round into the neighbouring texel


def test_a_ray_along_an_axis_hits_exactly():
    room = random_room(CPU.generator("axis"))
    origin = np.array([0, -room.half[0, 1] * 1.99, 0], np.float32)  # just under the ceiling, above the furniture
    rays = np.array([[1, 0, 0], [-1, 0, 0], [0, 0, 1], [0, 0, -1]], np.float32).T
    distance, box = cast(room, origin, rays)
    np.testing.assert_allclose(distance, room.half[0, [0, 0, 2, 2]], rtol=1e-5)
    assert not box.any()


def test_supersampling_is_the_area_mean_of_a_larger_picture():
    small, large = World(width=20, height=16, fov_deg=90, samples=4), World(width=80, height=64, fov_deg=90, samples=1)
    room = random_room(CPU.generator("area"))
    pose = views(CPU.generator("view"), room, small, 1)[0]
    mean = render(room, large, pose)[0].reshape(16, 4, 20, 4, 3).mean(axis=(1, 3))
    difference = np.abs(render(room, small, pose)[0] - mean)
    assert difference.mean() < 0.5  # each large pixel was rounded to whole numbers


def test_textures_tile_and_have_strong_low_octaves():
    noise = _noise(CPU.generator("noise"), 6)
    for axis in (1, 2):
        assert np.abs(noise - np.roll(noise, 1, axis)).max() < 0.3  # of values around +-1; the seam included
    textures = random_textures(CPU.generator("textures"), 6).astype(float)
    coarse = textures.reshape(6, 8, SIZE // 8, 8, SIZE // 8, 3).mean(axis=(2, 4))
    assert coarse.std(axis=(1, 2)).mean() > 15  # grey levels that an eighth-size picture still shows
    assert np.abs(textures[0] - textures[1]).mean() > 10
