"""Trajectory errors: loops that follow the definitions, recovered alignments, hand-made cases, published values on real data.

Real data: ../shared/data seen from the project's root; its tests skip where that is missing.
"""

from pathlib import Path

import numpy as np
import pytest

from pycaffe_geo.datasets.trajectory import matched, read_kitti, read_tum_trajectory
from pycaffe_geo.errors import DataError
from pycaffe_geo.geometry import se3
from pycaffe_geo.metrics import trajectory

REAL = Path(__file__).resolve().parents[3] / "shared" / "data" / "trajectories" / "evo"
real_data = pytest.mark.skipif(not REAL.is_dir(), reason="../shared/data/trajectories is not here")


def drive(frames, metres, seed=0, noise=0.02):
    """Return (truth, estimate): a winding drive of `metres` per frame, and the same with noise on every motion."""
    random = np.random.default_rng(seed)
    twists = np.zeros((frames - 1, 6))
    twists[:, 1] = 0.02 * np.sin(np.arange(frames - 1) / 20)
    twists[:, 5] = metres * random.uniform(0.5, 1.5, frames - 1)
    noisy = twists + noise * np.array([0.01, 0.01, 0.01, 1, 1, 1]) * random.standard_normal(twists.shape)
    return tuple(trajectory.chain(se3.exp(t)) for t in (twists, noisy))


def angle(R):
    """Return the angle of a rotation in degrees, as KITTI's program computes it."""
    return np.degrees(np.arccos(np.clip((np.trace(R) - 1) / 2, -1, 1)))


def similarity(seed=1, scale=1.0):
    T = se3.exp(np.random.default_rng(seed).uniform(-1, 1, (1, 6)))[0]
    return T[:3, :3], scale, T[:3, 3]


def moved(poses, R, scale, t):
    result = poses.copy()
    result[:, :3, :3] = R @ poses[:, :3, :3]
    result[:, :3, 3] = scale * poses[:, :3, 3] @ R.T + t
    return result


@pytest.mark.parametrize("frames", [1, 2, 3, 8, 37])
def test_chain_multiplies_the_motions(frames):
    steps = se3.exp(np.random.default_rng(frames).uniform(-1, 1, (frames - 1, 6)))
    poses, expected = trajectory.chain(steps), np.eye(4)
    for pose, step in zip(poses, [*steps, np.eye(4)]):
        np.testing.assert_allclose(pose, expected, atol=1e-12)
        expected = expected @ step
    assert len(poses) == frames
    if frames > 1:
        np.testing.assert_allclose(trajectory.motions(poses), steps, atol=1e-12)


@pytest.mark.parametrize("mode, scale", [("se3", 1.0), ("sim3", 0.3), ("sim3", 7.0)])
def test_alignment_finds_the_similarity(mode, scale):
    truth = drive(50, 1.0)[0]
    R, s, t = similarity(scale=scale)
    aligned, found = trajectory.align(moved(truth, R, 1 / s, t), truth, mode)
    np.testing.assert_allclose(aligned, truth, atol=1e-10)
    assert found == pytest.approx(scale)


def test_alignment_is_the_least_squares_one():
    Rotation = pytest.importorskip("scipy.spatial.transform").Rotation
    points, targets = np.random.default_rng(3).standard_normal((2, 20, 3))
    p, q = points - points.mean(axis=0), targets - targets.mean(axis=0)
    expected = Rotation.align_vectors(q, p)[0].as_matrix()
    scale, R, t = trajectory.umeyama(points, targets, True)
    np.testing.assert_allclose(R, expected, atol=1e-7)
    assert scale == pytest.approx((q * (p @ R.T)).sum() / (p**2).sum())  # the zero of the derivative
    np.testing.assert_allclose(t, targets.mean(axis=0) - scale * R @ points.mean(axis=0))


def test_alignment_never_mirrors():
    truth = drive(30, 1.0)[0]
    truth[:, 1, 3] = np.random.default_rng(0).standard_normal(30)
    mirrored = truth[:, :3, 3] * [1, -1, 1]
    assert np.linalg.det(trajectory.umeyama(mirrored, truth[:, :3, 3], True)[1]) == pytest.approx(1)


@pytest.mark.parametrize("points", [np.zeros((4, 3)), np.arange(12.0).reshape(4, 3)], ids=["one place", "a straight line"])
def test_alignment_where_the_rotation_is_not_determined(points):
    truth = np.tile(np.eye(4), (4, 1, 1))
    truth[:, :3, 3] = points + 5
    estimate = truth.copy()
    estimate[:, :3, 3] = points[:, ::-1]
    np.testing.assert_allclose(trajectory.align(estimate, truth, "se3")[0][:, :3, 3], truth[:, :3, 3], atol=1e-12)


def test_what_stands_still_has_no_scale():
    moving, still = drive(7, 1.0)[0], np.tile(np.eye(4), (7, 1, 1))
    still[:, :3, 3] = 0.1, 0.2, 0.7  # their mean is another number in floating point
    for estimate, truth, name in ((still, moving, "estimate"), (moving, still, "ground truth")):
        with pytest.raises(DataError, match=f"the {name} does not move: no scale aligns the two"):
            trajectory.align(estimate, truth, "sim3")


