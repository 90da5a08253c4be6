// ops/pooling.py's MAX and AVE. `planes` = N C. A thread for each element that a kernel writes; each gathers what it needs.

#define SIZES int height, int width, int out_height, int out_width, int kernel_h, int kernel_w, int stride_h, int stride_w, \
              int pad_h, int pad_w

__device__ inline int first_window(int place, int pad, int kernel, int stride)
{
    int reach = place + pad - kernel;
    return reach < 0 ? 0 : reach / stride + 1;
}

__device__ inline int last_window(int place, int pad, int stride, int count) { return min((place + pad) / stride, count - 1); }

// `lowest` is the maximum of a window without pixels. `winner` receives each maximum's index h width + w, or -1; `mask` (may be
// null) the same as a number.
KERNEL maximum(int count, SIZES, REAL lowest, const BLOB *x, BLOB *y, int *winner, BLOB *mask)
{
    int i = place();
    if (i >= count) return;
    int column = i % out_width, row = i / out_width % out_height, found = -1;
    const BLOB *plane = x + (size_t)(i / out_width / out_height) * height * width;
    int top = row * stride_h - pad_h, left = column * stride_w - pad_w;
    REAL best = lowest;
    for (int h = max(top, 0); h < min(top + kernel_h, height); h++)
        for (int w = max(left, 0); w < min(left + kernel_w, width); w++) {
            REAL value = plane[h * width + w];
            if (value > best) found = h * width + w;
            if (value > best || value != value) best = value;
        }
    y[i] = best;
    winner[i] = found;
    if (mask) mask[i] = found;
}

KERNEL maximum_backward(int count, SIZES, const BLOB *dy, const int *winner, BLOB *dx)
{
    int i = place();
    if (i >= count) return;
    int column = i % width, row = i / width % height;
    size_t plane = (size_t)(i / width / height) * out_height * out_width;
    int last_row = last_window(row, pad_h, stride_h, out_height), last_column = last_window(column, pad_w, stride_w, out_width);
    REAL sum = 0;
    for (int h = first_window(row, pad_h, kernel_h, stride_h); h <= last_row; h++)
        for (int w = first_window(column, pad_w, kernel_w, stride_w); w <= last_column; w++) {
            size_t j = plane + h * out_width + w;
            if (winner[j] == row * width + column) sum += dy[j];
        }
    dx[i] = sum;
}

// 1 / elements of a window, counting the pad but not what lies beyond it.
__device__ inline REAL share(int row, int column, SIZES)
{
    int top = row * stride_h - pad_h, left = column * stride_w - pad_w;
    int rows = min(top + kernel_h, height + pad_h) - top, columns = min(left + kernel_w, width + pad_w) - left;
    return rows > 0 && columns > 0 ? (REAL)1 / (rows * columns) : 1;
}

#define SIZE_NAMES height, width, out_height, out_width, kernel_h, kernel_w, stride_h, stride_w, pad_h, pad_w

KERNEL average(int count, SIZES, const BLOB *x, BLOB *y)
{
    int i = place();
    if (i >= count) return;
    int column = i % out_width, row = i / out_width % out_height;
    const BLOB *plane = x + (size_t)(i / out_width / out_height) * height * width;
    int top = row * stride_h - pad_h, left = column * stride_w - pad_w;
    REAL sum = 0;
    for (int h = max(top, 0); h < min(top + kernel_h, height); h++)
        for (int w = max(left, 0); w < min(left + kernel_w, width); w++) sum += plane[h * width + w];
    y[i] = sum * share(row, column, SIZE_NAMES);
}

KERNEL average_backward(int count, SIZES, const BLOB *dy, BLOB *dx)
{
    int i = place();
    if (i >= count) return;
    int column = i % width, row = i / width % height;
    const BLOB *plane = dy + (size_t)(i / width / height) * out_height * out_width;
    int last_row = last_window(row, pad_h, stride_h, out_height), last_column = last_window(column, pad_w, stride_w, out_width);
    REAL sum = 0;
    for (int h = first_window(row, pad_h, kernel_h, stride_h); h <= last_row; h++)
        for (int w = first_window(column, pad_w, kernel_w, stride_w); w <= last_column; w++)
            sum += plane[h * out_width + w] * share(h, w, SIZE_NAMES);
    dx[i] = sum;
}
