// ops/scale.py's functions on (N, C, size).

// Grid: x pixels, y channels, z images. offset and kept may be null; y may be x.
KERNEL forward(int batch, int channels, int size, const BLOB *x, const REAL *factor, const REAL *offset, BLOB *y, BLOB *kept,
               int rectify)
{
    int i = place(), c = blockIdx.y;
    if (i >= size) return;
    REAL by = factor[c], plus = offset ? offset[c] : 0;
    for (int n = blockIdx.z; n < batch; n += gridDim.z) {
        size_t j = ((size_t)n * channels + c) * size + i;
        REAL value = x[j];
        if (kept) kept[j] = value;
        REAL scaled = value * by + plus;
        y[j] = rectify && scaled <= 0 ? 0 : scaled;
    }
}

// Writes dx (unless null; it may be dy), and unless null for each run of a channel's values the sums of dy x and of dy. Grid: x runs
// of `run` values, y channels.
KERNEL backward(int count, int channels, int size, int run, const BLOB *x, const BLOB *dy, const REAL *factor, BLOB *dx, REAL *sums)
{
    int c = blockIdx.y, first = blockIdx.x * run, last = min(first + run, count);
    REAL values[2] = {0}, by = factor[c];
    for (int j = first + threadIdx.x; j < last; j += THREADS) {
        size_t k = at(j, c, channels, size);
        REAL g = dy[k];
        if (sums) values[0] += g * x[k];
        values[1] += g;
        if (dx) dx[k] = g * by;
    }
    if (sums) block_sums<2>(values, sums + 2 * (c * gridDim.x + blockIdx.x));
}

// Adds the runs' sums to dfactor and doffset, either of which may be null. A thread for each channel.
KERNEL finish(int channels, int parts, const REAL *sums, REAL *dfactor, REAL *doffset)
{
    int c = place();
    if (c >= channels) return;
    if (dfactor) dfactor[c] += sum_of(sums + 2 * c * parts, parts, 2);
    if (doffset) doffset[c] += sum_of(sums + 2 * c * parts + 1, parts, 2);
}
