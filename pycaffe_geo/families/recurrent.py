"""What recurrent layers share: bottoms and tops, parameters, one product for all inputs, and the state between forwards."""

import math
from dataclasses import dataclass

from pycaffe_geo.blob import Blob
from pycaffe_geo.errors import ShapeError, SpecError
from pycaffe_geo.fillers import Filler
from pycaffe_geo.layer import Layer


@dataclass(frozen=True)
class RecurrentParam:
    """`expose_hidden`: the first state comes from bottoms and the last one goes to tops, else it is kept for the next forward.

    `debug_info` is accepted and does nothing: there is no net inside the layer.
    """

    num_output: int = 0
    weight_filler: Filler = Filler()
    bias_filler: Filler = Filler()
    debug_info: bool = False
    expose_hidden: bool = False


class Recurrent(Layer):
    """A layer that runs over T time steps of N streams; each step's gates take W_x x + b + W_s x_static + W_h (cont h).

    Bottoms: x (T, N, ...); cont (T, N), which multiplies the state before a step: 0 where a stream begins anew, else 1; optional
    x_static (N, ...), the same at every step; with `expose_hidden` the first state, one (1, N, D) for each of `states`.
    Tops: the output (T, N, D); with `expose_hidden` the last state, of the first one's shapes.
    Without `expose_hidden` the last state is the first one of the next forward (0 at the beginning and when N changes), and no
    gradient runs from one forward into the one before.
    Parameters: W_x (gates D, inputs), b (gates D), W_s (gates D, static inputs) where there is x_static, W_h (gates D, D).

    A subclass sets `gates` and `states`, and gives `run(first, last, top)` and `run_backward(d_state, top)`.
    """

    parameters = {"recurrent_param": RecurrentParam}
    no_gradient = (1,)
    gates = 1
    states = ("h",)

    def setup(self, bottom, top):
        p = self.recurrent_param
        if p.num_output < 1:
            raise SpecError(f"{self.where}: recurrent_param.num_output is {p.num_output}, expected at least 1")
        self.exposed = len(self.states) if p.expose_hidden else 0
        self._check_counts(bottom, top)
        self.has_static = len(bottom) == 3 + self.exposed
        rows = self.gates * p.num_output
        self.expect(bottom[0], "T", "N", ...)
        self.add_blob((rows, math.prod(bottom[0].shape[2:])), p.weight_filler)
        self.add_blob((rows,), p.bias_filler)
        if self.has_static:
            self.add_blob((rows, math.prod(bottom[2].shape[1:])), p.weight_filler)
        self.add_blob((rows, p.num_output), p.weight_filler)
        self.hidden_weights = len(self.blobs) - 1
        self.gate = self.new_blob()  # data: the gates' inputs, then their values; diff: the gradient of the inputs
        self.step = self.new_blob()  # W_h (cont h) of one step, (gates D, N): OpenBLAS is faster that way round
        self.hidden_in = self.new_blob()  # cont h of all steps
        self.state = [self.new_blob() for _ in self.states]  # data: kept between forwards; diff: the gradient on its way back

    def new_blob(self):
        """Return an internal buffer."""
        return Blob((), self.dtype, self.device, self.name)

    def reshape(self, bottom, top):
        steps, streams = self.expect(bottom[0], "T", "N", ...)[:2]
        size = self.recurrent_param.num_output
        self.expect(bottom[1], steps, streams)
        self._check_features(bottom[0], 2, self.blobs[0])
        if self.has_static:
            self.expect(bottom[2], streams, ...)
            self._check_features(bottom[2], 1, self.blobs[2])
        for blob in bottom[len(bottom) - self.exposed:]:
            self.expect(blob, 1, streams, size)
        self.gate.reshape(steps, streams, self.gates, size)
        self.step.reshape(self.gates * size, streams)
        self.hidden_in.reshape(steps, streams, size)
        for blob in self.state:
            if blob.shape != (streams, size):
                blob.reshape(streams, size)
                blob.data[...] = 0
        top[0].reshape(steps, streams, size)
        for blob in top[1:]:
            blob.reshape(1, streams, size)

    def forward(self, bottom, top):
        kept = [blob.data for blob in self.state]
        first = [blob.data[0] for blob in bottom[len(bottom) - self.exposed:]] or kept
        last = [blob.data[0] for blob in top[1:]] or kept
        self._input_product(bottom)
        self.cont = bottom[1].data[..., None]
        self.run(first, last, top)

    def backward(self, top, propagate_down, bottom):
        d_state = [blob.diff for blob in self.state]
        for k, diff in enumerate(d_state):
            diff[...] = top[1 + k].diff[0] if self.exposed else 0
        self.cont = bottom[1].data[..., None]
        self.run_backward(d_state, top)
        for i, diff in enumerate(d_state[:self.exposed], len(bottom) - self.exposed):
            if propagate_down[i]:
                bottom[i].diff[0] = diff
        self._parameter_gradients(bottom)
        self._input_gradients(bottom, propagate_down)

    def enter(self, t, hidden):
        """Add W_h (cont hidden) to the gates' inputs of step `t`; hidden (N, D) is the output before the step."""
        xp, before = self.xp, self.hidden_in.data[t]
        xp.multiply(hidden, self.cont[t], out=before)
        xp.matmul(self.blobs[self.hidden_weights].data, before.T, out=self.step.data)
        gates = self.gate.data[t].reshape(self.step.shape[::-1])
        gates += self.step.data.T

    def leave(self, t, d_hidden):
        """Write the gradient of the output before step `t` to `d_hidden` (N, D), from that of the step's gates."""
        d_gates = self.gate.diff[t].reshape(self.step.shape[::-1])
        self.xp.matmul(d_gates, self.blobs[self.hidden_weights].data, out=d_hidden)
        d_hidden *= self.cont[t]

    def add_product(self, j, left, right):
        """Add left^T right to the gradient of parameter `j`, where it is wanted; both have a row for each step and stream."""
        if self.param_propagate_down[j]:
            diff = self.blobs[j].diff
            diff += self.xp.matmul(left.T, right)

    def _input_product(self, bottom):
        """Write W_x x + b + W_s x_static of all steps to the gates."""
        gates = self.gate.data.reshape(-1, *self.step.shape[::-1])
        self.xp.matmul(_rows(bottom[0].data, 2), self.blobs[0].data.T, out=gates.reshape(-1, gates.shape[2]))
        constant = self.blobs[1].data
        if self.has_static:
            constant = self.xp.matmul(_rows(bottom[2].data, 1), self.blobs[2].data.T) + constant
        gates += constant

    def _parameter_gradients(self, bottom):
        d_gates = self.gate.diff.reshape(-1, self.step.shape[0])
        self.add_product(0, d_gates, _rows(bottom[0].data, 2))
        if self.param_propagate_down[1]:
            self.blobs[1].diff[...] += d_gates.sum(axis=0)
        if self.has_static:
            self.add_product(2, self._sum_over_steps(), _rows(bottom[2].data, 1))
        self.add_product(self.hidden_weights, d_gates, _rows(self.hidden_in.data, 2))

    def _input_gradients(self, bottom, propagate_down):
        if propagate_down[0]:
            d_gates = self.gate.diff.reshape(-1, self.step.shape[0])
            self.xp.matmul(d_gates, self.blobs[0].data, out=_rows(bottom[0].diff, 2))
        if self.has_static and propagate_down[2]:
            self.xp.matmul(self._sum_over_steps(), self.blobs[2].data, out=_rows(bottom[2].diff, 1))

    def _sum_over_steps(self):
        return self.gate.diff.sum(axis=0).reshape(self.step.shape[::-1])

    def _check_counts(self, bottom, top):
        states = self.states if self.exposed else ()
        fewest = 2 + self.exposed
        if len(bottom) not in (fewest, fewest + 1) or len(top) != 1 + self.exposed:
            inputs = ", ".join(["x", "cont", "[x_static]", *(f"{s}_0" for s in states)])
            outputs = ", ".join(["output", *(f"{s}_T" for s in states)])
            raise SpecError(
                f"{self.where}: {len(bottom)} bottoms and {len(top)} tops, expected bottoms ({inputs}) and tops ({outputs}) "
                f"with expose_hidden: {str(bool(states)).lower()}"
            )

    def _check_features(self, blob, axes, weights):
        features = math.prod(blob.shape[axes:])
        if features != weights.shape[1]:
            raise ShapeError(f"{self.where}: bottom '{blob.name}' is {blob.shape}, which gives {features} inputs at each step, "
                             f"expected {weights.shape[1]} as '{weights.name}' has")


def _rows(array, axes):
    """Return `array` with its first `axes` axes folded into one, and all others into another."""
    return array.reshape(math.prod(array.shape[:axes]), math.prod(array.shape[axes:]))
