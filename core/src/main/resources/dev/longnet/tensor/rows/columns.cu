// Sums over the columns of a matrix, in two steps of an order that never changes: blocks leave partial sums, and one pass
// adds those up.
#include "rows.cuh"

// partial (gridDim.y, width) of x (rows, width) in bfloat16. Block (32, 8): 256 columns, every 8 · gridDim.y-th row.
extern "C" __global__ void __launch_bounds__(256) columns(const u16* x, float* partial, i64 rows, int width) {
    __shared__ float sums[8][32][9];
    int vector = blockIdx.x * 32 + threadIdx.x;
    bool live = vector < width / 8;
    float sum[8] = {};
    if (live) {
        #pragma unroll 4
        for (i64 row = blockIdx.y * 8 + threadIdx.y; row < rows; row += 8 * gridDim.y) {
            float v[8];
            unpack(*(const uint4*)(x + row * width + 8 * vector), v);
            #pragma unroll
            for (int i = 0; i < 8; i++) sum[i] += v[i];
        }
    }
    #pragma unroll
    for (int i = 0; i < 8; i++) sums[threadIdx.y][threadIdx.x][i] = sum[i];
    __syncthreads();
    if (live && threadIdx.y == 0) {
        #pragma unroll
        for (int y = 1; y < 8; y++) {
            #pragma unroll
            for (int i = 0; i < 8; i++) sum[i] += sums[y][threadIdx.x][i];
        }
        write(partial + (i64)blockIdx.y * width + 8 * vector, sum);
    }
}

// out (width) = sum of partial (parts, width) over its rows. Block (32, 32): 32 columns.
extern "C" __global__ void __launch_bounds__(1024) total(const float* partial, float* out, int parts, int width) {
    __shared__ float sums[32][33];
    int column = blockIdx.x * 32 + threadIdx.x;
    float sum = 0;
    if (column < width)
        for (int part = threadIdx.y; part < parts; part += 32) sum += partial[(i64)part * width + column];
    sums[threadIdx.y][threadIdx.x] = sum;
    __syncthreads();
    sum = sums[threadIdx.x][threadIdx.y];
    #pragma unroll
    for (int e = 16; e > 0; e /= 2) sum += __shfl_xor_sync(~0u, sum, e);
    column = blockIdx.x * 32 + threadIdx.y;
    if (threadIdx.x == 0 && column < width) out[column] = sum;
}
