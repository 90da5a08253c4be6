// What the training loop does between backward and update, without the host. The doubles of `state` are
enum State { LOSS, PART, BAD, BAD_LOSS, BAD_NORM, RING };
// the sum of the losses of this iteration's batches; room; the first iteration whose numbers were not finite (-1: none), its
// loss and its gradients' norm; then the losses of the last `window` iterations, that of iteration i at i % window.

// Tell the device which batch comes.
KERNEL begin(int iteration, int step, int *counts, double *state)
{
    if (place()) return;
    counts[0] = iteration;
    counts[1] = step;
    if (step == 0) state[LOSS] = 0;
}

// Add the weighted sums of the loss blobs of one batch. arrays: four addresses for each blob, of which the first counts. One block.
KERNEL add_losses(int blobs, const int *counts, const unsigned long long *arrays, const double *weights, double *state)
{
    double sum[1] = {0};
    for (int b = 0; b < blobs; b++)
        for (int i = threadIdx.x; i < counts[b]; i += THREADS) sum[0] += weights[b] * ((const REAL *)arrays[4 * b])[i];
    block_sums<1>(sum, state + PART);
    if (threadIdx.x == 0) state[LOSS] += state[PART];
}

// Keep the loss, look whether all is finite, and write to `scale` what the gradients are to be multiplied by: 1 / steps, less
// where they are clipped, and NaN, which stops every update, from the first iteration on whose numbers were not finite.
KERNEL judge(int steps, int window, REAL clip, const int *counts, const double *square, double *state, REAL *scale)
{
    if (place()) return;
    double loss = state[LOSS] / steps, norm = sqrt(*square);
    state[RING + counts[0] % window] = loss;
    if (state[BAD] < 0 && !(isfinite(loss) && isfinite(norm))) {
        state[BAD] = counts[0];
        state[BAD_LOSS] = loss;
        state[BAD_NORM] = norm;
    }
    double factor = clip >= 0 && clip < norm ? clip / norm : 1;
    *scale = state[BAD] < 0 ? (REAL)(factor / steps) : (REAL)nan("");
}
