// ops/warping.py's functions. Grid: x output pixels, y images, z groups of channels.
// A cell is the pixel (left, top) and its neighbours to the right and below; those outside the image count 0.

struct Cell { int left, top; REAL x, y; };

// Find the cell of output pixel i of image n, and the place in it; false where no neighbour lies in the image.
__device__ inline bool find(const REAL *coords, int n, int size, int i, int height, int width, Cell *cell)
{
    REAL x = coords[(size_t)2 * n * size + i], y = coords[(size_t)(2 * n + 1) * size + i];
    if (!(x >= -1 && x < width && y >= -1 && y < height)) return false;
    cell->left = floor(x);
    cell->top = floor(y);
    cell->x = x - cell->left;
    cell->y = y - cell->top;
    return true;
}

__device__ inline REAL pixel(const REAL *plane, int height, int width, int row, int column)
{
    return row >= 0 && row < height && column >= 0 && column < width ? plane[row * width + column] : 0;
}

struct Surface { REAL value, dx, dy; };

__device__ inline Surface sample(const REAL *plane, int height, int width, Cell cell)
{
    REAL a = pixel(plane, height, width, cell.top, cell.left), b = pixel(plane, height, width, cell.top, cell.left + 1);
    REAL c = pixel(plane, height, width, cell.top + 1, cell.left), d = pixel(plane, height, width, cell.top + 1, cell.left + 1);
    REAL upper = a + (b - a) * cell.x, lower = c + (d - c) * cell.x;
    Surface s = {upper + (lower - upper) * cell.y, b - a + (d - c - (b - a)) * cell.y, lower - upper};
    return s;
}

// Writes out (N, C, size) and, unless null, validity (N, size).
KERNEL forward(int channels, int height, int width, int size, const REAL *image, const REAL *coords, REAL *out, REAL *validity)
{
    int i = place(), n = blockIdx.y;
    if (i >= size) return;
    Cell cell;
    bool near = find(coords, n, size, i, height, width, &cell);
    for (int c = blockIdx.z; c < channels; c += gridDim.z) {
        size_t plane = (size_t)n * channels + c;
        out[plane * size + i] = near ? sample(image + plane * height * width, height, width, cell).value : 0;
    }
    if (validity && blockIdx.z == 0) {
        REAL x = coords[(size_t)2 * n * size + i], y = coords[(size_t)(2 * n + 1) * size + i];
        validity[(size_t)n * size + i] = x >= 0 && x <= width - 1 && y >= 0 && y <= height - 1;
    }
}

// Writes dcoords (N, 2, size). One group of channels.
KERNEL backward_coords(int channels, int height, int width, int size, const REAL *image, const REAL *coords, const REAL *dout,
                       REAL *dcoords)
{
    int i = place(), n = blockIdx.y;
    if (i >= size) return;
    Cell cell;
    REAL dx = 0, dy = 0;
    if (find(coords, n, size, i, height, width, &cell)) {
        for (int c = 0; c < channels; c++) {
            size_t plane = (size_t)n * channels + c;
            Surface s = sample(image + plane * height * width, height, width, cell);
            REAL g = dout[plane * size + i];
            dx += g * s.dx;
            dy += g * s.dy;
        }
    }
    dcoords[(size_t)2 * n * size + i] = dx;
    dcoords[(size_t)(2 * n + 1) * size + i] = dy;
}

// The image gradient is added up in whole numbers, multiples of 2^-shift, whose sum does not depend on the order.

// Raise *exponent to that of the largest of the values (2^exponent <= |value|); infinite and NaN ones give the largest int.
KERNEL largest_exponent(int count, const REAL *values, int *exponent)
{
    int largest = -2147483647;
    for (int i = place(); i < count; i += stride()) {
        REAL v = values[i];
        if (v != 0) largest = max(largest, ilogb((double)v) == -2147483647 - 1 ? 2147483647 : ilogb((double)v));
    }
    for (int step = WARP / 2; step; step /= 2) largest = max(largest, __shfl_down_sync(0xffffffffu, largest, step));
    if (threadIdx.x % WARP == 0) atomicMax(exponent, largest);
}

// The shift with which `room` bits are left for the sum of values below 2^(exponent + 1).
__device__ inline int shift_of(int exponent, int room) { return min(62 - room - (exponent + 1), 1000); }

__device__ inline void add(unsigned long long *plane, int height, int width, int row, int column, double value)
{
    if (row >= 0 && row < height && column >= 0 && column < width)
        atomicAdd(plane + row * width + column, (unsigned long long)__double2ll_rn(value));
}

// Adds to sums (N, C, height width). `room`: at least log2 of `size`, the most values that meet in one pixel.
KERNEL backward_image(int channels, int height, int width, int size, int room, const int *exponent, const REAL *coords,
                      const REAL *dout, unsigned long long *sums)
{
    int i = place(), n = blockIdx.y;
    Cell cell;
    if (i >= size || *exponent == 2147483647 || !find(coords, n, size, i, height, width, &cell)) return;
    double unit = ldexp(1.0, shift_of(*exponent, room));
    for (int c = blockIdx.z; c < channels; c += gridDim.z) {
        size_t plane = (size_t)n * channels + c;
        unsigned long long *to = sums + plane * height * width;
        double g = dout[plane * size + i] * unit, right = g * cell.x, left = g - right;
        add(to, height, width, cell.top, cell.left, left * (1 - cell.y));
        add(to, height, width, cell.top, cell.left + 1, right * (1 - cell.y));
        add(to, height, width, cell.top + 1, cell.left, left * cell.y);
        add(to, height, width, cell.top + 1, cell.left + 1, right * cell.y);
    }
}

// Writes the sums as numbers; all NaN where a value was not finite.
KERNEL backward_image_finish(int count, int room, const int *exponent, const unsigned long long *sums, REAL *dimage)
{
    int i = place();
    if (i >= count) return;
    double unit = ldexp(1.0, -shift_of(*exponent, room));
    dimage[i] = *exponent == 2147483647 ? (REAL)nan("") : (REAL)((long long)sums[i] * unit);
}
