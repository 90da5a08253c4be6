"""LSTMUnit layer."""

from pycaffe_geo.blob import Blob
from pycaffe_geo.layer import Layer, register
from pycaffe_geo.ops.lstm import lstm_slopes, lstm_step, lstm_step_backward


@register
class LSTMUnit(Layer):
    """One step of an LSTM (Caffe's LSTMUnit): c <- sigmoid(f) (cont c) + sigmoid(i) tanh(g); h = sigmoid(o) tanh(c).

    Bottoms: c (1, N, D); the gates' inputs i, f, o, g, one after the other (1, N, 4 D); cont (1, N), 0 where a stream begins
    anew, else 1. Tops: c and h after the step, (1, N, D). The gradient is exact for any cont; Caffe's is for 0 and 1 alone.
    """

    bottoms = (3, 3)
    tops = (2, 2)
    no_gradient = (2,)

    def setup(self, bottom, top):
        self.gate, self.cell_in, self.squashed = (Blob((), self.dtype, self.device) for _ in range(3))

    def reshape(self, bottom, top):
        _, streams, size = shape = self.expect(bottom[0], 1, "N", "D")
        self.expect(bottom[1], 1, streams, 4 * size)
        self.expect(bottom[2], 1, streams)
        self.gate.reshape(1, streams, 4, size)
        for blob in (*top, self.cell_in, self.squashed):
            blob.reshape(*shape)

    def forward(self, bottom, top):
        xp, gates, cell_in = self.xp, self.gate.data, self.cell_in.data
        gates[...] = bottom[1].data.reshape(gates.shape)
        xp.multiply(bottom[0].data, bottom[2].data[..., None], out=cell_in)
        lstm_step(xp, gates[0], cell_in[0], top[0].data[0], self.squashed.data[0], top[1].data[0])

    def backward(self, top, propagate_down, bottom):
        xp, gates, d_gates, d_cell = self.xp, self.gate.data, self.gate.diff, self.cell_in.diff
        lstm_slopes(xp, gates, self.cell_in.data, self.squashed.data, d_gates, self.squashed.diff)
        d_cell[...] = top[0].diff
        lstm_step_backward(d_gates[0], self.squashed.diff[0], top[1].diff[0], d_cell[0])
        if propagate_down[0]:
            xp.multiply(d_cell, gates[:, :, 1] * bottom[2].data[..., None], out=bottom[0].diff)
        if propagate_down[1]:
            bottom[1].diff[...] = d_gates.reshape(bottom[1].shape)
