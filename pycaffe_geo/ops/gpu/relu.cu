// y = max(x, 0) + slope min(x, 0); y may be x, and dx dy. NaN stays NaN.

KERNEL forward(int count, REAL slope, const BLOB *x, BLOB *y)
{
    for (int i = place(); i < count; i += stride()) {
        REAL value = x[i];
        y[i] = value > 0 ? value : value <= 0 ? slope * value : value;
    }
}

KERNEL backward(int count, REAL slope, const BLOB *x, const BLOB *dy, BLOB *dx)
{
    for (int i = place(); i < count; i += stride()) dx[i] = dy[i] * (x[i] > 0 ? 1 : x[i] <= 0 ? slope : 0);
}
