// geometry/se3.py's exp with its gradient, a thread for each twist, in double (formulas: geometry/so3.py).

enum Translation { EXPONENTIAL, ROTATED, DIRECT };

// s = |w|^2, and A, B, C, dA/ds, dB/ds, dC/ds by the series `table` (6, terms) or, from s = 1, in closed form.
struct Coefficients { double s, f[6]; };

__device__ inline Coefficients coefficients(const double *w, int terms, const double *table)
{
    Coefficients r = {w[0] * w[0] + w[1] * w[1] + w[2] * w[2], {0}};
    double s = r.s, t = sqrt(s);
    if (s < 1) {
        for (int i = 0; i < 6; i++)
            for (int k = terms - 1; k >= 0; k--) r.f[i] = r.f[i] * s + table[i * terms + k];
        return r;
    }
    double a = sin(t) / t, b = (1 - cos(t)) / s, c = (1 - a) / s;
    double closed[6] = {a, b, c, (c - b) / 2, (a - 2 * b) / (2 * s), (b - 3 * c) / (2 * s)};
    for (int i = 0; i < 6; i++) r.f[i] = closed[i];
    return r;
}

// matrix = I + b [w]x + c [w]x^2.
__device__ inline void polynomial(const double *w, double s, double b, double c, double (*matrix)[3])
{
    for (int i = 0; i < 3; i++) {
        int j = (i + 1) % 3, k = (i + 2) % 3;
        matrix[i][i] = 1 - c * s + c * w[i] * w[i];
        matrix[k][j] = b * w[i] + c * w[j] * w[k];
        matrix[j][k] = -b * w[i] + c * w[j] * w[k];
    }
}

// V with t = V u.
__device__ inline void mover(const double *w, const Coefficients &r, int translation, double (*V)[3])
{
    if (translation == EXPONENTIAL) polynomial(w, r.s, r.f[1], r.f[2], V);
    else if (translation == ROTATED) polynomial(w, r.s, r.f[0], r.f[1], V);
    else polynomial(w, 0, 0, 0, V);
}

// Add to dw the gradient through `polynomial` for the gradient dM to its matrix.
__device__ inline void add_gradient(const double *w, double s, double (*dM)[3], double b, double c, double db_ds, double dc_ds,
                                    double *dw)
{
    double trace = dM[0][0] + dM[1][1] + dM[2][2], skew[3], symmetric[3], db = 0, dc = -s * trace;
    for (int i = 0; i < 3; i++) {
        int j = (i + 1) % 3, k = (i + 2) % 3;
        skew[i] = dM[k][j] - dM[j][k];
        symmetric[i] = 2 * dM[i][i] * w[i] + (dM[i][j] + dM[j][i]) * w[j] + (dM[i][k] + dM[k][i]) * w[k];
        db += w[i] * skew[i];
        dc += w[i] * symmetric[i] / 2;
    }
    double ds = db * db_ds + dc * dc_ds - c * trace;
    for (int i = 0; i < 3; i++) dw[i] += b * skew[i] + c * symmetric[i] + 2 * ds * w[i];
}

KERNEL exponential(int count, int translation, int terms, const double *table, const REAL *twist, REAL *T)
{
    int n = place();
    if (n >= count) return;
    double w[3], R[3][3], V[3][3];
    for (int i = 0; i < 3; i++) w[i] = twist[6 * n + i];
    Coefficients r = coefficients(w, terms, table);
    polynomial(w, r.s, r.f[0], r.f[1], R);
    mover(w, r, translation, V);
    for (int i = 0; i < 3; i++) {
        double t = 0;
        for (int j = 0; j < 3; j++) {
            T[16 * n + 4 * i + j] = R[i][j];
            t += V[i][j] * twist[6 * n + 3 + j];
        }
        T[16 * n + 4 * i + 3] = t;
        T[16 * n + 12 + i] = 0;
    }
    T[16 * n + 15] = 1;
}

KERNEL exponential_backward(int count, int translation, int terms, const double *table, const REAL *twist, const REAL *dT,
                            REAL *dtwist)
{
    int n = place();
    if (n >= count) return;
    double w[3], dw[3] = {0}, V[3][3], dR[3][3], dV[3][3];
    for (int i = 0; i < 3; i++) w[i] = twist[6 * n + i];
    Coefficients r = coefficients(w, terms, table);
    mover(w, r, translation, V);
    for (int i = 0; i < 3; i++)
        for (int j = 0; j < 3; j++) {
            dV[i][j] = (double)dT[16 * n + 4 * i + 3] * twist[6 * n + 3 + j];
            dR[i][j] = dT[16 * n + 4 * i + j] + (translation == ROTATED ? dV[i][j] : 0);
        }
    add_gradient(w, r.s, dR, r.f[0], r.f[1], r.f[3], r.f[4], dw);
    if (translation == EXPONENTIAL) add_gradient(w, r.s, dV, r.f[1], r.f[2], r.f[4], r.f[5], dw);
    for (int i = 0; i < 3; i++) {
        double du = 0;
        for (int j = 0; j < 3; j++) du += V[j][i] * dT[16 * n + 4 * j + 3];
        dtwist[6 * n + i] = dw[i];
        dtwist[6 * n + 3 + i] = du;
    }
}
