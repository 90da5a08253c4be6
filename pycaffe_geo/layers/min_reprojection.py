"""MinReprojection layer."""

from dataclasses import dataclass

import numpy as np

from pycaffe_geo.errors import SpecError
from pycaffe_geo.layer import Layer, register


@dataclass(frozen=True)
class MinReprojectionParam:
    """`validity`: validity maps follow the K error maps. `auto_mask`: K error maps of the unwarped images come last."""

    validity: bool = False
    auto_mask: bool = False


@register
class MinReprojection(Layer):
    """At each pixel the smallest of K errors, so that what one source does not see another may explain (Godard 2019).

    Bottoms, all (N, 1, H, W): K error maps of warped sources; with `validity` K maps, 0 where that source does not count; with
    `auto_mask` K errors of the sources as they are. Tops: the smallest error of a source that counts; optionally the mask, 1
    where the pixel counts: some source does and, with `auto_mask`, no unwarped one is better than the best warped one (as in a
    static scene). Where the mask is 0, so is the error. A tie with an unwarped source counts: nets start at no motion. The
    gradient goes to the error that was taken, the first of equal ones, and to nothing else. What does not count may be NaN; a
    NaN that counts is taken, so that it stops the run. Reduction with MEAN makes a loss of the first top.
    """

    bottoms = (1, None)
    tops = (1, 2)
    parameters = {"min_reprojection_param": MinReprojectionParam}

    def setup(self, bottom, top):
        p = self.min_reprojection_param
        groups = 1 + p.validity + p.auto_mask
        self.sources = len(bottom) // groups
        if self.sources * groups != len(bottom):
            names = ["errors", *["validity"] * p.validity, *["unwarped errors"] * p.auto_mask]
            raise SpecError(f"{self.where}: has {len(bottom)} bottoms, expected as many of each: {', '.join(names)}")
        self.no_gradient = tuple(range(self.sources, len(bottom)))

    def reshape(self, bottom, top):
        batch, _, height, width = self.expect(bottom[0], "N", 1, "H", "W")
        for blob in bottom[1:]:
            self.expect(blob, batch, 1, height, width)
        for blob in top:
            blob.reshape(batch, 1, height, width)
        self.winner = self.xp.empty((batch, 1, height, width), "int32")  # the source that was taken, -1 where none

    def forward(self, bottom, top):
        xp, p, winner, least = self.xp, self.min_reprojection_param, self.winner, top[0].data
        maps = [blob.data for blob in bottom]
        winner[...] = -1
        least[...] = np.inf
        for k in range(self.sources):
            smaller = (winner < 0) | (maps[k] < least) | xp.isnan(maps[k])
            if p.validity:
                smaller &= maps[self.sources + k] != 0
            xp.copyto(least, maps[k], where=smaller)
            xp.copyto(winner, k, where=smaller)
        if p.auto_mask:
            for unwarped in maps[-self.sources:]:
                xp.copyto(winner, -1, where=unwarped < least)
        xp.copyto(least, 0, where=winner < 0)
        for blob in top[1:]:
            blob.data[...] = winner >= 0

    def backward(self, top, propagate_down, bottom):
        for k in range(self.sources):
            if propagate_down[k]:
                self.xp.multiply(top[0].diff, self.winner == k, out=bottom[k].diff)
