// ops/element_cost.py's costs and slopes.

// Element i's weight is weights[i / plane * size + i % size] (plane elements of an image, size of a channel); all 1 where null.
__device__ inline REAL weight_of(const REAL *weights, int i, int plane, int size)
{
    return weights ? weights[i / plane * size + i % size] : 1;
}

// Writes for each block the sum of w f(a - b). square: f(d) is d^2 / 2, else |d|.
KERNEL element_cost(int count, int plane, int size, int square, const REAL *a, const REAL *b, const REAL *weights, REAL *sums)
{
    REAL total[1] = {0};
    for (int i = place(); i < count; i += stride()) {
        REAL w = weight_of(weights, i, plane, size);
        REAL d = w != 0 ? a[i] - b[i] : 0;
        total[0] += w * (square ? d * d / 2 : d < 0 ? -d : d);
    }
    block_sums<1>(total, sums + blockIdx.x);
}

// Writes factor w f'(a - b) to da and its negative to db, each unless null.
KERNEL element_slopes(int count, int plane, int size, int square, const REAL *a, const REAL *b, const REAL *weights,
                      const REAL *factor, REAL *da, REAL *db)
{
    int i = place();
    if (i >= count) return;
    REAL w = weight_of(weights, i, plane, size);
    REAL d = w != 0 ? a[i] - b[i] : 0;
    REAL s = w * (square ? d : d > 0 ? 1 : d < 0 ? -1 : d) * *factor;
    if (da) da[i] = s;
    if (db) db[i] = -s;
}

// Writes the sum of `count` numbers. One block.
KERNEL total(int count, const REAL *sums, REAL *result)
{
    REAL sum[1] = {(REAL)sum_of(sums + threadIdx.x, max(0, (count - (int)threadIdx.x + THREADS - 1) / THREADS), THREADS)};
    block_sums<1>(sum, result);
}
