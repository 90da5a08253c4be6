"""Convolution planned once per shape: matrix products over copied image patches, with the buffers they need."""

import math

import numpy as np

from pycaffe_geo.errors import ShapeError
from pycaffe_geo.ops import threads
from pycaffe_geo.ops.convolution_channels import ChannelConvolution
from pycaffe_geo.ops.convolution_nd import NdConvolution
from pycaffe_geo.ops.convolution_rows import RowConvolution
from pycaffe_geo.ops.engines import fast, own_asked
from pycaffe_geo.ops.gpu.cudnn import cudnn_convolution
from pycaffe_geo.ops.onednn.convolution import onednn_convolution
from pycaffe_geo.ops.wide import WidePlan, is_half

COLUMN_BYTES = 32 << 20  # the most that the copied patches of one plan may take
CHANNEL_BLOCK = 16  # channels that oneDNN works on at a time
POINTWISE_AREA = 128  # smaller planes make one product over the whole batch faster than one per sample
LARGE_AREA, MANY = 400, 8  # fewer pixels and no fewer samples do so on a CPU
SMALL, SHORT = 1 << 19, 1 << 22  # copied numbers and multiplications; less work than both takes no longer on one core


def output_size(size, kernel, stride, pad, dilation):
    """Return how many positions a kernel takes along one axis: floor((size + 2 pad - extent) / stride) + 1."""
    return (size + 2 * pad - dilation * (kernel - 1) - 1) // stride + 1


def plan_convolution(x_shape, w_shape, *, stride=(1, 1), pad=(0, 0), dilation=(1, 1), group=1, dtype, device, check=None,
                     engine="DEFAULT"):
    """Return a plan for correlating x (N, C, H, W) with weights w (O, C / group, kh, kw), as Caffe's Convolution does.

    stride, pad and dilation are (vertical, horizontal) pixels; with more than two spatial axes all have a number for each.
    check(what, *shape) is told of the buffers whose size nothing but pad, stride and dilation bounds, and may raise before they
    are made. engine "CAFFE" asks for matrix products over patches even where a faster library is installed. A plan owns its
    buffers and has
        out_shape                           (N, O, H', W'), H' = floor((H + 2 pad - dilation (kh - 1) - 1) / stride) + 1
        forward(x, w, b, y)                 writes y; b (O,) or None
        forward_rectified(x, w, b, y)       as forward, but writes max(y, 0), or NaN where that of -infinity: only where the plan
                                            has a true `rectifies`
        backward_data(dy, w, dx, dy_unchanged=False)
                                            writes dx; say dy_unchanged only where backward_weights was given the same dy just
                                            before: work on it is then not repeated
        backward_weights(x, dy, dw, x_unchanged=False)
                                            adds to dw; say x_unchanged only where x holds exactly what the last call of
                                            forward or backward_weights was given: work on it is then not repeated
        backward_bias(dy, db)               adds to db
    Arrays are C-contiguous. A deconvolution is the adjoint: plan the convolution that maps its output to its input, and
    call backward_data to go forward. ShapeError (without a place) where channels or groups do not fit or no output is left.
    """
    channels, outputs, group_channels = x_shape[1], *w_shape[:2]
    if channels != group_channels * group or outputs % group:
        raise ShapeError(f"{channels} channels and {outputs} outputs do not fit group {group}")
    size = tuple(output_size(*a) for a in zip(x_shape[2:], w_shape[2:], stride, pad, dilation))
    if min(size) < 1:
        kernel, spread, image, border = ("x".join(map(str, a)) for a in (w_shape[2:], dilation, x_shape[2:], pad))
        raise ShapeError(f"kernel {kernel} with dilation {spread} is larger than the input {image} with pad {border}")
    arguments = x_shape, w_shape, size, stride, pad, dilation, group, np.dtype(dtype), device
    if is_half(dtype):
        fastest = None if len(size) > 2 or own_asked(engine, device) else cudnn_convolution(*arguments)
        options = dict(stride=stride, pad=pad, dilation=dilation, group=group, device=device, check=check, engine=engine)
        return fastest or _wide(plan_convolution(x_shape, w_shape, dtype="float32", **options))
    if len(size) > 2:
        return NdConvolution(*arguments, check)
    reference = _reference(x_shape, w_shape, size, stride, pad, device)
    if own_asked(engine, device):
        return reference(*arguments, check)
    fastest = _thin(*arguments) or cudnn_convolution(*arguments) or _ragged(*arguments) or onednn_convolution(*arguments)
    return fastest or reference(*arguments, check)


