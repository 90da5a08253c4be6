"""LSTM layer."""

from pycaffe_geo.families.recurrent import Recurrent
from pycaffe_geo.layer import register
from pycaffe_geo.ops.lstm import lstm_slopes, lstm_step, lstm_step_backward


@register
class LSTM(Recurrent):
    """Long short-term memory over T steps of N streams (Caffe's LSTM; Hochreiter and Schmidhuber 1997, with a forget gate):

        i, f, o = sigmoid, g = tanh of W_x x + b + W_s x_static + W_h (cont h);   c <- f (cont c) + i g;   h <- o tanh(c)

    Bottoms: x (T, N, ...), cont (T, N), optional x_static (N, ...), with `expose_hidden` h_0 and c_0, (1, N, D).
    Tops: h of all steps (T, N, D), with `expose_hidden` h_T and c_T, (1, N, D). Parameters: W_x (4 D, inputs), b (4 D),
    W_s (4 D, static inputs) where there is x_static, W_h (4 D, D), with rows in the order i, f, o, g. More in `Recurrent`.
    All gradients are exact. Caffe's own are not in this: it takes the gradients of h_T and c_T for 0, and leaves those of h_0 and
    c_0 unwritten.
    """

    bottoms = (2, 5)
    tops = (1, 3)
    gates = 4
    states = ("h", "c")

    def setup(self, bottom, top):
        super().setup(bottom, top)
        self.cell_in = self.new_blob()  # data: cont c before each step; diff: scratch
        self.squashed = self.new_blob()  # data: tanh(c) after each step; diff: slopes

    def reshape(self, bottom, top):
        super().reshape(bottom, top)
        self.cell_in.reshape(*top[0].shape)
        self.squashed.reshape(*top[0].shape)

    def run(self, first, last, top):
        (hidden, cell), (last_hidden, last_cell) = first, last
        for t, output in enumerate(top[0].data):
            self.enter(t, hidden)
            before = self.cell_in.data[t]
            self.xp.multiply(cell, self.cont[t], out=before)
            hidden, cell = output, last_cell
            lstm_step(self.xp, self.gate.data[t], before, cell, self.squashed.data[t], hidden)
        last_hidden[...] = hidden

    def run_backward(self, d_state, top):
        d_hidden, d_cell = d_state
        gates, d_gates, slope = self.gate.data, self.gate.diff, self.squashed.diff
        lstm_slopes(self.xp, gates, self.cell_in.data, self.squashed.data, d_gates, slope)
        kept = self.xp.multiply(gates[:, :, 1], self.cont, out=self.cell_in.diff)
        d_output = top[0].diff
        for t in reversed(range(len(d_output))):
            d_hidden += d_output[t]
            lstm_step_backward(d_gates[t], slope[t], d_hidden, d_cell)
            d_cell *= kept[t]
            self.leave(t, d_hidden)
