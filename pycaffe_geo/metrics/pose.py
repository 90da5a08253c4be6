"""Errors of relative motions: rotation, translation and its direction, and the baselines they are held against."""

import math

import numpy as np

from pycaffe_geo.geometry import se3


def rotation_error(predicted, truth):
    """Return the angle (N,) in degrees of R_predicted^T R_truth, for transforms (N, 4, 4)."""
    residual = predicted[:, :3, :3].transpose(0, 2, 1) @ truth[:, :3, :3]
    skew = residual - residual.transpose(0, 2, 1)
    sine = 0.5 * np.sqrt(skew[:, 2, 1] ** 2 + skew[:, 0, 2] ** 2 + skew[:, 1, 0] ** 2)
    cosine = 0.5 * (np.trace(residual, axis1=1, axis2=2) - 1)
    return np.degrees(np.arctan2(sine, cosine))


def translation_error(predicted, truth):
    """Return |t_predicted - t_truth| (N,) in the transforms' unit, metres."""
    return np.linalg.norm(predicted[:, :3, 3] - truth[:, :3, 3], axis=1)


def direction_error(predicted, truth):
    """Return the angle (N,) in degrees between the translations; 90 where either is zero, which points nowhere."""
    a, b = predicted[:, :3, 3], truth[:, :3, 3]
    sine = np.linalg.norm(np.cross(a, b), axis=1)
    cosine = (a * b).sum(axis=1)
    return np.where((sine == 0) & (cosine == 0), 90.0, np.degrees(np.arctan2(sine, cosine)))


def fit_scale(predicted, truth):
    """Return transforms (N, 4, 4) as `predicted`, their translations times the one factor that brings them nearest to `truth`'s
    in the sense of least squares: sum t p / sum p^2, at least 0."""
    p, t = predicted[:, :3, 3], truth[:, :3, 3]
    size = (p * p).sum()
    scaled = predicted.copy()
    scaled[:, :3, 3] *= max((p * t).sum() / size, 0) if size else 0
    return scaled


def mean_motion(transforms):
    """Return the exponential (4, 4) of the mean twist of transforms (N, 4, 4)."""
    return se3.exp(se3.log(transforms).mean(axis=0, keepdims=True))[0]


def pose_table(predicted, truth):
    """Return rows {"": name, rotation_deg, translation_m, direction_deg} of mean errors: prediction, identity and mean motion.

    predicted, truth: (N, 4, 4). The mean motion is that of `truth` itself, the best constant guess in this sense.
    """
    predicted, truth = (np.asarray(t, np.float64).reshape(-1, 4, 4) for t in (predicted, truth))
    guesses = {
        "prediction": predicted,
        "identity": np.broadcast_to(np.eye(4), truth.shape),
        "mean motion": np.broadcast_to(mean_motion(truth), truth.shape),
    }
    return [
        {
            "": name,
            "rotation_deg": float(rotation_error(guess, truth).mean()),
            "translation_m": float(translation_error(guess, truth).mean()),
            "direction_deg": float(direction_error(guess, truth).mean()),
        }
        for name, guess in guesses.items()
    ]


def baseline_ratios(rows):
    """Return prediction / better baseline of `pose_table` rows: {"rotation": r, "translation": t}; infinite where that is 0."""
    by_name = {row[""]: row for row in rows}

    def ratio(key):
        better = min(by_name["identity"][key], by_name["mean motion"][key])
        return by_name["prediction"][key] / better if better else math.inf

    return {"rotation": ratio("rotation_deg"), "translation": ratio("translation_m")}