def _reference(x_shape, w_shape, size, stride, pad, device):
    """Return the class of the plan by matrix products that is the fastest for these sizes."""
    area = size[0] * size[1]
    if device.xp is not np:
        pointwise = (*w_shape[2:], *stride, *pad) == (1, 1, 1, 1, 0, 0) and area >= POINTWISE_AREA
        return PointwiseConvolution if pointwise else PatchConvolution
    copied = x_shape[0] * area * x_shape[1] * math.prod(w_shape[2:])
    if copied < SMALL and copied * w_shape[0] < SHORT:
        return PatchConvolution
    # what there is more of is cut for the cores, the rest each of them reads
    if math.prod(x_shape) + x_shape[0] * w_shape[0] * area < math.prod(w_shape):
        return ChannelConvolution
    return SampleConvolution if area < LARGE_AREA and x_shape[0] >= MANY else RowConvolution


def _wide(plan):
    return WidePlan(plan, forward=[3], backward_data=[2], backward_weights=[2], backward_bias=[1])


def _thin(*arguments):
    """Return the compiled plan for few outputs, or None."""
    kernels = fast("thin_convolution", arguments[-1], arguments[-2])
    return kernels and kernels.thin_convolution(*arguments)


def _ragged(*arguments):
    """Return oneDNN's plan for all channels but the few beyond a multiple of what it works on at a time, and one for these."""
    kernels = fast("thin_convolution", arguments[-1], arguments[-2])
    rest = kernels and kernels.thin_rest(CHANNEL_BLOCK, *arguments)
    blocks = rest and onednn_convolution(*arguments, channels=rest.first)
    return SplitConvolution(blocks, rest) if blocks else None


class SplitConvolution:
    """Two plans of one convolution: `blocks` for the first channels, and `rest`, which adds to it, for the others."""

    def __init__(self, blocks, rest):
        self.out_shape = rest.out_shape
        self.backward_bias = blocks.backward_bias
        self._blocks, self._rest = blocks, rest

    def forward(self, x, w, b, y):
        self._blocks.forward(x, w, b, y)
        self._rest.forward(x, w, None, y)

    def backward_data(self, dy, w, dx, dy_unchanged=False):
        self._blocks.backward_data(dy, w, dx, dy_unchanged)
        self._rest.backward_data(dy, w, dx)

    def backward_weights(self, x, dy, dw, x_unchanged=False):
        self._blocks.backward_weights(x, dy, dw, x_unchanged)
        self._rest.backward_weights(x, dy, dw)


class _Convolution:
    """What every convolution plan knows of its sizes, and the bias gradient."""

    def __init__(self, x_shape, w_shape, size, stride, pad, dilation, group, dtype, device, check):
        self.xp = device.xp
        self._matmul = device.matmul
        self.dtype = dtype
        self.out_shape = (x_shape[0], w_shape[0], *size)
        self._batch, self._channels, *self._in_size = x_shape
        self._outputs, _, *self._kernel = w_shape
        self._out_size, self._stride, self._pad, self._dilation = size, stride, pad, dilation
        self._group = group
        self._check = check or (lambda what, *shape: None)

    def backward_bias(self, dy, db):
        """Add the bias gradient (O,) of dy (N, O, H', W') to db."""
        db += dy.reshape(self._batch, self._outputs, self._out_size[0] * self._out_size[1]).sum(2).sum(0)

    def _split(self, array):
        """Return (N, channels, ...) as a view (N, group, channels / group, ...)."""
        return array.reshape(array.shape[0], self._group, -1, *array.shape[2:])


