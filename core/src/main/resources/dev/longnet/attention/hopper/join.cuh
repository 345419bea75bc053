// What goes over (token, head) pairs before and after the branches: a block takes some tokens at a time.
#pragma once

#include "common.cuh"

// Eight numbers, rounded.
__device__ __forceinline__ void writeRounded(u16* to, const float (&x)[8]) {
    *(uint4*)to = make_uint4(pack(x[0], x[1]), pack(x[2], x[3]), pack(x[4], x[5]), pack(x[6], x[7]));
}
__device__ __forceinline__ void addRounded(float (&sum)[8], uint4 x, float weight) {
    u32 words[4] = {x.x, x.y, x.z, x.w};
    #pragma unroll
    for (int i = 0; i < 4; i++) {
        float2 two = unpack(words[i]);
        sum[2 * i] += weight * two.x; sum[2 * i + 1] += weight * two.y;
    }
}

// Division of numbers below 2^31 by a multiplication.
struct Divisor {
    u32 factor, shift;
    __device__ __forceinline__ void set(u32 d) {
        shift = d > 1 ? 63 - __clz(d - 1) : 31;
        factor = ((1ull << shift) + d - 1) / d;
    }
    __device__ __forceinline__ u32 divide(u32 n) const { return (u64)n * factor >> shift; }
};

// Whole tokens, up to BATCH pairs with the head fastest. The heads that keep a token in a branch are neighbours.
constexpr int BATCH = 256;
struct Batch {
    Divisor w[MAX_BRANCHES], r[MAX_BRANCHES], branches, heads, length;
    int inner[CYCLE ? MAX_BRANCHES : 1][MAX_HEADS];

    __device__ __forceinline__ void prepare(const Params& p, int thread, int threads) {
        for (int i = thread; CYCLE && i < p.branches * p.H; i += threads) inner[i / p.H][i % p.H] = p.inner[i / p.H][i % p.H];
        if (thread < p.branches) {
            w[thread].set(p.branch[thread].w);
            r[thread].set(p.branch[thread].r);
        }
        if (thread == 0) { branches.set(p.branches); heads.set(p.H); length.set(p.N); }
        __syncthreads();
    }
    // Calls each(pair, head, example, branch, tokens from the segment's first, the segment's tokens, segment, row) for
    // all pairs of `tokens` tokens that branches keep, `first` the first one.
    template <class F> __device__ __forceinline__ void forEachKept(const Params& p, u32 first, int tokens, int thread, int threads, F each) {
        for (int i = thread; i < tokens * p.branches; i += threads) {
            u32 t = branches.divide(i), k = i - t * p.branches, b = length.divide(first + t), n = first + t - b * p.N;
            u32 end = p.lengths ? p.lengths[b] : p.N;
            if (n >= end) continue;
            const Branch& br = p.branch[k];
            u32 segment = w[k].divide(n), inside = n - segment * br.w, row = r[k].divide(inside);
            u32 from = min((inside - row * br.r) * br.group, (u32)p.H), to = min(from + br.group, (u32)p.H);
            for (u32 h = from; h < to; h++) each(t * p.H + h, h, b, k, inside, min((u32)br.w, end - segment * br.w), segment, row);
        }
    }
};

// The compact rows of a batch's pairs, and the pairs that there is something to join for.
struct Parts {
    u32 at[MAX_BRANCHES][BATCH];
    u32 have[BATCH];                // a bit for each branch with a compact row
    bool whole[BATCH];              // whether the base has a row
    short pair[BATCH];
    int listed;

    // Finds results of queries, or of keys, where branches have them. Lists pairs, where heads share a key the first ones
    // only, unless the base alone has a row.
    __device__ __forceinline__ void find(Batch& batch, const Params& p, u32 first, int tokens, int thread, int threads, bool keys, u32 share) {
        for (int e = thread; e < tokens * p.H; e += threads) have[e] = 0;
        if (thread == 0) listed = 0;
        __syncthreads();
        batch.forEachKept(p, first, tokens, thread, threads, [&](int e, u32 h, u32 b, int k, u32 inside, u32 length, u32 segment, u32 row) {
            const Branch& br = p.branch[k];
            int inner = CYCLE ? batch.inner[k][h] : 0;
            if (k == p.base || (keys ? withoutQueries(inside, length, inner) : withoutKeys(inside, length, inner))) return;
            at[k][e] = br.partial + (u64)(b * p.H + h) * (br.segments * br.rows) + segment * br.rows + row;
            atomicOr(&have[e], 1 << k);
        });
        __syncthreads();
        for (int e = thread; e < tokens * p.H; e += threads) {
            u32 t = batch.heads.divide(e), b = batch.length.divide(first + t);
            whole[e] = p.base >= 0 && (!p.lengths || first + t - b * p.N < p.lengths[b]);
            if ((have[e] || !whole[e]) && (share == 1 || (e - t * p.H) % share == 0)) pair[atomicAdd(&listed, 1)] = e;
        }
        __syncthreads();
    }
};
