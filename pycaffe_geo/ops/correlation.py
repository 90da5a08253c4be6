"""The correlation of two feature maps: patches of the first compared with displaced patches of the second."""

import numpy as np


class Correlation:
    """Plan to compare a and b (N, C, H, W), giving y (N, D^2, H', W') with D = 2 (max_displacement // stride_2) + 1.

    Both are framed by `pad` zeros. Patches of kernel_size^2 pixels of `a`, whose corners stand every `stride_1` pixels from
    (max_displacement, max_displacement) on, meet those of `b` moved by multiples of `stride_2`, up to `max_displacement` each
    way: channel i D + j by (i - D // 2) stride_2 down and (j - D // 2) stride_2 to the right. y is the mean over patch and
    channels of a * b, or with `subtract` of |a - b|. `forward` writes y; `backward` writes those gradients that are not None.

    Arrays are kept with channels last, so that each displacement is one product-sum over contiguous memory.
    """

    def __init__(self, shape, kernel_size, max_displacement, stride_1, stride_2, pad, subtract, dtype, device):
        self.xp = device.xp
        batch, channels, *size = shape
        self._kernel, self._stride, self._pad, self._subtract = kernel_size, stride_1, pad, subtract
        self._start = max_displacement
        reach = max_displacement // stride_2
        moves = [stride_2 * i for i in range(-reach, reach + 1)]
        self._moves = [(down, right) for down in moves for right in moves]
        free = [n + 2 * pad - 2 * max_displacement - kernel_size + 1 for n in size]
        self.y_shape = (batch, len(self._moves), *(-(-n // stride_1) for n in free))
        self._step = stride_1 if kernel_size == 1 else 1  # of single products; a larger patch sums those of its pixels
        self._span = [(n - 1) * stride_1 + kernel_size for n in self.y_shape[2:]]
        self._factor = 1 / (kernel_size**2 * channels)
        self._dtype = dtype
        self._frame = (batch, *(n + 2 * pad for n in size), channels)
        self._a, self._b = (self.xp.zeros(self._frame, dtype) for _ in range(2))
        self._da = self._db = None
        self._work = self.xp.empty_like(self._window(self._a))
        self._product = self.xp.empty(self._work.shape[:3], dtype)

    def forward(self, a, b, y):
        """Write y for a and b; both are kept for `backward`."""
        self._interior(self._a)[...] = a
        self._interior(self._b)[...] = b
        near = self._window(self._a)
        for k, move in enumerate(self._moves):
            y[:, k] = self._patch_sums(self._compare(near, self._window(self._b, *move)))
        y *= self._factor

    def backward(self, dy, da=None, db=None):
        """Write the gradients to a and b of the last forward."""
        if self._da is None:
            self._da, self._db = (self.xp.zeros(self._frame, self._dtype) for _ in range(2))
        self._da[...] = 0
        self._db[...] = 0
        near, d_near = self._window(self._a), self._window(self._da)
        for k, move in enumerate(self._moves):
            weight = self._patch_spread(dy[:, k])[..., None]
            far, d_far = self._window(self._b, *move), self._window(self._db, *move)
            add = self._add_difference_slopes if self._subtract else self._add_product_slopes
            add(near, far, weight, None if da is None else d_near, None if db is None else d_far)
        for result, framed in ((da, self._da), (db, self._db)):
            if result is not None:
                self.xp.multiply(self._interior(framed), self._factor, out=result)

    def _compare(self, near, far):
        """Return the sum over channels of near * far or |near - far|: (N, rows, columns)."""
        xp = self.xp
        if not self._subtract:
            return xp.einsum("nhwc,nhwc->nhw", near, far)
        xp.subtract(near, far, out=self._work)
        xp.abs(self._work, out=self._work)
        return self._work.sum(axis=3)

    def _add_product_slopes(self, near, far, weight, d_near, d_far):
        """Add weight times the derivatives of near * far to the gradients that are not None."""
        for other, gradient in ((far, d_near), (near, d_far)):
            if gradient is not None:
                gradient += self.xp.multiply(other, weight, out=self._work)

    def _add_difference_slopes(self, near, far, weight, d_near, d_far):
        """Add weight times the derivatives of |near - far| to the gradients that are not None; of |0| it is 0."""
        sign = self.xp.sign(self.xp.subtract(near, far, out=self._work))  # a new array: in place NumPy takes ten times as long
        sign *= weight
        if d_near is not None:
            d_near += sign
        if d_far is not None:
            d_far -= sign

    def _patch_sums(self, product):
        """Return the sums (N, H', W') of the products of each patch."""
        if self._kernel == 1:
            return product
        return sum(part for part in self._patch_pixels(product))

    def _patch_spread(self, dy):
        """Return the gradient to the products from that to the patch sums."""
        if self._kernel == 1:
            return dy
        self._product[...] = 0
        for part in self._patch_pixels(self._product):
            part += dy
        return self._product

    def _patch_pixels(self, product):
        """Yield for each pixel of the patches the view (N, H', W') of `product` that holds it."""
        stride, reach = self._stride, [n - self._kernel + 1 for n in self._span]
        for i, j in np.ndindex(self._kernel, self._kernel):
            yield product[:, i:i + reach[0]:stride, j:j + reach[1]:stride]

    def _window(self, framed, down=0, right=0):
        """Return the part of a framed array that all patches cover, moved."""
        top, left = self._start + down, self._start + right
        return framed[:, top:top + self._span[0]:self._step, left:left + self._span[1]:self._step]

    def _interior(self, framed):
        """Return the part of a framed array that is no frame, as (N, C, H, W)."""
        pad, (_, height, width, _) = self._pad, self._frame
        return framed[:, pad:height - pad, pad:width - pad].transpose(0, 3, 1, 2)
