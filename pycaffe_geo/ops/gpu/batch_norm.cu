// ops/batch_norm.py's functions on (N, C, size). Grid of the sums: x runs of `run` values of a channel, y channels.

// For each run of a channel's values its mean, and its sum of squares around that mean.
KERNEL moments(int count, int channels, int size, int run, const BLOB *x, REAL *sums)
{
    __shared__ REAL shared[1];
    int c = blockIdx.y, first = blockIdx.x * run, last = min(first + run, count);
    REAL value[1] = {0};
    for (int j = first + threadIdx.x; j < last; j += THREADS) value[0] += x[at(j, c, channels, size)];
    block_sums<1>(value, shared);
    REAL mean = shared[0] / (last - first);
    __syncthreads();
    value[0] = 0;
    for (int j = first + threadIdx.x; j < last; j += THREADS) {
        REAL d = x[at(j, c, channels, size)] - mean;
        value[0] += d * d;
    }
    block_sums<1>(value, shared);
    if (threadIdx.x == 0) {
        sums[2 * (c * gridDim.x + blockIdx.x)] = mean;
        sums[2 * (c * gridDim.x + blockIdx.x) + 1] = shared[0];
    }
}

// From the runs' moments each channel's mean, biased variance and 1 / sqrt(variance + eps). A thread for each channel.
KERNEL finish_moments(int channels, int count, int run, int parts, REAL eps, const REAL *sums, REAL *mean, REAL *variance,
                      REAL *inverse)
{
    int c = place();
    if (c >= channels) return;
    const REAL *s = sums + 2 * c * parts;
    double middle = 0, square = 0;
    for (int p = 0; p < parts; p++) middle += (double)s[2 * p] * (min((p + 1) * run, count) - p * run);
    middle /= count;
    for (int p = 0; p < parts; p++) {
        double d = s[2 * p] - middle;
        square += s[2 * p + 1] + d * d * (min((p + 1) * run, count) - p * run);
    }
    mean[c] = middle;
    variance[c] = square / count;
    inverse[c] = 1 / sqrt(square / count + eps);
}

// Grid: x pixels, y channels, z images. y may be x.
KERNEL normalise(int batch, int channels, int size, const BLOB *x, const REAL *mean, const REAL *inverse, BLOB *y)
{
    int i = place(), c = blockIdx.y;
    if (i >= size) return;
    REAL m = mean[c], factor = inverse[c];
    for (int n = blockIdx.z; n < batch; n += gridDim.z) {
        size_t j = ((size_t)n * channels + c) * size + i;
        y[j] = (x[j] - m) * factor;
    }
}

// For each run of a channel's values the sums of dy and of dy y.
KERNEL slopes(int count, int channels, int size, int run, const BLOB *dy, const BLOB *y, REAL *sums)
{
    int c = blockIdx.y, first = blockIdx.x * run, last = min(first + run, count);
    REAL values[2] = {0};
    for (int j = first + threadIdx.x; j < last; j += THREADS) {
        size_t k = at(j, c, channels, size);
        values[0] += dy[k];
        values[1] += dy[k] * y[k];
    }
    block_sums<2>(values, sums + 2 * (c * gridDim.x + blockIdx.x));
}

// From the runs' sums each channel's means of dy and of dy y (C, 2). A thread for each channel.
KERNEL finish_slopes(int channels, int count, int parts, const REAL *sums, REAL *means)
{
    int c = place();
    if (c >= channels) return;
    const REAL *s = sums + 2 * c * parts;
    means[2 * c] = sum_of(s, parts, 2) / count;
    means[2 * c + 1] = sum_of(s + 1, parts, 2) / count;
}

// Grid as normalise's; dx may be dy.
KERNEL gradient(int batch, int channels, int size, const BLOB *dy, const BLOB *y, const REAL *means, const REAL *inverse,
                BLOB *dx)
{
    int i = place(), c = blockIdx.y;
    if (i >= size) return;
    REAL mean = means[2 * c], slope = means[2 * c + 1], factor = inverse[c];
    for (int n = blockIdx.z; n < batch; n += gridDim.z) {
        size_t j = ((size_t)n * channels + c) * size + i;
        dx[j] = (dy[j] - mean - y[j] * slope) * factor;
    }
}
