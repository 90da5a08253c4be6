"""Measures of a plane that moves by whole pixels, where everything is known in closed form."""

import numpy as np
import pytest

from pycaffe_geo.datasets.measure import measure_pairs, warp_pairs

HEIGHT, WIDTH, FOCAL, DEPTH = 4, 6, 20.0, 2.0


@pytest.fixture
def batch():
    """A plane 2 m away; the camera of src stands one pixel's worth to the left of tgt's: tgt(x) = src(x + 1)."""
    rng = np.random.default_rng(0)
    wide = rng.integers(0, 255, (2, 3, HEIGHT, WIDTH + 1)).astype(np.float32)
    pose = np.tile(np.eye(4), (2, 1, 1, 1))
    pose[:, 0, 0, 3] = DEPTH / FOCAL
    depth = np.full((2, 1, HEIGHT, WIDTH), DEPTH, np.float32)
    depth[1, 0, 0, 0] = 0
    return {"src": wide[..., :-1], "tgt": wide[..., 1:], "depth": depth, "pose": pose,
            "intrinsics": np.tile([FOCAL, FOCAL, 2.5, 1.5], (2, 1)).reshape(2, 4, 1, 1)}


def test_the_warp_shifts_src_onto_tgt(batch):
    warped, seen, flow = warp_pairs(batch)
    expected = np.ones((2, HEIGHT, WIDTH), bool)
    expected[:, :, -1] = expected[1, 0, 0] = False
    np.testing.assert_array_equal(seen, expected)
    np.testing.assert_allclose(flow[0, 0], 1, atol=1e-5)
    np.testing.assert_allclose(warped, np.where(expected[:, None], batch["tgt"], 0), atol=1e-2)


def test_measures_in_closed_form(batch):
    m = measure_pairs(batch)
    np.testing.assert_allclose(m["rotation"], 0)
    np.testing.assert_allclose(m["translation"], [[0.1, 0, 0]] * 2)
    np.testing.assert_allclose(m["depth"], 2)
    np.testing.assert_allclose(m["no_depth"], [0, 1 / 24])
    np.testing.assert_allclose(m["seen"], [20 / 24, 19 / 24])
    np.testing.assert_allclose(m["flow"], 1, rtol=1e-5)
    assert m["warped"].max() < 1e-2
    src, tgt = batch["src"][0], batch["tgt"][0]
    np.testing.assert_allclose(m["unwarped"][0], np.abs(src - tgt)[..., :-1].mean(), rtol=1e-5)
    np.testing.assert_allclose(m["wrong"][0], np.abs(src[..., :-1] - tgt[..., 1:]).mean(), rtol=1e-4)


def test_rotation_is_in_degrees(batch):
    c, s = np.cos(0.2), np.sin(0.2)
    batch["pose"][1, 0, :3, :3] = [[c, 0, s], [0, 1, 0], [-s, 0, c]]
    np.testing.assert_allclose(measure_pairs(batch)["rotation"][1], [0, np.degrees(0.2), 0], atol=1e-9)


def test_what_nobody_sees_is_nan(batch):
    m = measure_pairs({**batch, "depth": np.zeros_like(batch["depth"])})
    assert all(np.isnan(m[name]).all() for name in ("flow", "unwarped", "warped", "wrong", "depth"))
    assert (m["seen"] == 0).all() and (m["no_depth"] == 1).all()
