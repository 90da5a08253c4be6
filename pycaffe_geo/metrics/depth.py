"""Errors of predicted depth as the field reports them, with its masks, crops and scaling.

Eigen, Puhrsch and Fergus 2014 set the errors and the 697 KITTI images; Garg et al. 2016 the crop most papers use. All errors are
taken over the valid pixels of one image, then averaged over the images: `mean_errors`.
"""

import numpy as np

from pycaffe_geo.errors import DataError, listed, nearest

# (top, bottom, left, right) as fractions of height and width; bounds are rounded down, the last row and column are out.
CROPS = {
    "garg": (0.40810811, 0.99189189, 0.03594771, 0.96405229),
    "eigen": (0.3324324, 0.91351351, 0.0359477, 0.96405229),
    "nyu": (45 / 480, 471 / 480, 41 / 640, 601 / 640),
    "none": (0, 1, 0, 1),
}


def abs_rel(predicted, truth):
    """Return mean(|p - t| / t) of depths (n,)."""
    return (np.abs(predicted - truth) / truth).mean()


def sq_rel(predicted, truth):
    """Return mean((p - t)^2 / t) of depths (n,), in metres."""
    return ((predicted - truth) ** 2 / truth).mean()


def rmse(predicted, truth):
    """Return sqrt(mean((p - t)^2)) of depths (n,), in metres."""
    return np.sqrt(((predicted - truth) ** 2).mean())


def rmse_log(predicted, truth):
    """Return sqrt(mean((ln p - ln t)^2)) of depths (n,)."""
    return np.sqrt((np.log(predicted / truth) ** 2).mean())


def a1(predicted, truth):
    """Return the part of the depths (n,) with max(p / t, t / p) < 1.25."""
    return _part_within(1.25, predicted, truth)


def a2(predicted, truth):
    """Return the part of the depths (n,) with max(p / t, t / p) < 1.25^2."""
    return _part_within(1.25**2, predicted, truth)


def a3(predicted, truth):
    """Return the part of the depths (n,) with max(p / t, t / p) < 1.25^3."""
    return _part_within(1.25**3, predicted, truth)


def log10(predicted, truth):
    """Return mean(|log10 p - log10 t|) of depths (n,)."""
    return np.abs(np.log10(predicted / truth)).mean()


def silog(predicted, truth):
    """Return 100 sqrt(mean d^2 - (mean d)^2), d = ln p - ln t, of depths (n,): the KITTI benchmark's scale-invariant error."""
    return 100 * np.log(predicted / truth).std()


def _part_within(ratio, predicted, truth):
    return (np.maximum(predicted / truth, truth / predicted) < ratio).mean()


METRICS = {f.__name__: f for f in (abs_rel, sq_rel, rmse, rmse_log, a1, a2, a3, log10, silog)}


def crop_mask(height, width, crop):
    """Return the mask (H, W) bool of a crop, a name of CROPS."""
    if crop not in CROPS:
        raise DataError(f"crop '{crop}' is not known{nearest(crop, CROPS)} (known: {listed(CROPS)})")
    top, bottom, left, right = CROPS[crop]
    mask = np.zeros((height, width), bool)
    mask[int(top * height):int(bottom * height), int(left * width):int(right * width)] = True
    return mask


def valid_mask(truth, min_depth=1e-3, cap=80, crop="none"):
    """Return the mask (..., H, W) bool of the pixels that count: min_depth < truth < cap (metres), inside the crop."""
    return (truth > min_depth) & (truth < cap) & crop_mask(*truth.shape[-2:], crop)


def image_errors(predicted, truth, place, min_depth=1e-3, cap=80, crop="none", median_scaling=False, mask=None):
    """Return {each of METRICS: float, "scale": the factor on the prediction, "pixels": how many count, "without": at how many of
    these the prediction is not above 0} of one image.

    predicted, truth: depth (H, W) in metres; truth 0 = none. mask: (H, W), 0 = does not count either. With median_scaling the
    prediction is first multiplied by median(truth) / median(predicted) of the pixels that count, else by 1. Then it is clipped
    to min_depth .. cap, so a prediction of 0, below 0 or infinite is finite. DataError, which begins with `place`, where no
    pixel counts, a prediction is NaN there, or the median is not a positive number.
    """
    if predicted.shape != truth.shape:
        raise DataError(f"{place}: the prediction is {predicted.shape}, the ground truth {truth.shape}; expected one size")
    valid = valid_mask(truth, min_depth, cap, crop)
    if mask is not None:
        valid &= mask > 0
    truth, predicted = truth[valid].astype(np.float64), predicted[valid].astype(np.float64)
    if not truth.size:
        raise DataError(f"{place}: no pixel of the ground truth counts: none between {min_depth:g} and {cap:g} m "
                        f"(crop '{crop}'); is its unit metres?")
    if np.isnan(predicted).any():
        raise DataError(f"{place}: the prediction is NaN at {np.isnan(predicted).sum()} of {truth.size} pixels that count")
    scale = _median_scale(predicted, truth, place) if median_scaling else 1.0
    without = int((predicted <= 0).sum())
    predicted = np.clip(predicted * scale, min_depth, cap)
    errors = {name: float(f(predicted, truth)) for name, f in METRICS.items()}
    return errors | {"scale": scale, "pixels": truth.size, "without": without}


def _median_scale(predicted, truth, place):
    median = float(np.median(predicted))
    if not 0 < median < np.inf:
        raise DataError(f"{place}: the median of the prediction is {median:g}; median scaling needs a positive number")
    return float(np.median(truth)) / median


def mean_errors(images):
    """Return {each of METRICS: mean} over a list of `image_errors`: every image counts the same, however many pixels it has."""
    return {name: float(np.mean([errors[name] for errors in images])) for name in METRICS}
