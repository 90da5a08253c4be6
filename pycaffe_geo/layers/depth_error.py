"""DepthError layer."""

import logging
import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from pycaffe_geo.backend import asnumpy
from pycaffe_geo.errors import DataError, SpecError
from pycaffe_geo.layer import Layer, register
from pycaffe_geo.metrics.depth import CROPS, METRICS, image_errors, valid_mask

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class DepthErrorParam:
    """What is measured, one top each, over pixels with min_depth < target < cap (metres) inside the crop.

    `median_scaling`: each prediction is first brought to its target's median, for nets that do not know the scale.
    """

    metrics: tuple[Literal[tuple(METRICS)], ...] = ("abs_rel", "rmse", "a1")
    median_scaling: bool = False
    min_depth: float = 1e-3
    cap: float = 80
    crop: Literal[tuple(CROPS)] = "none"

    def __post_init__(self):
        if not 0 < self.min_depth < self.cap:
            raise ValueError(f"min_depth is {self.min_depth}, expected a number between 0 and the cap of {self.cap} m")


@register
class DepthError(Layer):
    """Errors of predicted depth, for the TEST phase; no gradient. See metrics/depth.py.

    Bottoms: prediction and target (N,1,H,W), depth in metres, target 0 = none; optional mask (N,1,H,W), 0 = does not count.
    Tops, each of shape (): the `metrics`, means over the images. Images of which no pixel counts are left out, with one warning;
    DataError where the batch has no other. A prediction of NaN makes all tops NaN.
    """

    bottoms = (2, 3)
    tops = (1, len(METRICS))
    on_host = True
    parameters = {"depth_error_param": DepthErrorParam}
    no_gradient = (0, 1, 2)

    def setup(self, bottom, top):
        metrics = self.depth_error_param.metrics
        if len(top) != len(metrics):
            raise SpecError(f"{self.where}: has {len(top)} tops, expected {len(metrics)}, one for each of "
                            f"depth_error_param.metrics: {', '.join(metrics)}")
        self.warned = False

    def reshape(self, bottom, top):
        shape = self.expect(bottom[0], "N", 1, "H", "W")
        for blob in bottom[1:]:
            self.expect(blob, *shape)
        for blob in top:
            blob.reshape()

    def forward(self, bottom, top):
        p = self.depth_error_param
        predicted, target, *mask = (asnumpy(b.data)[:, 0] for b in bottom)
        options = dict(min_depth=p.min_depth, cap=p.cap, crop=p.crop)
        valid = valid_mask(target, **options)
        if mask:
            valid &= mask[0] > 0
        counted = np.flatnonzero(valid.any(axis=(1, 2)))
        self._tell_empty(len(target) - len(counted), bottom[1])
        if np.isnan(predicted[valid]).any():
            errors = [dict.fromkeys(METRICS, math.nan)]
        else:
            options |= dict(median_scaling=p.median_scaling)
            errors = [image_errors(predicted[i], target[i], f"{self.where}: image {i}", **options, mask=valid[i])
                      for i in counted]
        for blob, name in zip(top, p.metrics):
            blob.data[...] = sum(e[name] for e in errors) / len(errors)

    def _tell_empty(self, empty, target):
        """Warn once of images of which no pixel counts; DataError where there are no others."""
        p, count = self.depth_error_param, target.shape[0]
        text = (f"{self.where}: bottom '{target.name}': {empty} of {count} images have no depth between {p.min_depth:g} and "
                f"{p.cap:g} m that counts (crop '{p.crop}')")
        if empty == count:
            raise DataError(text)
        if empty and not self.warned:
            self.warned = True
            log.warning("%s; they are left out", text)
