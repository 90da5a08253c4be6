// ops/photometric.py's error of images a and b (N, C, height, width) and its gradient. SSIM's windows are the 3 x 3 pixels around
// each, mirrored at the border. share = alpha / 2 / C, flat = (1 - alpha) / range / C.

__device__ inline int mirror(int place, int size)
{
    if (size < 2) return 0;
    return place < 0 ? -place : place < size ? place : 2 * size - 2 - place;
}

// The factors of SSIM at a pixel: n1 n2 / (d1 d2), and the means of the window that its gradient needs.
struct Window { REAL n1, n2, d1, d2, mean_a, mean_b; };

__device__ inline Window window_at(const REAL *a, const REAL *b, int row, int column, int height, int width, REAL c1, REAL c2)
{
    REAL sum_a = 0, sum_b = 0, products = 0, squares = 0;
    for (int i = -1; i <= 1; i++)
        for (int j = -1; j <= 1; j++) {
            int k = mirror(row + i, height) * width + mirror(column + j, width);
            REAL x = a[k], y = b[k];
            sum_a += x;
            sum_b += y;
            products += x * y;
            squares += x * x + y * y;
        }
    Window w;
    w.mean_a = sum_a / 9;
    w.mean_b = sum_b / 9;
    REAL product = 2 * w.mean_a * w.mean_b, square = w.mean_a * w.mean_a + w.mean_b * w.mean_b;
    w.n1 = product + c1;
    w.n2 = 2 * products / 9 - product + c2;
    w.d1 = square + c1;
    w.d2 = squares / 9 - square + c2;
    return w;
}

// Writes out (N, 1, height, width). Grid: x pixels, y images.
KERNEL forward(int channels, int height, int width, REAL share, REAL flat, REAL c1, REAL c2, const REAL *a, const REAL *b, REAL *out)
{
    int i = place(), n = blockIdx.y, size = height * width;
    if (i >= size) return;
    REAL error = 0;
    for (int c = 0; c < channels; c++) {
        size_t plane = ((size_t)n * channels + c) * size;
        if (share != 0) {
            Window w = window_at(a + plane, b + plane, i / width, i % width, height, width, c1, c2);
            REAL loss = 1 - w.n1 * w.n2 / (w.d1 * w.d2);
            error += share * (loss < 0 ? 0 : loss > 2 ? 2 : loss);
        }
        error += flat * fabs(a[plane + i] - b[plane + i]);
    }
    out[(size_t)n * size + i] = error;
}

// Writes for each window the gradients to its sums of a, of b, of a b and to -(a^2 + b^2): 4 arrays of `count` elements each.
// Grid: x pixels, y channels, z images.
KERNEL window_slopes(int count, int height, int width, REAL share, REAL c1, REAL c2, const REAL *a, const REAL *b, const REAL *dout,
                     REAL *slopes)
{
    int i = place(), size = height * width;
    if (i >= size) return;
    size_t plane = ((size_t)blockIdx.z * gridDim.y + blockIdx.y) * size;
    Window w = window_at(a + plane, b + plane, i / width, i % width, height, width, c1, c2);
    REAL unit = -share / 9 * dout[(size_t)blockIdx.z * size + i] / (w.d1 * w.d2), whole = unit * w.n1 * w.n2;
    REAL by_product = 2 * unit * (w.n2 - w.n1), by_squares = 2 * (whole / w.d2 - whole / w.d1);
    REAL *to = slopes + plane + i;
    to[0] = by_product * w.mean_b + by_squares * w.mean_a;
    to[(size_t)count] = by_product * w.mean_a + by_squares * w.mean_b;
    to[(size_t)2 * count] = 2 * unit * w.n1;
    to[(size_t)3 * count] = whole / w.d2;
}

// How often the window around `around` reads pixel `place`.
__device__ inline int uses(int place, int around, int size)
{
    return (mirror(around - 1, size) == place) + (around == place) + (mirror(around + 1, size) == place);
}

// Writes da and db, either of which may be null; slopes is null without SSIM. Grid: x pixels, y channels, z images.
KERNEL backward(int count, int height, int width, REAL flat, const REAL *a, const REAL *b, const REAL *dout, const REAL *slopes,
                REAL *da, REAL *db)
{
    int i = place(), size = height * width, row = i / width, column = i % width;
    if (i >= size) return;
    size_t plane = ((size_t)blockIdx.z * gridDim.y + blockIdx.y) * size;
    REAL sums[4] = {0}, x = a[plane + i], y = b[plane + i];
    for (int h = max(row - 1, 0); slopes && h <= min(row + 1, height - 1); h++)
        for (int w = max(column - 1, 0); w <= min(column + 1, width - 1); w++) {
            REAL times = uses(row, h, height) * uses(column, w, width);
            for (int k = 0; k < 4; k++) sums[k] += times * slopes[(size_t)k * count + plane + h * width + w];
        }
    REAL sign = flat * dout[(size_t)blockIdx.z * size + i] * (x > y ? 1 : x < y ? -1 : x - y);
    if (da) da[plane + i] = sums[0] + sums[2] * y - 2 * sums[3] * x + sign;
    if (db) db[plane + i] = sums[1] + sums[2] * x - 2 * sums[3] * y - sign;
}
