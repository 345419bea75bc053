// Cross-entropy of rows of logits in bfloat16, and its gradient in their place. A block takes a row into shared memory
// and goes over it twice there; two blocks of a multiprocessor load and compute in turns.
#include "rows.cuh"

constexpr int THREADS = 512, WARPS = 16;
constexpr float LOG2E = 1.44269504f;

// A thread reads what it has copied itself, so no barrier is needed.
__device__ __forceinline__ void copy(uint4* to, const void* from) {
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16;" ::"r"((u32)__cvta_generic_to_shared(to)), "l"(from) : "memory");
}
__device__ __forceinline__ void awaitCopies() { asm volatile("cp.async.wait_all;" ::: "memory"); }

// Logits from `column` on, -infinity past the last.
__device__ __forceinline__ void logits(uint4 v, int column, int vocabulary, float (&x)[8]) {
    unpack(v, x);
    if (column + 8 > vocabulary) {
        #pragma unroll
        for (int i = 0; i < 8; i++) if (column + i >= vocabulary) x[i] = __int_as_float(0xFF800000);
    }
}

// Highest logit so far and the sum of 2^((x - most) log2 e).
struct Sum {
    float most, sum;

    __device__ __forceinline__ void add(const float (&x)[8]) {
        float high = x[0];
        #pragma unroll
        for (int i = 1; i < 8; i++) high = fmaxf(high, x[i]);
        if (high > most) { sum *= power2((most - high) * LOG2E); most = high; }
        #pragma unroll
        for (int i = 0; i < 8; i++) sum += power2((x[i] - most) * LOG2E);
    }
    __device__ __forceinline__ void join(float otherMost, float otherSum) {
        float high = fmaxf(most, otherMost);
        sum = sum * power2((most - high) * LOG2E) + otherSum * power2((otherMost - high) * LOG2E);
        most = high;
    }
};

// loss[row] = -ln p(target); where weight is not 0 the row becomes (p - [target]) · weight. Rows are `stride`, a multiple
// of 8, apart; of a row `kept` vectors of eight have room in shared memory. The lowest finite float stands for nothing
// seen: infinities would subtract to NaN.
extern "C" __global__ void __launch_bounds__(THREADS, 2) entropy(
        u16* rows, const i64* targets, float* loss, float weight, int vocabulary, i64 stride, int kept) {
    extern __shared__ uint4 here[];
    __shared__ Sum sums[WARPS];
    u16* row = rows + blockIdx.x * stride;
    i64 target = targets[blockIdx.x];
    int vectors = (vocabulary + 7) / 8, lane = threadIdx.x % 32;
    for (int i = threadIdx.x; i < min(vectors, kept); i += THREADS) copy(here + i, row + 8 * i);
    float wanted = 0;
    if (threadIdx.x == 0)
        wanted = target >= 0 && target < vocabulary ? __uint_as_float((u32)row[target] << 16) : __int_as_float(0x7FC00000);
    awaitCopies();
    Sum all = {-3.4e38f, 0};
    float x[8];
    for (int i = threadIdx.x; i < vectors; i += THREADS) {
        logits(i < kept ? here[i] : *(const uint4*)(row + 8 * i), 8 * i, vocabulary, x);
        all.add(x);
    }
    #pragma unroll
    for (int e = 16; e > 0; e /= 2)
        all.join(__shfl_xor_sync(~0u, all.most, e), __shfl_xor_sync(~0u, all.sum, e));
    if (lane == 0) sums[threadIdx.x / 32] = all;
    __syncthreads();
    all = sums[lane % WARPS];
    #pragma unroll
    for (int e = WARPS / 2; e > 0; e /= 2)
        all.join(__shfl_xor_sync(~0u, all.most, e), __shfl_xor_sync(~0u, all.sum, e));
    if (threadIdx.x == 0) loss[blockIdx.x] = all.most + __logf(all.sum) - wanted;
    if (weight == 0) return;
    float factor = __fdividef(weight, all.sum), most = all.most * LOG2E;
    for (int i = threadIdx.x; i < vectors; i += THREADS) {
        logits(i < kept ? here[i] : *(const uint4*)(row + 8 * i), 8 * i, vocabulary, x);
        #pragma unroll
        for (int k = 0; k < 8; k++) x[k] = power2(fmaf(x[k], LOG2E, -most)) * factor - (8 * i + k == target ? weight : 0);
        *(uint4*)(row + 8 * i) = pack(x);
    }
}