class PointwiseConvolution(_Convolution):
    """A 1x1 kernel with stride 1 and no pad: products of the weights with each sample, nothing copied."""

    def __init__(self, *args):
        super().__init__(*args)
        self._weights_shape = (self._group, self._outputs // self._group, self._channels // self._group)
        self._dw = self.xp.empty(self._weights_shape, self.dtype)

    def forward(self, x, w, b, y):
        self._matmul(w.reshape(self._weights_shape), self._planes(x), out=self._planes(y))
        if b is not None:
            y += b[:, None, None]

    def backward_data(self, dy, w, dx, dy_unchanged=False):
        self._matmul(w.reshape(self._weights_shape).swapaxes(1, 2), self._planes(dy), out=self._planes(dx))

    def backward_weights(self, x, dy, dw, x_unchanged=False):
        total = dw.reshape(self._weights_shape)
        for x_sample, dy_sample in zip(self._planes(x), self._planes(dy)):
            self._matmul(dy_sample, x_sample.swapaxes(1, 2), out=self._dw)
            total += self._dw

    def _planes(self, array):
        return array.reshape(self._batch, self._group, array.shape[1] // self._group, self._in_size[0] * self._in_size[1])


class PatchConvolution(_Convolution):
    """Any convolution: the patch under each output pixel becomes one row of a matrix, multiplied by the weights.

    Images are first copied to (N, H, W, C) with their border of zeros: a row of the kernel then is one run of
    kernel_w * C numbers, and small images of many samples make one large product. The rows of blocks of samples, or of
    output rows where one sample is too large, are kept below `most` bytes (COLUMN_BYTES).
    Backward to the data takes one horizontal run of kernel columns at a time (as many as the stride, so that the places
    it adds to do not overlap): the gradient of the patches never exists as a whole.
    """

    def __init__(self, *args, most=None):
        super().__init__(*args)
        most = most or COLUMN_BYTES
        (out_h, out_w), (kernel_h, kernel_w) = self._out_size, self._kernel
        group, item = self._group, self.dtype.itemsize
        self._group_channels, self._group_outputs = self._channels // group, self._outputs // group
        self._depth = kernel_h * kernel_w * self._group_channels
        row_bytes = out_w * self._depth * group * item
        self._block = max(1, min(self._batch, most // (row_bytes * out_h)))
        self._block_rows = max(1, min(out_h, most // row_bytes))
        self._run = min(self._stride[1], kernel_w) if self._dilation[1] == 1 else 1
        empty = self.xp.empty
        padded_size = [n + 2 * p for n, p in zip(self._in_size, self._pad)]
        pixels = self._block * out_h * out_w
        self._check("padded images", self._block, *padded_size, self._channels)
        self._check("a block of outputs", pixels, self._outputs)
        if row_bytes > most:
            self._check("the patches of a row", row_bytes // item)
        self._padded = empty((self._block, *padded_size, self._channels), self.dtype)
        self._columns = empty(self._block * self._block_rows * row_bytes // item, self.dtype)
        self._pixels = empty(pixels * self._outputs, self.dtype)
        self._runs = empty(pixels * self._run * self._channels, self.dtype)
        self._weights, self._dw = (empty((group, self._group_outputs, self._depth), self.dtype) for _ in range(2))
        self._columns_hold_x = False

    def forward(self, x, w, b, y):
        weights = self._load_weights(w).swapaxes(1, 2)
        bias = 0 if b is None else b.reshape(self._group, -1, 1, 1)
        for first, last in self._sample_blocks():
            pixels = self._pixel_buffer(last - first)
            self._load_image(x[first:last])
            for rows in self._row_blocks():
                self._matmul(self._load_columns(last - first, rows), weights, out=self._matrix(pixels, rows))
            self.xp.add(pixels.transpose(1, 0, 4, 2, 3), bias, out=self._split(y[first:last]))

    def backward_weights(self, x, dy, dw, x_unchanged=False):
        total = dw.reshape(self._group, self._group_outputs, self._group_channels, *self._kernel)
        part = self._dw.reshape(self._group, self._group_outputs, *self._kernel, -1).transpose(0, 1, 4, 2, 3)
        keep = x_unchanged and self._columns_hold_x
        for first, last in self._sample_blocks():
            pixels = self._load_pixels(dy[first:last])
            if not keep:
                self._load_image(x[first:last])
            for rows in self._row_blocks():
                columns = self._column_buffer(last - first, rows) if keep else self._load_columns(last - first, rows)
                self._matmul(self._matrix(pixels, rows).swapaxes(1, 2), columns, out=self._dw)
                total += part

    def backward_data(self, dy, w, dx, dy_unchanged=False):
        weights = self._load_weights(w)
        keep = dy_unchanged and self._block == self._batch
        (pad_h, pad_w), (height, width) = self._pad, self._in_size
        for first, last in self._sample_blocks():
            pixels = self._pixel_buffer(last - first) if keep else self._load_pixels(dy[first:last])
            pixels = self._matrix(pixels)
            target = self._padded[:last - first]
            target[...] = 0
            for i in range(self._kernel[0]):
                for j in range(0, self._kernel[1], self._run):
                    self._add_run(pixels, weights, target, i, j)
            dx[first:last] = target[:, pad_h:pad_h + height, pad_w:pad_w + width].transpose(0, 3, 1, 2)

    def _add_run(self, pixels, weights, target, i, j):
        """Add to the padded image gradient `target` what kernel row i, columns j .. j + run - 1 give."""
        length = min(self._run, self._kernel[1] - j)
        start = (i * self._kernel[1] + j) * self._group_channels
        weights = weights[:, :, start:start + length * self._group_channels]
        patches = self._patches(target[:, i * self._dilation[0]:, j * self._dilation[1]:], self._out_size[0], (1, length))
        run = self._runs[:patches.size].reshape(self._group, -1, weights.shape[2])
        self._matmul(pixels, weights, out=run)
        patches += run.reshape(patches.shape)

    def _sample_blocks(self):
        return [(n, min(n + self._block, self._batch)) for n in range(0, self._batch, self._block)]

    def _row_blocks(self):
        return [slice(r, min(r + self._block_rows, self._out_size[0])) for r in range(0, self._out_size[0], self._block_rows)]

    def _load_weights(self, w):
        """Return the weights as (group, O / group, kh kw C / group), the order of the columns."""
        w = w.reshape(self._group, self._group_outputs, self._group_channels, *self._kernel)
        self._weights.reshape(self._group, self._group_outputs, *self._kernel, -1)[...] = w.transpose(0, 1, 3, 4, 2)
        return self._weights

    def _load_image(self, x):
        (pad_h, pad_w), (height, width) = self._pad, self._in_size
        padded = self._padded[:len(x)]
        if pad_h or pad_w:
            padded[...] = 0
        padded[:, pad_h:pad_h + height, pad_w:pad_w + width] = x.transpose(0, 2, 3, 1)

    def _load_pixels(self, dy):
        """Return dy (n, O, H', W') copied to (group, n, H', W', O / group)."""
        pixels = self._pixel_buffer(len(dy))
        pixels[...] = self._split(dy).transpose(1, 0, 3, 4, 2)
        return pixels

    def _pixel_buffer(self, samples):
        shape = (self._group, samples, *self._out_size, self._group_outputs)
        return self._pixels[:int(np.prod(shape))].reshape(shape)

    def _matrix(self, pixels, rows=slice(None)):
        """Return output rows of a pixel buffer as a view (group, pixels, O / group)."""
        return pixels[:, :, rows].reshape(self._group, -1, self._group_outputs)

    def _column_buffer(self, samples, rows):
        pixels = samples * (rows.stop - rows.start) * self._out_size[1]
        return self._columns[:self._group * pixels * self._depth].reshape(self._group, pixels, self._depth)

    def _load_columns(self, samples, rows):
        """Return the patches of the loaded image under output rows `rows` as (group, pixels, kh kw C / group)."""
        columns = self._column_buffer(samples, rows)
        image = self._padded[:samples, rows.start * self._stride[0]:]
        patches = self._patches(image, rows.stop - rows.start, self._kernel)
        columns.reshape(patches.shape)[...] = patches
        self._columns_hold_x = self._block == self._batch and self._block_rows == self._out_size[0]
        return columns

    def _patches(self, image, out_h, kernel):
        """Return a view (group, n, out_h, W', kernel rows, kernel columns, C / group) of the padded image (n, H, W, C)."""
        sample, row, column, channel = image.strides
        shape = (self._group, len(image), out_h, self._out_size[1], *kernel, self._group_channels)
        strides = (channel * self._group_channels, sample, row * self._stride[0], column * self._stride[1],
                   row * self._dilation[0], column * self._dilation[1], channel)
        return self.xp.lib.stride_tricks.as_strided(image, shape, strides)


class SampleConvolution:
    """A PatchConvolution for each thread of a CPU, which has some of the samples: for many small images."""

    def __init__(self, x_shape, w_shape, size, *arguments):
        batch = x_shape[0]
        self.out_shape = (batch, w_shape[0], *size)
        count = min(threads.parts(), batch)
        self._mine = [threads.split(batch, count, part) for part in range(count)]
        shapes = [(mine.stop - mine.start, *x_shape[1:]) for mine in self._mine]
        self._plans = [PatchConvolution(shape, w_shape, size, *arguments, most=COLUMN_BYTES // count) for shape in shapes]

    def forward(self, x, w, b, y):
        self._run(lambda plan, mine, scratch: plan.forward(x[mine], w, b, y[mine]))

    def backward_data(self, dy, w, dx, dy_unchanged=False):
        self._run(lambda plan, mine, scratch: plan.backward_data(dy[mine], w, dx[mine], dy_unchanged))

    def backward_weights(self, x, dy, dw, x_unchanged=False):
        def add(plan, mine, scratch):
            (total,) = scratch.take(dw.dtype, dw.shape)
            total[...] = 0
            plan.backward_weights(x[mine], dy[mine], total, x_unchanged)
            return total

        self._run(add, dw)

    def backward_bias(self, dy, db):
        db += dy.sum((2, 3)).sum(0)

    def _run(self, function, total=None):
        """Run function(plan, its samples, scratch) for all plans; add what they return to `total`, in this order."""
        with threads.together(len(self._plans)) as run:
            for one in run(lambda part, scratch: function(self._plans[part], self._mine[part], scratch)):
                if total is not None:
                    total += one
