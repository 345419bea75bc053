// What the kernels over rows share: eight bfloat16 numbers at once, and sums over a block in an order that never changes.
#pragma once

typedef unsigned int u32;
typedef unsigned short u16;
typedef long long i64;

__device__ __forceinline__ void unpack(uint4 v, float (&x)[8]) {
    u32 words[4] = {v.x, v.y, v.z, v.w};
    #pragma unroll
    for (int i = 0; i < 4; i++) {
        x[2 * i] = __uint_as_float(words[i] << 16);
        x[2 * i + 1] = __uint_as_float(words[i] & 0xFFFF0000u);
    }
}
__device__ __forceinline__ uint4 pack(const float (&x)[8]) {
    u32 words[4];
    #pragma unroll
    for (int i = 0; i < 4; i++)
        asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(words[i]) : "f"(x[2 * i + 1]), "f"(x[2 * i]));
    return make_uint4(words[0], words[1], words[2], words[3]);
}
__device__ __forceinline__ float power2(float x) { float y; asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x)); return y; }

// Eight neighbouring float32.
__device__ __forceinline__ void read(const float* from, float (&x)[8]) {
    float4 a = *(const float4*)from, b = *(const float4*)(from + 4);
    x[0] = a.x; x[1] = a.y; x[2] = a.z; x[3] = a.w; x[4] = b.x; x[5] = b.y; x[6] = b.z; x[7] = b.w;
}
__device__ __forceinline__ void write(float* to, const float (&x)[8]) {
    *(float4*)to = make_float4(x[0], x[1], x[2], x[3]);
    *(float4*)(to + 4) = make_float4(x[4], x[5], x[6], x[7]);
}

// Sums of two numbers over all WARPS warps of a block, for every thread. `phase` counts the calls: two buffers in turn
// need one barrier a call.
template <int WARPS> struct Pair {
    float exchange[2][2 * WARPS];

    __device__ __forceinline__ void sum(float& a, float& b, int& phase) {
        int lane = threadIdx.x % 32;
        bool odd = lane & 1;                            // even lanes go on with a, odd ones with b
        float mine = odd ? b : a, other = odd ? a : b;
        mine += __shfl_xor_sync(~0u, other, 1);
        #pragma unroll
        for (int e = 2; e < 32; e *= 2) mine += __shfl_xor_sync(~0u, mine, e);
        if (WARPS > 1) {
            float* buffer = exchange[phase & 1];
            phase++;
            if (lane < 2) buffer[threadIdx.x / 32 * 2 + lane] = mine;
            __syncthreads();
            mine = 0;
            #pragma unroll
            for (int i = 0; i < 2 * WARPS; i += 32) if (i + lane < 2 * WARPS) mine += buffer[i + lane];
            #pragma unroll
            for (int e = 2; e < 32; e *= 2) mine += __shfl_xor_sync(~0u, mine, e);
        }
        a = __shfl_sync(~0u, mine, 0);
        b = __shfl_sync(~0u, mine, 1);
    }
};
