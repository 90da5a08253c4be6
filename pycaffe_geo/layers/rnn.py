"""RNN layer."""

from pycaffe_geo.families.recurrent import Recurrent
from pycaffe_geo.layer import register


@register
class RNN(Recurrent):
    """The plain recurrent network over T steps of N streams (Caffe's RNN):

        h <- tanh(W_x x + b + W_s x_static + W_h (cont h));   output = tanh(W_o h + b_o)

    Bottoms: x (T, N, ...), cont (T, N), optional x_static (N, ...), with `expose_hidden` h_0 (1, N, D).
    Tops: the output of all steps (T, N, D), with `expose_hidden` h_T (1, N, D), which is not the last output. Parameters:
    W_x (D, inputs), b (D), W_s (D, static inputs) where there is x_static, W_h (D, D), W_o (D, D), b_o (D). More in `Recurrent`.
    All gradients are exact. Caffe's own are not in this: it takes the gradient of h_T for 0, and leaves that of h_0 unwritten.
    """

    bottoms = (2, 4)
    tops = (1, 2)
    uses_top = "values"

    def setup(self, bottom, top):
        super().setup(bottom, top)
        p = self.recurrent_param
        self.add_blob((p.num_output, p.num_output), p.weight_filler)
        self.add_blob((p.num_output,), p.bias_filler)
        self.output = self.new_blob()  # data: slopes of the hidden units; diff: gradient of the outputs' inputs

    def reshape(self, bottom, top):
        super().reshape(bottom, top)
        self.output.reshape(*top[0].shape)

    def run(self, first, last, top):
        xp, hidden = self.xp, first[0]
        for t, h in enumerate(self.gate.data[:, :, 0]):
            self.enter(t, hidden)
            hidden = xp.tanh(h, out=h)
        last[0][...] = hidden
        y = self._flat(top[0].data)
        xp.matmul(self._flat(self.gate.data), self.blobs[-2].data.T, out=y)
        y += self.blobs[-1].data
        xp.tanh(y, out=y)

    def run_backward(self, d_state, top):
        xp, h = self.xp, self.gate.data[:, :, 0]
        self._one_minus_square(top[0].data, self.output.diff)
        self.output.diff[...] *= top[0].diff
        d_y = self._flat(self.output.diff)
        self.add_product(len(self.blobs) - 2, d_y, self._flat(self.gate.data))
        if self.param_propagate_down[-1]:
            self.blobs[-1].diff[...] += d_y.sum(axis=0)
        xp.matmul(d_y, self.blobs[-2].data, out=self._flat(self.gate.diff))
        self._one_minus_square(h, self.output.data)
        slope, d_gates, (d_hidden,) = self.output.data, self.gate.diff[:, :, 0], d_state
        for t in reversed(range(len(d_gates))):
            d = d_gates[t]
            d += d_hidden
            d *= slope[t]
            self.leave(t, d_hidden)

    def _flat(self, array):
        return array.reshape(-1, self.recurrent_param.num_output)

    def _one_minus_square(self, x, out):
        self.xp.multiply(x, x, out=out)
        self.xp.subtract(1, out, out=out)
