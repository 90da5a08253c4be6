"""Convolution of large images on a CPU: blocks of output rows that fit the cache, spread over the cores."""

import math

import numpy as np

from pycaffe_geo.ops import threads

BLOCK_BYTES = 2 << 20  # of the copied patches that one thread works on: in the cache until they are multiplied
FEW_OUTPUTS = 192  # OpenBLAS makes the weight gradient of fewer outputs faster transposed


class RowConvolution:
    """A plan as `plan_convolution` describes it. It keeps the order (N, C, H, W): what each kernel element sees of some output
    rows is a row of a matrix (C kh kw, pixels), whose product with the weights is part of y.

    A thread has its own rows of all samples' outputs, and a sum of its own for the weight gradient; these are added in
    order. The data gradient of a convolution with stride 1 is another one, of dy with the weights turned round; else the
    threads share the channels, and add the gradients of the patches of all their channels to the image's.
    """

    rectifies = True

    def __init__(self, x_shape, w_shape, size, stride, pad, dilation, group, dtype, device, check):
        self.out_shape = (x_shape[0], w_shape[0], *size)
        self._dtype = dtype
        self._parts = threads.parts()
        self._rows = _Rows(x_shape, w_shape, size, stride, pad, dilation, group, dtype, self._parts, check)
        self._turned = None
        turned_pad = [d * (k - 1) - p for d, k, p in zip(dilation, w_shape[2:], pad)]
        if tuple(stride) == (1, 1) and min(turned_pad) >= 0:
            shape = (x_shape[1], w_shape[0] // group, *w_shape[2:])
            sizes = x_shape[2:], stride, turned_pad, dilation
            self._turned = _Rows(self.out_shape, shape, *sizes, group, dtype, self._parts, check)
            self._turned_weights = np.empty((group, shape[0] // group, *shape[1:]), dtype)
        else:
            check and check("a padded sample", *self._rows.padded_shape)

    def forward(self, x, w, b, y):
        self._rows.run(x, w, b, y)

    def forward_rectified(self, x, w, b, y):
        self._rows.run(x, w, b, y, rectify=True)

    def backward_data(self, dy, w, dx, dy_unchanged=False):
        if self._turned:
            group = len(self._turned_weights)
            self._turned_weights[...] = w.reshape(group, -1, *w.shape[1:])[..., ::-1, ::-1].swapaxes(1, 2)
            self._turned.run(dy, self._turned_weights, None, dx)
        else:
            with threads.together(self._parts) as run:
                run(lambda part, scratch: self._rows.scatter_part(part, scratch, dy, w, dx))

    def backward_weights(self, x, dy, dw, x_unchanged=False):
        with threads.together(self._parts) as run:
            sums = run(lambda part, scratch: self._rows.weights_part(part, scratch, x, dy))
            for total in sums:
                dw.reshape(total.shape)[...] += total  # in this order, so that another run gives the same

    def backward_bias(self, dy, db):
        planes = dy.reshape(dy.shape[0] * dy.shape[1], dy.shape[2] * dy.shape[3])
        sums = np.empty(len(planes), self._dtype)

        def add(part, scratch):
            mine = threads.split(len(planes), self._parts, part)
            planes[mine].sum(1, out=sums[mine])

        with threads.together(self._parts) as run:
            run(add)
        db += sums.reshape(dy.shape[:2]).sum(0)


class _Rows:
    """Products over blocks of output rows: the sizes, the patches of a block, and what one part does."""

    def __init__(self, x_shape, w_shape, size, stride, pad, dilation, group, dtype, parts, check):
        self._batch, self._channels, *self._in_size = x_shape
        self._out_size, self._stride, self._pad, self._dilation = size, stride, pad, dilation
        self._kernel, self._group, self._dtype, self._parts = w_shape[2:], group, np.dtype(dtype), parts
        depth = w_shape[1] * self._kernel[0] * self._kernel[1]
        self._weights_shape = (group, w_shape[0] // group, depth)
        row = group * depth * size[1]
        self._block = max(1, min(size[0], BLOCK_BYTES // (row * self._dtype.itemsize)))
        self._bare = (*self._kernel, *stride, *pad) == (1, 1, 1, 1, 0, 0)  # what the kernel sees is the image itself
        self._columns = (0,) if self._bare else (row * self._block,)
        height = (self._block - 1) * stride[0] + dilation[0] * (self._kernel[0] - 1) + 1
        self.padded_shape = (self._channels, *(n + 2 * p for n, p in zip(self._in_size, pad)))
        self._strip = (self._channels, height, self.padded_shape[2]) if any(pad) else (0,)
        if check:
            check("the patches of some rows", *self._columns)
            check("some padded rows", *self._strip)

    def run(self, x, w, b, y, rectify=False):
        """Write y, or max(y, 0)."""
        with threads.together(self._parts) as run:
            run(lambda part, scratch: self._forward_part(part, scratch, x, w, b, y, rectify))

    def _forward_part(self, part, scratch, x, w, b, y, rectify):
        strip, columns = scratch.take(self._dtype, self._strip, self._columns)
        w = w.reshape(self._weights_shape)
        for n, first, last in self._blocks(part):
            out = self._pixels(y[n], first, last)
            np.matmul(w, self._seen(x[n], first, last, strip, columns), out=out)
            if b is not None:
                out += b.reshape(self._group, -1, 1)
            if rectify:
                np.maximum(out, 0, out=out)

    def weights_part(self, part, scratch, x, dy):
        """Return what this part's rows add to the weight gradient, (group, O / group, C / group kh kw), in scratch."""
        flat = self._weights_shape[1] < FEW_OUTPUTS
        shape = (self._group, *(self._weights_shape[:0:-1] if flat else self._weights_shape[1:]))
        strip, columns, total, one = scratch.take(self._dtype, self._strip, self._columns, shape, shape)
        total[...] = 0
        for n, first, last in self._blocks(part):
            pixels, seen = self._pixels(dy[n], first, last), self._seen(x[n], first, last, strip, columns)
            left, right = (seen, pixels) if flat else (pixels, seen)
            total += np.matmul(left, right.swapaxes(1, 2), out=one)
        return total.swapaxes(1, 2) if flat else total

    def scatter_part(self, part, scratch, dy, w, dx):
        """Write this part's channels of dx, of each group."""
        mine = threads.split(self._channels // self._group, self._parts, part)
        channels = mine.stop - mine.start
        if not channels:
            return
        w = w.reshape(*self._weights_shape[:2], -1, *self._kernel)[:, :, mine].reshape(*self._weights_shape[:2], -1)
        shape = (self._group, channels, *self.padded_shape[1:])
        padded, columns = scratch.take(self._dtype, shape, (*shape[:2], *self._kernel, self._block, self._out_size[1]))
        (top, left), (height, width) = self._pad, self._in_size
        for n in range(self._batch):
            padded[...] = 0
            for first in range(0, self._out_size[0], self._block):
                last = min(first + self._block, self._out_size[0])
                taps = _first(columns.reshape(-1), (*columns.shape[:4], last - first, self._out_size[1]))
                np.matmul(w.swapaxes(1, 2), self._pixels(dy[n], first, last), out=taps.reshape(self._group, w.shape[2], -1))
                add_taps(taps, padded[:, :, first * self._stride[0]:], self._stride, self._dilation)
            image = dx[n].reshape(self._group, -1, height, width)
            image[:, mine] = padded[:, :, top:top + height, left:left + width]

    def _blocks(self, part):
        """Yield this part's output rows: (sample, first row, row after the last)."""
        mine, height = threads.split(self._batch * self._out_size[0], self._parts, part), self._out_size[0]
        at = mine.start
        while at < mine.stop:
            n, first = divmod(at, height)
            last = min(first + self._block, height, first + mine.stop - at)
            yield n, first, last
            at += last - first

    def _pixels(self, image, first, last):
        """Return rows of an image (O, H', W') as a view (group, O / group, pixels)."""
        return image.reshape(self._group, -1, image.shape[1] * image.shape[2])[:, :, first * image.shape[2]:last * image.shape[2]]

    def _seen(self, x, first, last, strip, columns):
        """Return what the kernel sees of x (C, H, W) at these output rows as (group, C / group kh kw, pixels)."""
        if self._bare:
            return self._pixels(x, first, last)
        rows, start = last - first, first * self._stride[0]
        source = self._load_strip(x, start, strip) if any(self._pad) else x[:, start:]
        source = patches(source, self._kernel, (rows, self._out_size[1]), self._stride, self._dilation)
        columns = _first(columns, source.shape)
        columns[...] = source
        return columns.reshape(self._group, self._weights_shape[2], -1)

    def _load_strip(self, x, start, strip):
        """Copy the rows of x from `start` on, counted with the pad, to the strip with their border of zeros."""
        (top, left), (height, width) = self._pad, self._in_size
        first, last = max(start - top, 0), min(start - top + strip.shape[1], height)
        strip[...] = 0
        if first < last:
            strip[:, first + top - start:last + top - start, left:left + width] = x[:, first:last]
        return strip


def _first(buffer, shape):
    """Return the start of a flat buffer as an array of this shape."""
    return buffer[:math.prod(shape)].reshape(shape)


def patches(image, kernel, size, stride, dilation):
    """Return what the kernel (kh, kw) sees of images (..., H, W) at `size` (H', W') positions: a view (..., kh, kw, H', W')."""
    *lead, row, column = image.strides
    strides = (*lead, row * dilation[0], column * dilation[1], row * stride[0], column * stride[1])
    return np.lib.stride_tricks.as_strided(image, (*image.shape[:-2], *kernel, *size), strides)


def add_taps(taps, image, stride, dilation):
    """Add (group, c, kh, kw, ..., H', W') to images (group, c, ..., H, W), each where the kernel has seen it."""
    rows, columns = taps.shape[-2:]
    for i in range(taps.shape[2]):
        for j in range(taps.shape[3]):
            y, x = i * dilation[0], j * dilation[1]
            bottom, right = y + (rows - 1) * stride[0] + 1, x + (columns - 1) * stride[1] + 1
            image[..., y:bottom:stride[0], x:right:stride[1]] += taps[:, :, i, j]
