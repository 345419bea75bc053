// Turns the queries and keys of rows (heads of queries, of keys, of values, D features each) in bfloat16, in place:
// neighbouring features are a complex number, times one of the position's D / 2.
//
// Chosen when compiled: D, a multiple of 8.
#include "rows.cuh"

// tables (length, D / 2) of complex float32; row t stands at position t % length. `conjugate` 1 multiplies by the
// conjugates, which takes a gradient back.
extern "C" __global__ void __launch_bounds__(256) rotate(
        u16* rows, const float2* queries, const float2* keys, i64 count, i64 length, int heads, int keyHeads,
        int conjugate) {
    int turned = (heads + keyHeads) * (D / 8), width = (heads + 2 * keyHeads) * D;
    float sign = conjugate ? -1 : 1;
    for (i64 i = (i64)blockIdx.x * 256 + threadIdx.x; i < count * turned; i += (i64)gridDim.x * 256) {
        i64 row = i / turned;
        int vector = i - row * turned;
        const float2* table = (vector < heads * (D / 8) ? queries : keys) + row % length * (D / 2) + vector % (D / 8) * 4;
        u16* at = rows + row * width + 8 * vector;
        float x[8], y[8], factors[8];
        unpack(*(uint4*)at, x);
        read((const float*)table, factors);
        #pragma unroll
        for (int j = 0; j < 8; j += 2) {
            float re = factors[j], im = sign * factors[j + 1];
            y[j] = x[j] * re - x[j + 1] * im;
            y[j + 1] = x[j] * im + x[j + 1] * re;
        }
        *(uint4*)at = pack(y);
    }
}