def test_errors_by_hand():
    truth = np.tile(np.eye(4), (3, 1, 1))
    estimate = truth.copy()
    truth[:, 2, 3] = [0, 1, 2]
    estimate[:, 2, 3] = [0, 1, 5]
    summary, aligned = trajectory.trajectory_errors(estimate, truth, "none")
    assert aligned is estimate
    assert summary == {
        "ate_rmse": pytest.approx((9 / 3)**0.5), "scale": 1, "rpe_trans_rmse": pytest.approx((9 / 2)**0.5),
        "rpe_rot_rmse_deg": 0, "t_err_percent": None, "r_err_deg_per_100m": None}
    assert trajectory.trajectory_errors(estimate, truth, "none", delta=3)[0]["rpe_trans_rmse"] is None


@pytest.mark.parametrize("delta", [1, 4])
def test_relative_errors_against_a_loop(delta):
    truth, estimate = drive(20, 1.0, noise=0.5)
    shifts, turns = trajectory.relative_errors(estimate, truth, delta)
    assert len(shifts) == 20 - delta
    for i in range(20 - delta):
        inverse = np.linalg.inv
        error = inverse(inverse(truth[i]) @ truth[i + delta]) @ (inverse(estimate[i]) @ estimate[i + delta])
        assert shifts[i] == pytest.approx(np.linalg.norm(error[:3, 3]), abs=1e-10)
        assert turns[i] == pytest.approx(angle(error[:3, :3]), abs=1e-5)


def test_segments_against_a_loop():
    truth, estimate = drive(430, 1.2)
    way = [0.0]
    for a, b in zip(truth, truth[1:]):
        way.append(way[-1] + np.linalg.norm(b[:3, 3] - a[:3, 3]))
    expected = []
    for first in range(0, 430, 10):
        for metres in range(100, 900, 100):
            last = next((i for i in range(first, 430) if way[i] > way[first] + metres), None)
            if last is not None:
                found, wanted = (np.linalg.inv(poses[first]) @ poses[last] for poses in (estimate, truth))
                error = np.linalg.inv(found) @ wanted
                expected.append((first, metres, 100 * np.linalg.norm(error[:3, 3]) / metres, 100 * angle(error[:3, :3]) / metres))
    assert {row[1] for row in expected} == {100, 200, 300, 400, 500}
    np.testing.assert_allclose(trajectory.segment_errors(estimate, truth), expected, atol=1e-6)
    summary = trajectory.trajectory_errors(estimate, truth)[0]
    assert summary["t_err_percent"] == pytest.approx(np.mean([row[2] for row in expected]))
    assert summary["r_err_deg_per_100m"] == pytest.approx(np.mean([row[3] for row in expected]), abs=1e-6)


def test_segment_errors_of_a_scale_by_hand():
    truth = np.tile(np.eye(4), (150, 1, 1))
    truth[:, 2, 3] = np.arange(150)
    estimate = truth.copy()
    estimate[:, 2, 3] *= 1.1
    rows = trajectory.segment_errors(estimate, truth)
    np.testing.assert_array_equal(rows[:, 0], [0, 10, 20, 30, 40])  # the way must be longer than 100 m: 101 frames on
    np.testing.assert_allclose(rows[:, 2:], [[10.1, 0]] * 5, atol=1e-10)  # 10 % of 101 m, over the nominal 100 m


def test_snippets_of_five_frames_against_a_loop():
    truth, estimate = drive(30, 1.0, noise=0.3)
    errors = []
    for i in range(26):
        q, p = ([(np.linalg.inv(poses[i]) @ poses[i + k])[:3, 3] for k in range(5)] for poses in (truth, estimate))
        scale = sum(a @ b for a, b in zip(p, q)) / sum(a @ a for a in p)
        errors.append(sum(((scale * a - b) ** 2).sum() for a, b in zip(p, q)) ** 0.5 / 5)
    assert trajectory.ate_5_frame(estimate, truth) == (pytest.approx(np.mean(errors)), pytest.approx(np.std(errors)))


def test_snippets_by_hand():
    still = np.tile(np.eye(4), (6, 1, 1))
    truth = still.copy()
    truth[:, 2, 3] = np.arange(6)
    assert trajectory.ate_5_frame(still, truth) == (pytest.approx(30**0.5 / 5), 0)  # 1 + 4 + 9 + 16
    assert trajectory.ate_5_frame(still[:4], truth[:4]) == (None, None)


def test_snippets_do_not_see_a_scale_or_a_world():
    truth = drive(12, 1.0)[0]
    assert trajectory.ate_5_frame(moved(truth, *similarity(scale=3.0)), truth)[0] == pytest.approx(0, abs=1e-12)


@real_data
def test_published_errors_of_kitti_00():
    truth, estimate = read_kitti(REAL / "KITTI_00_gt.txt"), read_kitti(REAL / "KITTI_00_ORB.txt")
    summary = trajectory.trajectory_errors(estimate, truth)[0]
    assert summary["ate_rmse"] == pytest.approx(1.3034497, abs=1e-6)
    assert summary["rpe_trans_rmse"] == pytest.approx(0.028120, abs=1e-6)
    assert summary["rpe_rot_rmse_deg"] == pytest.approx(0.114974, abs=1e-6)


@real_data
def test_published_errors_of_fr2_desk():
    times, truth = read_tum_trajectory(REAL / "fr2_desk_groundtruth.txt")
    own_times, estimate = read_tum_trajectory(REAL / "fr2_desk_ORB.txt")
    i, j = matched(own_times, times)
    summary = trajectory.trajectory_errors(estimate[i], truth[j])[0]
    assert len(i) == 2174
    assert summary["ate_rmse"] == pytest.approx(0.008119, abs=1e-6)
    assert summary["rpe_trans_rmse"] == pytest.approx(0.003490, abs=1e-6)
