// The gradient before and after the branches.
#pragma once

#include "join.cuh"

// Statistics of every kept row, dq = 0. Rows outside of every segment keep what the caller filled them with: a
// log-sum-exp so large that P is 0.
extern "C" __global__ void __launch_bounds__(256, 4) prepare(const __grid_constant__ Params p, const u16* out, const u16* dout, const float* lse) {
    constexpr int LANES = D / 8, ROWS = 256 / LANES;
    __shared__ Batch batch;
    __shared__ float delta[BATCH];
    int thread = threadIdx.x, lane = thread % LANES;
    batch.prepare(p, thread, 256);
    u32 most = BATCH / p.H, all = p.B * p.N;
    for (u32 first = blockIdx.x * most; first < all; first += gridDim.x * most) {
        int tokens = min(most, all - first), pairs = tokens * p.H;
        u64 at = (u64)first * p.H * p.width + 8 * lane;
        #pragma unroll 4
        for (int i = 0; i < BATCH / ROWS; i++) {
            int e = i * ROWS + thread / LANES;
            float sum = 0;
            if (e < pairs && 8 * lane < p.width) {
                u64 here = at + (u32)e * p.width;
                uint4 x = __ldcs((const uint4*)(out + here)), y = *(const uint4*)(dout + here);
                u32 xs[4] = {x.x, x.y, x.z, x.w}, ys[4] = {y.x, y.y, y.z, y.w};
                #pragma unroll
                for (int j = 0; j < 4; j++) {
                    float2 a = unpack(xs[j]), c = unpack(ys[j]);
                    sum += a.x * c.x + a.y * c.y;
                }
                *(float4*)(p.dq + here) = make_float4(0, 0, 0, 0);
                *(float4*)(p.dq + here + 4) = make_float4(0, 0, 0, 0);
            }
            #pragma unroll
            for (int m = LANES / 2; m > 0; m /= 2) sum += __shfl_xor_sync(~0u, sum, m);
            if (lane == 0) delta[e] = sum;
        }
        __syncthreads();
        batch.forEachKept(p, first, tokens, thread, 256, [&](int e, u32 h, u32 b, int k, u32 inside, u32 length, u32 segment, u32 row) {
            const Branch& br = p.branch[k];
            float l = lse[((u64)b * p.H + h) * p.N + segment * br.w + inside];
            p.stats[br.stats + (((u64)b * p.H + h) * br.segments + segment) * br.tiles * BN + row] =
                make_float2(l == -INFINITY ? 3e38f : l * LOG2_E, delta[e]);
        });
        __syncthreads();
    }
}

// dq rounded; dk and dv summed over the branches and the heads that share a key. Tokens of dq are rowQ numbers apart.
// Threads (width / 8, any).
extern "C" __global__ void __launch_bounds__(BATCH, 4) finish(const __grid_constant__ Params p, u16* dq, u64 rowQ) {
    __shared__ Batch batch;
    __shared__ Parts parts;
    int thread = threadIdx.y * blockDim.x + threadIdx.x, threads = blockDim.x * blockDim.y, c = 8 * threadIdx.x;
    batch.prepare(p, thread, threads);
    u32 most = BATCH / p.H, all = p.B * p.N, share = p.H / p.Hk;
    float scale = p.scale * LN_2;
    for (u32 first = blockIdx.x * most; first < all; first += gridDim.x * most) {
        int tokens = min(most, all - first), pairs = tokens * p.H;
        const float* from = p.dq + (u64)first * p.H * p.width + c;
        #pragma unroll 4
        for (int e = threadIdx.y; e < pairs; e += blockDim.y) {
            float4 x = __ldcs((const float4*)(from + (u32)e * p.width)), y = __ldcs((const float4*)(from + (u32)e * p.width + 4));
            const float sum[8] = {x.x * scale, x.y * scale, x.z * scale, x.w * scale, y.x * scale, y.y * scale, y.z * scale, y.w * scale};
            u32 token = batch.heads.divide(e);
            writeRounded(dq + (first + token) * rowQ + (e - token * p.H) * p.width + c, sum);
        }
        parts.find(batch, p, first, tokens, thread, threads, true, share);
        int listed = parts.listed;
        for (int i = threadIdx.y; i < listed; i += blockDim.y) {
            int pair = parts.pair[i];
            u32 token = batch.heads.divide(pair);
            u64 to = (first + token) * p.rowK + (pair - token * p.H) / share * p.width + c;
            float sumK[8] = {}, sumV[8] = {};
            uint4 ownK = {}, ownV = {}, partK = {}, partV = {};
            u32 have = parts.have[pair];
            if (parts.whole[pair]) { ownK = *(const uint4*)(p.dk + to); ownV = *(const uint4*)(p.dv + to); }
            if (have) {
                u64 at = (u64)parts.at[__ffs(have) - 1][pair] * p.width + c;
                partK = __ldcs((const uint4*)(p.partDk + at)); partV = __ldcs((const uint4*)(p.partDv + at));
            }
            addRounded(sumK, ownK, 1); addRounded(sumV, ownV, 1);
            addRounded(sumK, partK, 1); addRounded(sumV, partV, 1);
            for (int e = pair; e < pair + (int)share; e++)
                for (u32 left = e == pair ? have & have - 1 : parts.have[e]; left; left &= left - 1) {
                    u64 at = (u64)parts.at[__ffs(left) - 1][e] * p.width + c;
                    addRounded(sumK, __ldcs((const uint4*)(p.partDk + at)), 1);
                    addRounded(sumV, __ldcs((const uint4*)(p.partDv + at)), 1);
                }
            writeRounded(p.dk + to, sumK);
            writeRounded(p.dv + to, sumV);
        }
        __syncthreads();
    }
}
