// ops/element_cost.py's costs and slopes.

// Element i's weight is weights[i / plane * size + i % size] (plane elements of an image, size of a channel); all 1 where null.
// Writes slope, and for each block the sum of (a - b) slope. square: the cost is d^2 / 2, else |d|.
KERNEL element_cost(int count, int plane, int size, int square, const REAL *a, const REAL *b, const REAL *weights, REAL *slope,
                    REAL *sums)
{
    REAL total[1] = {0};
    for (int i = place(); i < count; i += stride()) {
        REAL w = weights ? weights[i / plane * size + i % size] : 1;
        REAL d = w != 0 ? a[i] - b[i] : 0;
        REAL s = w * (square ? d : d > 0 ? 1 : d < 0 ? -1 : d);
        slope[i] = s;
        total[0] += d * s;
    }
    block_sums<1>(total, sums + blockIdx.x);
}

// Writes the sum of `count` numbers. One block.
KERNEL total(int count, const REAL *sums, REAL *result)
{
    REAL sum[1] = {(REAL)sum_of(sums + threadIdx.x, max(0, (count - (int)threadIdx.x + THREADS - 1) / THREADS), THREADS)};
    block_sums<1>(sum, result);
}
