// What all kernels share. Compiled with -DREAL=float or -DREAL=double, in which they compute, and -DBLOB for the elements of blobs:
// the same, or Half where REAL is float. Blocks are one-dimensional, of THREADS threads.

#define KERNEL extern "C" __global__ void
#define THREADS 256
#define WARP 32

#ifdef __CUDACC__
__device__ inline float widen(unsigned short bits)
{
    float value;
    asm("cvt.f32.f16 %0, %1;" : "=f"(value) : "h"(bits));
    return value;
}

__device__ inline unsigned short narrow(float value)
{
    unsigned short bits;
    asm("cvt.rn.f16.f32 %0, %1;" : "=h"(bits) : "f"(value));
    return bits;
}
#endif

// A number of 16 bits that becomes a float wherever it is read.
struct Half {
    unsigned short bits;
    __device__ operator float() const { return widen(bits); }
    __device__ void operator=(float value) { bits = narrow(value); }
};

// This thread's place along the grid's x axis.
__device__ inline int place() { return blockIdx.x * THREADS + threadIdx.x; }

// How far apart the places of one thread lie that walks over more elements than the grid has threads.
__device__ inline int stride() { return gridDim.x * THREADS; }

// Write to sums[0 .. COUNT - 1] the sums of values[k] over the threads of the block, always in the same order.
template <int COUNT, class T> __device__ void block_sums(T *values, T *sums)
{
    __shared__ T parts[COUNT][THREADS / WARP];
    for (int k = 0; k < COUNT; k++) {
        for (int step = WARP / 2; step; step /= 2) values[k] += __shfl_down_sync(0xffffffffu, values[k], step);
        if (threadIdx.x % WARP == 0) parts[k][threadIdx.x / WARP] = values[k];
    }
    __syncthreads();
    if (threadIdx.x < COUNT) {
        T sum = 0;
        for (int w = 0; w < THREADS / WARP; w++) sum += parts[threadIdx.x][w];
        sums[threadIdx.x] = sum;
    }
    __syncthreads();
}

// Where value j of channel c lies in an array (N, channels, size); the values of a channel are numbered over images and pixels.
__device__ inline size_t at(int j, int c, int channels, int size) { return ((size_t)(j / size) * channels + c) * size + j % size; }

// The sum of values[0], values[step], ... (count of them), in double.
template <class T> __device__ double sum_of(const T *values, int count, int step)
{
    double sum = 0;
    for (int i = 0; i < count; i++) sum += values[(size_t)i * step];
    return sum;
}

// The same, added up by a group of LANES threads, for the first of them. All threads of the block have to come here.
#define LANES 16
template <class T> __device__ double group_sum(const T *values, int count, int step)
{
    int lane = threadIdx.x % LANES;
    double sum = sum_of(values + (size_t)lane * step, (count - lane + LANES - 1) / LANES, LANES * step);
    for (int k = LANES / 2; k; k /= 2) sum += __shfl_down_sync(0xffffffffu, sum, k);
    return sum;
}

