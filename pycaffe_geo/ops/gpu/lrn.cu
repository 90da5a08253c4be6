// ops/lrn.py across channels: y = x s^-beta with s = k + alpha A(x^2), A the sum over `reach` channels to both sides.
// A thread for each element; its window lies `size` (pixels of a plane) apart.

__device__ inline REAL power(REAL s, REAL beta)
{
    if (beta != (REAL)0.75) return pow(s, -beta);
    REAL root = sqrt(s);
    return 1 / (root * sqrt(root));
}

KERNEL forward(int count, int channels, int size, int reach, REAL alpha, REAL beta, REAL k, const BLOB *x, REAL *scale, BLOB *y)
{
    int i = place();
    if (i >= count) return;
    int c = i / size % channels;
    REAL sum = 0;
    for (int d = max(-reach, -c); d <= min(reach, channels - 1 - c); d++) {
        REAL value = x[i + d * size];
        sum += value * value;
    }
    REAL s = k + alpha * sum;
    scale[i] = s;
    y[i] = x[i] * power(s, beta);
}

KERNEL backward(int count, int channels, int size, int reach, REAL alpha, REAL beta, const BLOB *x, const REAL *scale,
                const BLOB *dy, BLOB *dx)
{
    int i = place();
    if (i >= count) return;
    int c = i / size % channels;
    REAL sum = 0;
    for (int d = max(-reach, -c); d <= min(reach, channels - 1 - c); d++) {
        int j = i + d * size;
        sum += dy[j] * x[j] * power(scale[j], beta) / scale[j];
    }
    dx[i] = dy[i] * power(scale[i], beta) - 2 * alpha * beta * x[i] * sum;
}
