// geometry/camera.py's functions, one pass over the pixels each. Grid: x pixels of an image, y images.
// Planes hold `size` = height width pixels. T is (N, 4, 4), K = fx, fy, cx, cy is (N, 4).

struct Ray { REAL x, y; };

__device__ inline Ray ray_of(const REAL *k, int i, int width)
{
    Ray ray = {(i % width - k[2]) / k[0], (i / width - k[3]) / k[1]};
    return ray;
}

__device__ inline REAL turned(const REAL *row, Ray ray) { return row[0] * ray.x + row[2] + row[1] * ray.y; }

KERNEL transform_grid(int size, int width, const REAL *depth, const REAL *T, const REAL *K, REAL *points)
{
    int i = place(), n = blockIdx.y;
    if (i >= size) return;
    REAL d = depth[(size_t)n * size + i];
    Ray ray = ray_of(K + 4 * n, i, width);
    for (int c = 0; c < 3; c++) {
        const REAL *row = T + 16 * n + 4 * c;
        points[(size_t)(3 * n + c) * size + i] = d != 0 ? turned(row, ray) * d + row[3] : 0;
    }
}

// Writes ddepth (unless null), and for each block the sums (3, 4) of d dp (x, y, 1) and dp.
KERNEL transform_grid_backward(int size, int width, const REAL *depth, const REAL *T, const REAL *K, const REAL *dpoints,
                               REAL *ddepth, REAL *sums)
{
    int n = blockIdx.y;
    REAL values[12] = {0};
    for (int i = place(); i < size; i += stride()) {
        REAL d = depth[(size_t)n * size + i], slope = 0;
        Ray ray = ray_of(K + 4 * n, i, width);
        for (int c = 0; c < 3; c++) {
            REAL g = d != 0 ? dpoints[(size_t)(3 * n + c) * size + i] : 0;
            slope += g * turned(T + 16 * n + 4 * c, ray);
            values[4 * c] += g * d * ray.x;
            values[4 * c + 1] += g * d * ray.y;
            values[4 * c + 2] += g * d;
            values[4 * c + 3] += g;
        }
        if (ddepth) ddepth[(size_t)n * size + i] = d != 0 ? slope : 0;
    }
    block_sums<12>(values, sums + 12 * (n * gridDim.x + blockIdx.x));
}

// From the sums of `parts` blocks the gradients to T and K (unless null). Grid: x images.
KERNEL transform_grid_finish(int parts, const REAL *T, const REAL *K, const REAL *sums, REAL *dT, REAL *dK)
{
    __shared__ double total[12];
    int n = blockIdx.x, j = threadIdx.x, k = j / LANES;
    double sum = group_sum(sums + 12 * n * parts + k, k < 12 ? parts : 0, 12);
    if (k < 12 && j % LANES == 0) total[k] = sum;
    __syncthreads();
    if (dT && j < 16) dT[16 * n + j] = j < 12 ? total[j] : 0;
    if (dK && j < 4) {  // j % 2 is the axis; j / 2 tells the focal length from the principal point
        double slope = 0;
        for (int c = 0; c < 3; c++) slope += T[16 * n + 4 * c + j % 2] * total[4 * c + (j < 2 ? j : 2)];
        dK[4 * n + j] = -slope / K[4 * n + j % 2];
    }
}

KERNEL pinhole(int height, int width, REAL min_depth, REAL invalid, const REAL *points, const REAL *K, REAL *flow, REAL *coords,
               REAL *validity)
{
    int i = place(), n = blockIdx.y, size = height * width;
    if (i >= size) return;
    const REAL *p = points + (size_t)3 * n * size + i, *k = K + 4 * n;
    REAL z = p[2 * size], x = invalid, y = invalid;
    if (z > min_depth) {
        x = p[0] * (1 / z) * k[0] + k[2];
        y = p[size] * (1 / z) * k[1] + k[3];
    }
    size_t first = (size_t)2 * n * size + i;
    coords[first] = x;
    coords[first + size] = y;
    flow[first] = x - i % width;
    flow[first + size] = y - i / width;
    validity[(size_t)n * size + i] = x >= 0 && x <= width - 1 && y >= 0 && y <= height - 1;
}

// Writes dpoints (unless null), and for each block the sums (4) of the gradients to K (unless null). dcoords may be null.
KERNEL pinhole_backward(int size, REAL min_depth, const REAL *points, const REAL *K, const REAL *dflow, const REAL *dcoords,
                        REAL *dpoints, REAL *sums)
{
    int n = blockIdx.y;
    const REAL *k = K + 4 * n;
    REAL values[4] = {0};
    for (int i = place(); i < size; i += stride()) {
        const REAL *p = points + (size_t)3 * n * size + i;
        REAL z = p[2 * size], slope = 0;
        for (int c = 0; c < 2; c++) {
            size_t j = (size_t)(2 * n + c) * size + i;
            REAL g = 0, ratio = 0, inverse = 1 / z;
            if (z > min_depth) {
                g = dcoords ? dflow[j] + dcoords[j] : dflow[j];
                ratio = p[c * size] * inverse;
            } else {
                inverse = 0;
            }
            values[c] += g * ratio;
            values[2 + c] += g;
            g *= inverse * k[c];
            slope -= g * ratio;
            if (dpoints) dpoints[(size_t)(3 * n + c) * size + i] = g;
        }
        if (dpoints) dpoints[(size_t)(3 * n + 2) * size + i] = slope;
    }
    if (sums) block_sums<4>(values, sums + 4 * (n * gridDim.x + blockIdx.x));
}

// From the sums of `parts` blocks the gradients to K. Grid: x images.
KERNEL pinhole_finish(int parts, const REAL *sums, REAL *dK)
{
    int n = blockIdx.x, k = threadIdx.x / LANES;
    double sum = group_sum(sums + 4 * n * parts + k, k < 4 ? parts : 0, 4);
    if (k < 4 && threadIdx.x % LANES == 0) dK[4 * n + k] = sum;
}
