// Forward, after the branches.
#pragma once

#include "join.cuh"

// Joins the branches: out = sum of exp(lse_i - lse) out_i, lse = ln sum exp(lse_i). Threads (width / 8, any).
extern "C" __global__ void __launch_bounds__(BATCH, 4) merge(const __grid_constant__ Params p) {
    __shared__ Batch batch;
    __shared__ Parts parts;
    __shared__ float weight[MAX_BRANCHES + 1][BATCH];       // of a pair's compact rows, last of the base's row
    int thread = threadIdx.y * blockDim.x + threadIdx.x, threads = blockDim.x * blockDim.y;
    batch.prepare(p, thread, threads);
    u32 most = BATCH / p.H, all = p.B * p.N;
    for (u32 first = blockIdx.x * most; first < all; first += gridDim.x * most) {
        parts.find(batch, p, first, min(most, all - first), thread, threads, false, 1);
        int listed = parts.listed;
        for (int i = thread; i < listed; i += threads) {
            int e = parts.pair[i];
            u32 t = batch.heads.divide(e), b = batch.length.divide(first + t);
            float* lse = p.lse + ((u64)b * p.H + (e - t * p.H)) * p.N + (first + t - b * p.N);
            float own = parts.whole[e] ? *lse : -INFINITY, top = own, sum = 0;
            u32 have = parts.have[e];
            for (u32 left = have; left; left &= left - 1) {
                int k = __ffs(left) - 1;
                float l = p.partLse[parts.at[k][e]];
                weight[k][e] = l;
                top = fmaxf(top, l);
            }
            float zero = top == -INFINITY ? 0 : top;
            for (u32 left = have; left; left &= left - 1) {
                int k = __ffs(left) - 1;
                sum += weight[k][e] = power2((weight[k][e] - zero) * LOG2_E);
            }
            own = power2((own - zero) * LOG2_E);
            sum += own;
            float inverse = sum > 0 ? __fdividef(1, sum) : 0;
            for (u32 left = have; left; left &= left - 1) weight[__ffs(left) - 1][e] *= inverse;
            weight[MAX_BRANCHES][e] = own * inverse;
            *lse = sum > 0 ? top + __logf(sum) : -INFINITY;
        }
        __syncthreads();
        u16* out = p.out + (u64)first * p.H * p.width + 8 * threadIdx.x;
        const u16* from = p.partOut + 8 * threadIdx.x;
        constexpr int SIDE = 2;             // pairs side by side, so that loads overlap
        for (int i = threadIdx.y; i < listed; i += SIDE * blockDim.y) {
            uint4 own[SIDE], part[SIDE];
            #pragma unroll
            for (int y = 0; y < SIDE; y++) {
                int e = parts.pair[min(i + y * (int)blockDim.y, listed - 1)];
                u32 have = parts.have[e];
                own[y] = part[y] = make_uint4(0, 0, 0, 0);
                if (parts.whole[e]) own[y] = *(const uint4*)(out + e * p.width);
                if (have) part[y] = __ldcs((const uint4*)(from + (u64)parts.at[__ffs(have) - 1][e] * p.width));
            }
            #pragma unroll
            for (int y = 0; y < SIDE; y++) {
                if (i + y * (int)blockDim.y >= listed) break;
                int e = parts.pair[i + y * blockDim.y];
                u32 have = parts.have[e];
                float sum[8] = {};
                if (parts.whole[e]) addRounded(sum, own[y], weight[MAX_BRANCHES][e]);
                if (have) addRounded(sum, part[y], weight[__ffs(have) - 1][e]);
                for (u32 left = have & have - 1; left; left &= left - 1) {
                    int k = __ffs(left) - 1;
                    addRounded(sum, __ldcs((const uint4*)(from + (u64)parts.at[k][e] * p.width)), weight[k][e]);
                }
                writeRounded(out + e * p.width, sum);
            }
        }
        __syncthreads();
    }
}
