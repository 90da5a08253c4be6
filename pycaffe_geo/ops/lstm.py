"""One step of an LSTM on a whole batch, forward and backward; gates stand in Caffe's order i, f, o, g."""


def lstm_step(xp, gates, cell_in, cell, squashed, hidden):
    """Turn the gates' inputs into their values, and write the cell after the step and the output.

    gates (N, 4, D): inputs of i, f, o, g -> sigmoid of the first three and tanh of the last, in place.
    cell_in (N, D): the cell before the step. cell = f cell_in + i g, squashed = tanh(cell), hidden = o squashed, all (N, D).
    """
    sigmoids = gates[:, :3]
    sigmoids *= 0.5
    xp.tanh(gates, out=gates)
    sigmoids *= 0.5
    sigmoids += 0.5
    i, f, o, g = (gates[:, k] for k in range(4))
    xp.multiply(f, cell_in, out=cell)
    xp.multiply(i, g, out=squashed)
    cell += squashed
    xp.tanh(cell, out=squashed)
    xp.multiply(o, squashed, out=hidden)


def lstm_slopes(xp, gates, cell_in, squashed, gate_slopes, cell_slope):
    """Write the derivatives within a step, for all T steps at once.

    gates (T, N, 4, D), cell_in, squashed (T, N, D): as `lstm_step` left them.
    gate_slopes (T, N, 4, D): of the cell by the inputs of i, f and g, and of the output by that of o.
    cell_slope (T, N, D): of the output by the cell.
    """
    i, f, o, g = (gates[:, :, k] for k in range(4))
    by_i, by_f, by_o, by_g = (gate_slopes[:, :, k] for k in range(4))
    xp.subtract(1, gates[:, :, :3], out=gate_slopes[:, :, :3])
    gate_slopes[:, :, :3] *= gates[:, :, :3]
    by_i *= g
    by_f *= cell_in
    by_o *= squashed
    _one_minus_square(xp, g, by_g)
    by_g *= i
    _one_minus_square(xp, squashed, cell_slope)
    cell_slope *= o


def lstm_step_backward(d_gates, cell_slope, d_hidden, d_cell):
    """Turn the slopes of one step into gradients, in place.

    d_hidden (N, D): the gradient of the output. d_cell (N, D): that of the cell from later steps -> all of it.
    d_gates (N, 4, D): `gate_slopes` -> the gradient of the gates' inputs. cell_slope (N, D): scratch afterwards.
    """
    cell_slope *= d_hidden
    d_cell += cell_slope
    d_gates[:, :2] *= d_cell[:, None]
    d_gates[:, 2] *= d_hidden
    d_gates[:, 3] *= d_cell


def _one_minus_square(xp, x, out):
    xp.multiply(x, x, out=out)
    xp.subtract(1, out, out=out)
