// One axis of ops/resize.py: out (outer, count, inner) = sum over `taps` of weight[k][t] source[o][index[k][t]][j], source (outer,
// old, inner). A thread for each element of out.

KERNEL weighted(int total, int count, int old, int inner, int taps, const long long *index, const REAL *weight, const REAL *source,
                REAL *out)
{
    int i = place();
    if (i >= total) return;
    int j = i % inner, t = i / inner % count;
    const REAL *from = source + (size_t)(i / inner / count) * old * inner + j;
    REAL sum = 0;
    for (int k = 0; k < taps; k++) {
        REAL w = weight[k * count + t];
        if (w != 0) sum += w * from[index[k * count + t] * inner];
    }
    out[i] = sum;
}
