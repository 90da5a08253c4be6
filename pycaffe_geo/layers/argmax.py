"""ArgMax layer."""

from dataclasses import dataclass

from pycaffe_geo.errors import SpecError
from pycaffe_geo.layer import Layer, register
from pycaffe_geo.ops.softmax import fold_axis


@dataclass(frozen=True)
class ArgMaxParam:
    """The places of the `top_k` largest values along `axis`, or, without one, among all values of a sample.
    `out_max_val`: the values in place of the places along an axis, and beside them without one."""

    out_max_val: bool = False
    top_k: int = 1
    axis: int | None = None

    def __post_init__(self):
        if self.top_k < 1:
            raise ValueError(f"top_k is {self.top_k}, expected at least 1")


@register
class ArgMax(Layer):
    """Where the largest values are, largest first; of equal ones the last comes first; no gradient (Caffe's ArgMax).

    With `axis` the top is the bottom's shape with size top_k there. Without it is (N, 1, top_k), or (N, 2, top_k) with
    `out_max_val` (places, then values), with as many axes as the bottom, at least 3.
    """

    parameters = {"argmax_param": ArgMaxParam}
    no_gradient = (0,)

    def reshape(self, bottom, top):
        p, shape = self.argmax_param, bottom[0].shape
        if p.axis is None:
            samples = self.expect(bottom[0], "N", ...)[0]
            self.shape = (samples, bottom[0].count // samples if samples else 0, 1)
            top[0].reshape(samples, 1 + p.out_max_val, p.top_k, *(1,) * (len(shape) - 3))
        else:
            axis = self.canonical_axis(p.axis, bottom[0])
            self.shape = fold_axis(shape, axis)
            top[0].reshape(*shape[:axis], p.top_k, *shape[axis + 1:])
        if p.top_k > self.shape[1]:
            raise SpecError(f"{self.where}: top_k is {p.top_k}, expected at most {self.shape[1]}, the number of values")

    def forward(self, bottom, top):
        p = self.argmax_param
        x = bottom[0].data.reshape(self.shape)
        places = self._largest(x, p.top_k)
        if p.axis is None:
            y = top[0].data.reshape(len(places), -1, p.top_k)
            y[:, 0] = places[:, :, 0]
            if p.out_max_val:
                y[:, 1] = self.xp.take_along_axis(x, places, axis=1)[:, :, 0]
        else:
            y = self.xp.take_along_axis(x, places, axis=1) if p.out_max_val else places
            top[0].data[...] = y.reshape(top[0].shape)

    def _largest(self, x, count):
        """Return the places (outer, count, inner) of the largest values along axis 1."""
        last = x.shape[1] - 1
        backwards = x[:, ::-1]
        if count == 1:
            return last - self.xp.argmax(backwards, axis=1)[:, None]
        return last - self.xp.argsort(-backwards, axis=1, kind="stable")[:, :count]
