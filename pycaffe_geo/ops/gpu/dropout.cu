// Random numbers by counting: Philox 4x32 with 10 rounds (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3").

// Turn the four numbers of a counter into four random ones that depend on them and on the key.
__device__ inline void philox(unsigned *counter, unsigned key0, unsigned key1)
{
    for (int round = 0; round < 10; round++) {
        unsigned long long a = 0xD2511F53ull * counter[0], b = 0xCD9E8D57ull * counter[2];
        counter[0] = (unsigned)(b >> 32) ^ counter[1] ^ key0;
        counter[1] = (unsigned)b;
        counter[2] = (unsigned)(a >> 32) ^ counter[3] ^ key1;
        counter[3] = (unsigned)a;
        key0 += 0x9E3779B9u;
        key1 += 0xBB67AE85u;
    }
}

// mask = 0 with probability `ratio`, else `kept`. counts: iteration and step, where they have to be read on the device.
KERNEL draw_mask(int count, int key0, int key1, int iteration, int step, const int *counts, REAL ratio, REAL kept, REAL *mask)
{
    if (counts) {
        iteration = counts[0];
        step = counts[1];
    }
    int first = 4 * place();
    if (first >= count) return;
    unsigned draws[4] = {(unsigned)place(), (unsigned)iteration, (unsigned)step, 0};
    philox(draws, (unsigned)key0, (unsigned)key1);
    for (int i = 0; i < 4 && first + i < count; i++) {
        REAL share = (REAL)(draws[i] >> 8) / 16777216;  // 24 bits: exact in float, and below 1
        mask[first + i] = share >= ratio ? kept : (REAL)0;
    }
}
