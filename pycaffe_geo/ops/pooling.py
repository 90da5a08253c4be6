"""Maximum and average pooling planned once per shape, one axis after the other."""

import numpy as np

from pycaffe_geo.errors import ShapeError
from pycaffe_geo.ops import threads
from pycaffe_geo.ops.engines import gpu_allowed, own_asked
from pycaffe_geo.ops.gpu.pooling import GpuPooling
from pycaffe_geo.ops.onednn.pooling import onednn_pooling
from pycaffe_geo.ops.wide import WidePlan, is_half

BLOCK_BYTES = 1 << 20  # of input that both stages of a pooling work through before they go on
LOWEST = -float(np.finfo(np.float32).max)  # Caffe's start value: the maximum of a window that holds no pixel


def output_size(size, kernel, stride, pad, round_mode="CEIL", drop_last=None):
    """Return how many windows Caffe's Pooling has along one axis: ceil or floor of (size + 2 pad - kernel) / stride, + 1.

    drop_last (default: pad > 0) removes a last window that would start beyond the image and its first pad; Caffe does so on
    both axes as soon as one of them is padded.
    """
    steps = size + 2 * pad - kernel
    count = (steps // stride if round_mode == "FLOOR" else -(-steps // stride)) + 1
    if (pad > 0 if drop_last is None else drop_last) and (count - 1) * stride >= size + pad:
        count -= 1
    return count


def plan_pooling(method, x_shape, kernel=None, *, stride=(1, 1), pad=(0, 0), round_mode="CEIL", mask=False, dtype, device,
                 engine="DEFAULT"):
    """Return a plan for pooling x (N, C, H, W) by `method` "MAX" or "AVE", with Caffe's rules for the windows.

    kernel, stride and pad are (vertical, horizontal) pixels; kernel None pools the whole image (global pooling). engine "CAFFE"
    asks for NumPy on the CPU even where a faster library is installed. A plan has
        out_shape              (N, C, H', W')
        forward(x, y)          writes y; a MAX plan made with mask=True also takes mask=, which receives
                               each maximum's index h * W + w as a number
        backward(dy, dx)       writes dx, for the last forward
    ShapeError (without a place) where the kernel does not fit.
    """
    size = x_shape[2:]
    kernel = kernel or size
    padded = any(pad)
    out_size = [output_size(*a, round_mode, padded) for a in zip(size, kernel, stride, pad)]
    if min(out_size) < 1:
        raise ShapeError(f"kernel {kernel[0]}x{kernel[1]} is larger than the input {size[0]}x{size[1]} "
                         f"with pad {pad[0]}x{pad[1]}")
    if gpu_allowed(device, dtype, half=True):
        return GpuPooling(method, x_shape, out_size, kernel, stride, pad, LOWEST, dtype, device)
    if is_half(dtype):
        options = dict(stride=stride, pad=pad, round_mode=round_mode, device=device, engine=engine)
        plan = plan_pooling(method, x_shape, kernel, dtype="float32", **options)
        return WidePlan(plan, forward=[1], backward=[1])
    rows, columns = (_Windows(*a) for a in zip(size, out_size, kernel, stride, pad))
    arguments = x_shape, rows, columns, np.dtype(dtype), device
    fast = None if mask or own_asked(engine, device) else onednn_pooling(method, *arguments)
    return fast or _reference({"MAX": MaxPooling, "AVE": AveragePooling}[method], *arguments)


def _reference(pooling, x_shape, rows, columns, dtype, device):
    if not threads.worth(device, x_shape):
        return pooling(x_shape, rows, columns, dtype, device)
    planes = x_shape[0] * x_shape[1]
    plan = threads.SharedPlan(lambda count: pooling((1, count, *x_shape[2:]), rows, columns, dtype, device), planes, axis=1,
                              flat=lambda array: array.reshape(1, planes, *array.shape[2:]))
    plan.out_shape = (*x_shape[:2], rows.count, columns.count)
    return plan


class _Windows:
    """The windows of one axis. `taps` lists, for each kernel element t that meets the image at all, the output positions
    where it does and the input positions it meets there, as slices."""

    def __init__(self, size, count, kernel, stride, pad):
        self.count, self.kernel, self.stride = count, kernel, stride
        self.starts = np.arange(count) * stride - pad
        self.lengths = np.maximum(np.minimum(self.starts + kernel, size + pad) - self.starts, 0)
        self.taps = []
        for t in self._taps_that_meet(size, pad):
            first, last = max(0, -((t - pad) // stride)), min(count - 1, (size - 1 + pad - t) // stride)
            if first <= last:
                place = first * stride - pad + t
                out = slice(first, last + 1)
                self.taps.append((t, out, slice(place, place + (last - first) * stride + 1, stride)))

    def _taps_that_meet(self, size, pad):
        """Return the kernel elements to look at: all, but of a huge kernel over few windows only those that meet the image."""
        if self.kernel <= size * self.count:
            return range(self.kernel)
        places = (t for start in self.starts.tolist() for t in range(-start, size - start))
        return sorted({t for t in places if 0 <= t < self.kernel})

    def vertical(self):
        """Return the taps as indices into (..., H, W) arrays along H."""
        return [(t, (..., out, slice(None)), (..., source, slice(None))) for t, out, source in self.taps]

    def horizontal(self):
        """Return the taps as indices into (..., H, W) arrays along W."""
        return [(t, (..., out), (..., source)) for t, out, source in self.taps]


class _Pooling:
    """Sizes and buffers. The horizontal stage makes an image (H, W') of each plane, the vertical one (H', W') of that.

    On the CPU both stages run over few planes at a time, whose numbers then stay in the cache.
    """

    def __init__(self, x_shape, rows, columns, dtype, device):
        self.xp = device.xp
        batch, channels, height, self._width = x_shape
        self._rows, self._columns = rows, columns
        self.out_shape = (batch, channels, rows.count, columns.count)
        self._planes = planes = batch * channels
        self._block = planes
        if self.xp is np:
            self._block = max(1, min(planes, BLOCK_BYTES // (height * self._width * dtype.itemsize)))
        self._middle = self.xp.empty((self._block, height, columns.count), dtype)
        self._part = self.xp.empty(self._block * max(height, rows.count) * columns.count, dtype)
        self._vertical, self._horizontal = rows.vertical(), columns.horizontal()

    def _blocks(self, *arrays):
        """Yield (planes, the middle image for them, and each (N, C, H, W) array's part (planes, H, W)) block after block."""
        arrays = [a.reshape(self._planes, *a.shape[2:]) for a in arrays]
        for first in range(0, self._planes, self._block):
            block = slice(first, min(first + self._block, self._planes))
            yield block, self._middle[:block.stop - first], *(a[block] for a in arrays)


class AveragePooling(_Pooling):
    """Mean over each window. As in Caffe the divisor counts the pad, but not what lies beyond it.

    A window without any pixel gives 0 (Caffe: 0 or NaN).
    """

    def __init__(self, x_shape, rows, columns, dtype, device):
        super().__init__(x_shape, rows, columns, dtype, device)
        area = np.outer(rows.lengths, columns.lengths)
        self._share = device.asarray(1 / np.maximum(area, 1), dtype)

    def forward(self, x, y):
        for _, middle, x, y in self._blocks(x, y):
            self._gather(x, middle, self._horizontal)
            self._gather(middle, y, self._vertical)
            y *= self._share

    def backward(self, dy, dx):
        for _, middle, dy, dx in self._blocks(dy, dx):
            part = self.xp.multiply(dy, self._share, out=_shaped(self._part, dy))
            self._scatter(part, middle, self._vertical)
            self._scatter(middle, dx, self._horizontal)

    def _gather(self, x, y, taps):
        y[...] = 0
        for _, out, source in taps:
            y[out] += x[source]

    def _scatter(self, dy, dx, taps):
        dx[...] = 0
        for _, out, source in taps:
            dx[source] += dy[out]


class MaxPooling(_Pooling):
    """Maximum over each window; of equal ones the first in row-major order gets the gradient, as in Caffe.

    The maximum of each row of a window comes first, then the first of the rows that holds the largest: this finds the
    same pixel. A window without any pixel gives -3.4e38 as in Caffe, mask -1, and passes no gradient on. NaN stays NaN.
    """

    def __init__(self, x_shape, rows, columns, dtype, device):
        super().__init__(x_shape, rows, columns, dtype, device)
        empty = self.xp.empty
        # which kernel element won: its number along the axis counted from 1, or 0 where none did
        number = np.min_scalar_type(max(rows.kernel, columns.kernel))
        self._row_winner = empty((self._planes, rows.count, columns.count), number)
        self._column_winner = empty((self._planes, x_shape[2], columns.count), number)
        self._hit, self._number = empty(self._part.size, bool), empty(self._part.size, number)

    def forward(self, x, y, mask=None):
        for block, middle, x, y in self._blocks(x, y):
            self._gather(x, middle, self._horizontal, self._column_winner[block])
            self._gather(middle, y, self._vertical, self._row_winner[block])
        if mask is not None:
            self._write_mask(mask)

    def backward(self, dy, dx):
        for block, middle, dy, dx in self._blocks(dy, dx):
            self._scatter(dy, middle, self._vertical, self._row_winner[block], self._rows.stride)
            self._scatter(middle, dx, self._horizontal, self._column_winner[block], self._columns.stride)

    def _gather(self, x, y, taps, winner):
        xp = self.xp
        hit, number = _shaped(self._hit, y), _shaped(self._number, y)
        y[...] = LOWEST
        winner[...] = 0
        for t, out, source in taps:
            xp.greater(x[source], y[out], out=hit[out])
            xp.maximum(x[source], y[out], out=y[out])
            # t grows, so the last hit is the largest number: faster than a write through a mask
            xp.multiply(hit[out].view(np.uint8), winner.dtype.type(t + 1), out=number[out])
            xp.maximum(winner[out], number[out], out=winner[out])

    def _scatter(self, dy, dx, taps, winner, stride):
        xp = self.xp
        hit, part = _shaped(self._hit, dy), _shaped(self._part, dy)
        dx[...] = 0
        for t, out, source in taps:
            xp.equal(winner[out], t + 1, out=hit[out])
            if t < stride:  # the first `stride` elements meet each pixel at most once
                xp.multiply(dy[out], hit[out], out=dx[source])
            else:
                xp.multiply(dy[out], hit[out], out=part[out])
                dx[source] += part[out]

    def _write_mask(self, mask):
        xp = self.xp
        found = self._row_winner > 0
        row = self._row_winner.astype(np.intp) - 1
        row += xp.asarray(self._rows.starts)[:, None]
        row[~found] = 0
        column = xp.take_along_axis(self._column_winner.astype(np.intp), row, axis=1) - 1
        column += xp.asarray(self._columns.starts)
        mask[...] = xp.where(found, row * self._width + column, -1).reshape(mask.shape)


def _shaped(buffer, like):
    """Return the start of a flat buffer in the shape of `like`."""
    return buffer[:like.size].reshape(like.shape)
