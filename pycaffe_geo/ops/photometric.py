"""The photometric error of two images at each pixel: structural similarity (SSIM) mixed with the absolute difference."""

from pycaffe_geo.blob import Blob
from pycaffe_geo.ops.engines import gpu_allowed
from pycaffe_geo.ops.gpu.photometric import GpuPhotometricError


def plan_photometric_error(alpha, range_, device, dtype):
    """Return a PhotometricError, or a faster object with its functions."""
    fits = gpu_allowed(device, dtype)
    return (GpuPhotometricError if fits else PhotometricError)(alpha, range_, device, dtype)


class PhotometricError:
    """Mean over channels of alpha (1 - SSIM) / 2 + (1 - alpha) |a - b| / range, for images (N, C, H, W) -> (N, 1, H, W).

    SSIM (Wang 2004, window and constants of Godard 2017) is, by means and (co)variances over the 3 x 3 pixels around each,

        (2 mean_a mean_b + c1) (2 cov_ab + c2) / ((mean_a^2 + mean_b^2 + c1) (var_a + var_b + c2)),
        c1 = (0.01 range)^2, c2 = (0.03 range)^2.

    Pixels beyond the border are mirrored about the border pixel, and repeat it where an image is one pixel wide.
    """

    def __init__(self, alpha, range_, device, dtype):
        self.xp = device.xp
        self.alpha, self.range = alpha, range_
        self.c1, self.c2 = (0.01 * range_)**2, (0.03 * range_)**2
        # of the windows: mean a, mean b, mean ab, mean (a^2 + b^2); with diffs as scratch
        self.means = [Blob((), dtype, device) for _ in range(4)] if alpha else []
        self.scratch = Blob((), dtype, device)

    def reshape(self, shape):
        """Size the buffers for images of `shape`."""
        for blob in (*self.means, self.scratch):
            blob.reshape(*shape)

    def forward(self, a, b, out):
        """Write the error of `a` and `b` to `out`, and keep what backward needs."""
        xp, work = self.xp, self.scratch.data
        out[...] = 0
        if self.alpha < 1:
            xp.abs(xp.subtract(a, b, out=work), out=work)
            work *= (1 - self.alpha) / self.range
            out += work.mean(axis=1, keepdims=True)
        if self.alpha:
            self._take_means(a, b)
            n1, n2, d1, d2 = self._factors()
            n1 *= n2
            d1 *= d2
            n1 /= d1
            xp.subtract(1, n1, out=n1)
            xp.clip(n1, 0, 2, out=n1)  # it lies there but for rounding, so the gradient needs no look at it
            n1 *= self.alpha / 2
            out += n1.mean(axis=1, keepdims=True)

    def backward(self, a, b, dout, da, db):
        """Write the gradients to `da` and `db`, either of which may be None, from that of the error, `dout`."""
        share = dout / a.shape[1]
        wanted = [d for d in (da, db) if d is not None]
        if self.alpha:
            self._ssim_backward(a, b, share * (-self.alpha / 2), da, db)
        else:
            for d in wanted:
                d[...] = 0
        if self.alpha < 1:
            slope = self.scratch.data
            self.xp.sign(self.xp.subtract(a, b, out=slope), out=slope)
            slope *= share * ((1 - self.alpha) / self.range)
            if da is not None:
                da += slope
            if db is not None:
                db -= slope

    def _take_means(self, a, b):
        mean_a, mean_b, mean_ab, mean_squares = (blob.data for blob in self.means)
        work, more = self.scratch.data, self.scratch.diff
        window_mean(a, mean_a, work)
        window_mean(b, mean_b, work)
        window_mean(self.xp.multiply(a, b, out=more), mean_ab, work)
        self.xp.multiply(a, a, out=more)
        more += self.xp.multiply(b, b, out=work)
        window_mean(more, mean_squares, work)

    def _factors(self):
        """Return the two factors of SSIM's numerator and the two of its denominator, in scratch buffers."""
        xp = self.xp
        mean_a, mean_b, mean_ab, mean_squares = (blob.data for blob in self.means)
        n1, n2, d1, d2 = (blob.diff for blob in self.means)
        xp.multiply(mean_a, mean_b, out=n1)
        n1 *= 2
        xp.multiply(mean_ab, 2, out=n2)
        n2 -= n1
        xp.multiply(mean_a, mean_a, out=d1)
        d1 += xp.multiply(mean_b, mean_b, out=d2)
        xp.subtract(mean_squares, d1, out=d2)
        for factor, c in ((n1, self.c1), (n2, self.c2), (d1, self.c1), (d2, self.c2)):
            factor += c
        return n1, n2, d1, d2

    def _ssim_backward(self, a, b, slope, da, db):
        """`slope` is the gradient to SSIM, with one channel."""
        xp, work, more = self.xp, self.scratch.data, self.scratch.diff
        mean_a, mean_b = (blob.data for blob in self.means[:2])
        n1, n2, d1, d2 = self._factors()
        by_products = slope / d1
        by_products /= d2
        by_numerator = by_products * 2
        by_numerator *= xp.subtract(n2, n1, out=work)  # the gradient to mean_a mean_b
        by_products *= n1
        ssim_slope = by_products * n2
        by_products *= 2  # to mean_ab
        by_variances = xp.divide(ssim_slope, d2, out=n2)  # to -mean_squares
        by_squares = xp.divide(ssim_slope, d1, out=d1)
        xp.subtract(by_variances, by_squares, out=by_squares)  # to mean_a^2 + mean_b^2
        by_squares *= 2
        spread_products = window_adjoint(by_products, d2, work)
        spread_squares = window_adjoint(by_variances, n1, work)
        spread_squares *= 2
        for d, own, other, own_mean, other_mean in ((da, a, b, mean_a, mean_b), (db, b, a, mean_b, mean_a)):
            if d is None:
                continue
            xp.multiply(by_numerator, other_mean, out=more)
            more += xp.multiply(by_squares, own_mean, out=work)
            window_adjoint(more, d, work)
            d += xp.multiply(spread_products, other, out=work)
            d -= xp.multiply(spread_squares, own, out=work)


def window_mean(x, out, scratch):
    """Write the mean over the 3 x 3 pixels around each of `x` (N, C, H, W) to `out`, with mirrored borders; return `out`."""
    _add_neighbours(x, scratch, 3, adjoint=False)
    _add_neighbours(scratch, out, 2, adjoint=False)
    out /= 9
    return out


def window_adjoint(g, out, scratch):
    """Write the adjoint of `window_mean` for the gradient `g` to `out`, and return it."""
    _add_neighbours(g, scratch, 2, adjoint=True)
    _add_neighbours(scratch, out, 3, adjoint=True)
    out /= 9
    return out


def _add_neighbours(x, out, axis, adjoint):
    """Write the sum of each pixel and its two neighbours along `axis` to `out`."""
    def at(place):
        return (slice(None),) * axis + (place,)

    out[...] = x
    if x.shape[axis] < 2:
        out *= 3
        return
    out[at(slice(None, -1))] += x[at(slice(1, None))]
    out[at(slice(1, None))] += x[at(slice(None, -1))]
    for border, inner in ((0, 1), (-1, -2)):
        target, source = (inner, border) if adjoint else (border, inner)
        out[at(target)] += x[at(source)]
