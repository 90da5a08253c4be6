"""Bins layer."""

from dataclasses import dataclass

from pycaffe_geo.errors import SpecError
from pycaffe_geo.layer import Layer, register


@dataclass(frozen=True)
class BinsParam:
    """`low`, `high`: the range of each channel, or one for all. `bins`: how many equal bins it is cut into. `outside`: True gives
    what lies below and above classes of their own (the first and the last), False counts it to the nearest bin."""

    low: tuple[float, ...] = (-1.0,)
    high: tuple[float, ...] = (1.0,)
    bins: int = 20
    outside: bool = False

    def __post_init__(self):
        if self.bins < 1:
            raise ValueError(f"bins is {self.bins}, expected at least 1")


@register
class Bins(Layer):
    """Numbers to class labels: the bin that each falls in; no gradient.

    Bottom (N,C[,1,1]); one top (N,) for each channel: floor((x - low) / (high - low) * bins), limited to 0 .. bins - 1, or with
    `outside` one more, limited to 0 .. bins + 1. Learning to See by Moving (Agrawal et al. 2015) tells ego-motion so: for KITTI
    20 bins and the two classes outside.
    """

    tops = (1, None)
    parameters = {"bins_param": BinsParam}
    no_gradient = (0,)

    def setup(self, bottom, top):
        p = self.bins_param
        self.ranges = [self._for_each(top, name, getattr(p, name)) for name in ("low", "high")]
        if any(low >= high for low, high in zip(*self.ranges)):
            raise SpecError(f"{self.where}: low is {list(p.low)} and high is {list(p.high)}, expected low < high")

    def _for_each(self, top, name, values):
        if len(values) not in (1, len(top)):
            raise SpecError(f"{self.where}: {name} has {len(values)} values for {len(top)} tops, expected 1 or {len(top)}")
        return values * len(top) if len(values) == 1 else values

    def reshape(self, bottom, top):
        count = self.expect(bottom[0], "N", len(top), ...)[0]
        self.expect(bottom[0], count, len(top), *[1] * (len(bottom[0].shape) - 2))
        for blob in top:
            blob.reshape(count)

    def forward(self, bottom, top):
        p, xp = self.bins_param, self.xp
        last = p.bins + 1 if p.outside else p.bins - 1
        for channel, (blob, low, high) in enumerate(zip(top, *self.ranges)):
            x = bottom[0].data[:, channel].reshape(-1)
            number = xp.floor((x - low) * (p.bins / (high - low))) + p.outside
            blob.data[...] = xp.clip(number, 0, last)
