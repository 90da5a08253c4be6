// solvers/rules.py's rules, and the sum of squares, over all parameters in one launch. A block works on CHUNK elements of one
// parameter. Every kernel is told by
//   chunks   for each block its parameter and the number of its chunk
//   counts   for each parameter how many elements it has
//   arrays   for each parameter the addresses of up to 4 arrays, 0 where there is none

#define CHUNK 4096

enum Rule { SGD, NESTEROV, ADAM, ADAGRAD, RMSPROP, ADADELTA };

// Return the amount to subtract for the gradient g; h and v are the history's elements. numbers: this rule's a, b, c; 1 - a, 1 - b.
__device__ inline REAL step(int rule, REAL g, REAL rate, const REAL *numbers, REAL *h, REAL *v)
{
    REAL old = *h, a = numbers[0], b = numbers[1], c = numbers[2], rest_a = numbers[3], rest_b = numbers[4];
    switch (rule) {
    case SGD: return *h = a * old + rate * g;
    case NESTEROV: *h = a * old + rate * g; return (1 + a) * *h - a * old;
    case ADAM:
        *h = a * old + rest_a * g;
        *v = b * *v + rest_b * (g * g);
        return rate * *h / (sqrt(*v) + c);
    case ADAGRAD: *h = old + g * g; return rate * g / (sqrt(*h) + a);
    case RMSPROP: *h = a * old + rest_a * (g * g); return rate * g / (sqrt(*h) + b);
    default:
        *h = a * old + rest_a * (g * g);
        g *= sqrt((*v + b) / (*h + b));
        *v = a * *v + rest_a * (g * g);
        return rate * g;
    }
}

// Keep the numbers of a step on the device: as arguments of a kernel they come in the order of the stream, and nobody waits.
KERNEL load(REAL scale, REAL rate, REAL a, REAL b, REAL c, REAL rest_a, REAL rest_b, REAL *numbers)
{
    REAL values[] = {scale, rate, a, b, c, rest_a, rest_b};
    if (place() < 7) numbers[place()] = values[place()];
}

// arrays: data, diff and one or two of history. mults: for each parameter its factor on the rate and its decay. numbers: scale,
// rate, and what `step` takes; where the scale is NaN nothing is changed.
// absolute: the decay acts on the sign of the data (L1), else on the data (L2).
KERNEL update(int rule, int absolute, const int *chunks, const int *counts, const unsigned long long *arrays, const REAL *mults,
              const REAL *numbers)
{
    int p = chunks[2 * blockIdx.x], first = chunks[2 * blockIdx.x + 1] * CHUNK, last = min(first + CHUNK, counts[p]);
    REAL *data = (REAL *)arrays[4 * p], *diff = (REAL *)arrays[4 * p + 1];
    REAL *history = (REAL *)arrays[4 * p + 2], *second = (REAL *)arrays[4 * p + 3];
    REAL scale = numbers[0], rate = numbers[1] * mults[2 * p], decay = mults[2 * p + 1], none = 0;
    if (scale != scale) return;
    for (int i = first + threadIdx.x; i < last; i += THREADS) {
        REAL d = data[i], h = history[i], v = second ? second[i] : none;
        REAL pull = absolute ? (d > 0) - (d < 0) : d;
        REAL amount = step(rule, scale * diff[i] + decay * pull, rate, numbers + 2, &h, &v);
        diff[i] = amount;
        data[i] = d - amount;
        history[i] = h;
        if (second) second[i] = v;
    }
}

// For each block the sum of squares of its elements, in double, so that nothing overflows.
KERNEL squares(const int *chunks, const int *counts, const unsigned long long *arrays, double *sums)
{
    int p = chunks[2 * blockIdx.x], first = chunks[2 * blockIdx.x + 1] * CHUNK, last = min(first + CHUNK, counts[p]);
    const REAL *values = (const REAL *)arrays[4 * p];
    double sum[1] = {0};
    for (int i = first + threadIdx.x; i < last; i += THREADS) sum[0] += (double)values[i] * values[i];
    block_sums<1>(sum, sums + blockIdx.x);
}

// Writes the sum of `count` numbers. One block.
KERNEL total(int count, const double *sums, double *result)
{
    double sum[1] = {sum_of(sums + threadIdx.x, max(0, (count - (int)threadIdx.x + THREADS - 1) / THREADS), THREADS)};
    block_sums<1>(sum, result);
}
