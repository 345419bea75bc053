// Dilated attention forward on Hopper (sm_90a): all branches of a pattern in one persistent launch, then one merge.
//
// A branch (w, r) is flash attention on strided rows. Row n of the sequence is (residue n mod r, position n div r), so
// one five-axis tensor map (feature, residue, position, head, example) reaches the kept rows of every segment without a
// copy, for any w, r and N. A thread block has one producer warp that issues the loads and C consumer warpgroups of 64
// query rows each; the warpgroups take turns in issuing matrix products, so that one's softmax runs under another's.

#include "common.cuh"

constexpr int C = D == 64 ? 3 : 2;   // consumer warpgroups
constexpr int BM = 64 * C;           // query rows of a tile
constexpr int STAGES = D == 64 ? 2 : 3;
constexpr int QSTAGES = D == 64 ? 2 : 1;
constexpr u32 Q_BYTES = BM * D * 2, KV_BYTES = BN * D * 2;
constexpr int THREADS = 128 * (C + 1), SHARED = QSTAGES * Q_BYTES + 2 * STAGES * KV_BYTES + 1024;

// What the launch has to know: rows of a query box, of a key box, threads and bytes of shared memory of a block.
extern "C" __device__ const int forwardShape[4] = {BM, BN, THREADS, SHARED};

// Where a tile stands. The producer finds out, the consumers read it.
struct Tile : Rows {
    int m;                          // first query row within the segment
    int blocks;                     // key blocks that any of its queries sees; -1 after the last tile
    u64 compact;                    // the segment's first compact row
};

__device__ __forceinline__ void locate(const Params& p, int t, volatile Tile& x) {
    u64 place;
    int tile = locateRows(p, t, x, place);
    const Branch& br = p.branch[x.branch];
    int m = (br.tiles - 1 - tile) * BM, rows = x.rows;     // the longest rows first
    x.m = m;
    x.compact = br.partial + place * br.rows;
    x.blocks = ((CAUSAL ? min(rows, m + BM) : rows) + BN - 1) / BN;
}

__device__ __forceinline__ bool empty(const volatile Tile& x) { return x.m >= x.rows; }

extern "C" __global__ void __launch_bounds__(THREADS, 1) forward(const __grid_constant__ Params p) {
    extern __shared__ char raw[];
    char* base = (char*)(((u64)raw + 1023) & ~(u64)1023);
    u32 qs = smem(base), ks = qs + QSTAGES * Q_BYTES, vs = ks + STAGES * KV_BYTES;
    __shared__ u64 bars[2 * QSTAGES + 4 * STAGES];
    __shared__ Tile slots[4];
    u32 qFull = smem(bars), qEmpty = qFull + 8 * QSTAGES, kFull = qEmpty + 8 * QSTAGES, kEmpty = kFull + 8 * STAGES,
        vFull = kEmpty + 8 * STAGES, vEmpty = vFull + 8 * STAGES;
    int thread = threadIdx.x, wg = __shfl_sync(~0u, thread / 128, 0);
    if (thread == 0) {
        for (int i = 0; i < QSTAGES; i++) { barInit(qFull + 8 * i, 1); barInit(qEmpty + 8 * i, C); }
        for (int i = 0; i < STAGES; i++) {
            barInit(kFull + 8 * i, 1); barInit(kEmpty + 8 * i, C);
            barInit(vFull + 8 * i, 1); barInit(vEmpty + 8 * i, C);
        }
        asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory");
    }
    __syncthreads();

    if (wg == 0) {
        asm volatile("setmaxnreg.dec.sync.aligned.u32 %0;" ::"n"(C == 3 ? 32 : 56));
        if (thread == 0) {
            u32 n = 0;  // key blocks loaded
            for (u32 it = 0;; it++) {
                u32 qi = it % QSTAGES, qp = it / QSTAGES & 1;
                volatile Tile& x = slots[it % 4];   // its last readers let go of their queries two tiles ago
                int t;
                while ((t = atomicAdd(p.next, 1)) < p.tiles) {
                    locate(p, t, x);
                    if (!empty(x)) break;
                }
                barWait(qEmpty + 8 * qi, qp ^ 1);
                if (t >= p.tiles) { x.blocks = -1; barArrive(qFull + 8 * qi); break; }
                const Branch& br = p.branch[x.branch];
                int deep = x.residue < p.N % br.r;
                const Map* map = &p.map[0][x.branch][deep];
                barExpect(qFull + 8 * qi, Q_BYTES);
                for (int c = 0; c < BOXES; c++)
                    load(qs + qi * Q_BYTES + c * BM * 128, map, qFull + 8 * qi, c * 64, x.residue, x.position + x.m, x.h, x.b);
                int hk = x.h / (p.H / p.Hk);
                #pragma unroll 1
                for (int j = x.blocks - 1; j >= 0; j--, n++) {
                    u32 st = n % STAGES, ph = n / STAGES & 1;
                    barWait(kEmpty + 8 * st, ph ^ 1);
                    barExpect(kFull + 8 * st, KV_BYTES);
                    for (int c = 0; c < BOXES; c++)
                        load(ks + st * KV_BYTES + c * BN * 128, map + 2 * MAX_BRANCHES, kFull + 8 * st, c * 64, x.residue, x.position + j * BN, hk, x.b);
                    barWait(vEmpty + 8 * st, ph ^ 1);
                    barExpect(vFull + 8 * st, KV_BYTES);
                    for (int c = 0; c < BOXES; c++)
                        load(vs + st * KV_BYTES + c * BN * 128, map + 4 * MAX_BRANCHES, vFull + 8 * st, c * 64, x.residue, x.position + j * BN, hk, x.b);
                }
            }
        }
    } else {
        asm volatile("setmaxnreg.inc.sync.aligned.u32 %0;" ::"n"(C == 3 ? 160 : 224));
        int me = wg - 1, lane = thread % 32, warp = __shfl_sync(~0u, thread / 32 % 4, 0);
        bool leader = thread % 128 == 0;
        int turn = wg, after = me + 1 < C ? wg + 1 : 1;   // named barriers: whose matrix products come next
        if (me == C - 1) asm volatile("bar.arrive 1, 256;" ::: "memory");
        // The warpgroups take turns in issuing their products, one turn for each key block after a tile's first.
        auto take = [&]() { asm volatile("bar.sync %0, 256;" ::"r"(turn) : "memory"); };
        auto give = [&]() { asm volatile("bar.arrive %0, 256;" ::"r"(after) : "memory"); };
        u32 n = 0;
        for (u32 it = 0;; it++) {
            u32 qi = it % QSTAGES;
            barWait(qFull + 8 * qi, it / QSTAGES & 1);
            struct { int m, rows, blocks; } x;
            x.blocks = __shfl_sync(~0u, slots[it % 4].blocks, 0);
            if (x.blocks < 0) break;
            x.m = __shfl_sync(~0u, slots[it % 4].m, 0);
            x.rows = __shfl_sync(~0u, slots[it % 4].rows, 0);
            u64 compact = slots[it % 4].compact;
            int first = x.m + 64 * me, row = first + warp * 16 + lane / 4;
            // Key blocks of this warpgroup; the tile's others are only let go.
            int mine = first >= x.rows ? 0 : CAUSAL ? (min(x.rows, first + 64) + BN - 1) / BN : x.blocks;
            float o[D / 2];
            float top[2] = {-INFINITY, -INFINITY}, sum[2] = {0, 0};
            #pragma unroll
            for (int i = 0; i < D / 2; i++) o[i] = 0;
            u64 q = descriptor(qs + qi * Q_BYTES + me * 8192, 16);
            u32 pr[32];
            float s[64];
            auto multiply = [&](u32 st) {
                u64 k = descriptor(ks + st * KV_BYTES, 16);
                fence();
                #pragma unroll
                for (int i = 0; i < D / 16; i++)
                    scores(s, q + (i / 4) * (C * 8192 >> 4) + i % 4 * 2, k + (i / 4) * (BN * 128 >> 4) + i % 4 * 2, i > 0);
                commit();
            };
            auto gather = [&](u32 st) {
                u64 v = descriptor(vs + st * KV_BYTES, BN * 128);
                fence();
                #pragma unroll
                for (int i = 0; i < BN / 16; i++)
                    weigh(o, pr[4 * i], pr[4 * i + 1], pr[4 * i + 2], pr[4 * i + 3], v + i * (2048 >> 4));
                commit();
            };
            float old[2];
            auto soften = [&](int j) {
                int k0 = j * BN;
                if (k0 + BN > x.rows || (CAUSAL && k0 + BN - 1 > first)) {
                    // The first key, counted from this lane's, that a row does not see.
                    int near = (CAUSAL ? min(x.rows, row + 1) : x.rows) - k0 - lane % 4 * 2;
                    int far = (CAUSAL ? min(x.rows, row + 9) : x.rows) - k0 - lane % 4 * 2;
                    #pragma unroll
                    for (int i = 0; i < 64; i++)
                        if (i / 4 * 8 + i % 2 >= (i / 2 % 2 ? far : near)) s[i] = -INFINITY;
                }
                // Both rows side by side, in four chains each.
                float m[2][4];
                #pragma unroll
                for (int c = 0; c < 4; c++)
                    #pragma unroll
                    for (int y = 0; y < 2; y++) m[y][c] = fmaxf(s[4 * c + 2 * y], s[4 * c + 2 * y + 1]);
                #pragma unroll
                for (int i = 4; i < 16; i++)
                    #pragma unroll
                    for (int y = 0; y < 2; y++) m[y][i % 4] = fmaxf(m[y][i % 4], fmaxf(s[4 * i + 2 * y], s[4 * i + 2 * y + 1]));
                float high[2], zero[2], part[2][2];
                #pragma unroll
                for (int y = 0; y < 2; y++) high[y] = fmaxf(fmaxf(m[y][0], m[y][1]), fmaxf(fmaxf(m[y][2], m[y][3]), top[y]));
                #pragma unroll
                for (int e = 1; e < 3; e++) {
                    float other[2];
                    #pragma unroll
                    for (int y = 0; y < 2; y++) other[y] = __shfl_xor_sync(~0u, high[y], e);
                    #pragma unroll
                    for (int y = 0; y < 2; y++) high[y] = fmaxf(high[y], other[y]);
                }
                #pragma unroll
                for (int y = 0; y < 2; y++) {
                    zero[y] = high[y] == -INFINITY ? 0 : high[y] * p.scale;
                    old[y] = power2(fmaf(top[y], p.scale, -zero[y]));
                    top[y] = high[y];
                    part[y][0] = part[y][1] = 0;
                }
                #pragma unroll
                for (int i = 0; i < 16; i++)
                    #pragma unroll
                    for (int y = 0; y < 2; y++) {
                        float a = s[4 * i + 2 * y] = power2(fmaf(s[4 * i + 2 * y], p.scale, -zero[y]));
                        float b = s[4 * i + 2 * y + 1] = power2(fmaf(s[4 * i + 2 * y + 1], p.scale, -zero[y]));
                        part[y][i % 2] += a + b;
                    }
                #pragma unroll
                for (int y = 0; y < 2; y++) sum[y] = fmaf(sum[y], old[y], part[y][0] + part[y][1]);
            };
            auto keep = [&]() {
                #pragma unroll
                for (int i = 0; i < 8; i++) {
                    pr[4 * i] = pack(s[8 * i], s[8 * i + 1]);
                    pr[4 * i + 1] = pack(s[8 * i + 2], s[8 * i + 3]);
                    pr[4 * i + 2] = pack(s[8 * i + 4], s[8 * i + 5]);
                    pr[4 * i + 3] = pack(s[8 * i + 6], s[8 * i + 7]);
                }
            };
            // Blocks that this warpgroup does not see.
            for (int j = x.blocks - 1; j >= mine; j--, n++) {
                u32 st = n % STAGES, ph = n / STAGES & 1;
                barWait(kFull + 8 * st, ph);
                barWait(vFull + 8 * st, ph);
                if (j < x.blocks - 1) { take(); give(); }
                asm volatile("bar.sync %0, 128;" ::"r"(4 + wg) : "memory");   // no warp still waits for this phase
                if (leader) { barArrive(kEmpty + 8 * st); barArrive(vEmpty + 8 * st); }
            }
            if (mine > 0) {
                u32 st = n % STAGES, ph = n / STAGES & 1;
                barWait(kFull + 8 * st, ph);
                bool late = mine < x.blocks;
                if (late) take();
                multiply(st);
                if (late) give();
                waitGroups<0>();
                if (leader) barArrive(kEmpty + 8 * st);
                soften(mine - 1);
                keep();
                n++;
                for (int j = mine - 2; j >= 0; j--, n++) {
                    u32 was = st, wasPh = ph;
                    st = n % STAGES; ph = n / STAGES & 1;
                    barWait(kFull + 8 * st, ph);
                    take();
                    multiply(st);
                    barWait(vFull + 8 * was, wasPh);
                    gather(was);
                    give();
                    waitGroups<1>();
                    if (leader) barArrive(kEmpty + 8 * st);
                    soften(j);
                    waitGroups<0>();
                    if (leader) barArrive(vEmpty + 8 * was);
                    keep();
                    #pragma unroll
                    for (int i = 0; i < D / 2; i++) o[i] *= old[i / 2 % 2];
                }
                barWait(vFull + 8 * st, ph);
                gather(st);
                waitGroups<0>();
                if (leader) barArrive(vEmpty + 8 * st);
            }
            asm volatile("bar.sync %0, 128;" ::"r"(4 + wg) : "memory");
            if (leader) barArrive(qEmpty + 8 * qi);
            #pragma unroll
            for (int y = 0; y < 2; y++) {
                float l = sum[y];
                l += __shfl_xor_sync(~0u, l, 1);
                l += __shfl_xor_sync(~0u, l, 2);
                float inverse = l > 0 ? 1 / l : 0;
                int at = row + 8 * y;
                u64 to = compact + at;
                if (at < x.rows && lane % 4 == 0)
                    p.lse[to] = l > 0 ? top[y] * p.scale * LN_2 + logf(l) : -INFINITY;
                writeRow(o, y, inverse, p.out + to * p.width, p.width, at < x.rows);
            }
        }
    }
}

// Joins the branches: out = sum of exp(lse_i - lse) out_i, lse = ln sum exp(lse_i). Block (width / FEATURES heads, rows).
extern "C" __global__ void __launch_bounds__(512) merge(const __grid_constant__ Params p, u16* out, float* lse) {
    __shared__ Residues residues;
    fill(residues, p);
    int chunks = p.width / FEATURES, b = blockIdx.y, end = p.lengths ? p.lengths[b] : p.N;
    for (int row = blockIdx.x * blockDim.y + threadIdx.y; row < p.N; row += gridDim.x * blockDim.y) {
        for (int i = threadIdx.x; i < p.H * chunks; i += blockDim.x) {
            u32 h = (u32)i / chunks, c = i - h * chunks;
            float acc[FEATURES], top = -INFINITY, sum = 0;
            #pragma unroll
            for (int j = 0; j < FEATURES; j++) acc[j] = 0;
            for (int k = 0; k < (row < end ? p.branches : 0); k++) {
                const Branch& br = p.branch[k];
                Standing stands(br, row);
                if (stands.residue != residues[k][h]) continue;
                u64 at = stands.compact(p, br, b, h);
                float l = p.lse[at];
                uint4 x[FEATURES / 8];
                #pragma unroll
                for (int e = 0; e < FEATURES / 8; e++) x[e] = *(const uint4*)(p.out + at * p.width + FEATURES * c + 8 * e);
                if (l == -INFINITY) continue;
                float high = fmaxf(top, l), was = power2((top - high) * LOG2_E), is = power2((l - high) * LOG2_E);
                top = high;
                sum = sum * was + is;
                #pragma unroll
                for (int e = 0; e < FEATURES / 2; e++) {
                    u32 w = e % 4 == 0 ? x[e / 4].x : e % 4 == 1 ? x[e / 4].y : e % 4 == 2 ? x[e / 4].z : x[e / 4].w;
                    float2 two = unpack(w);
                    acc[2 * e] = acc[2 * e] * was + is * two.x; acc[2 * e + 1] = acc[2 * e + 1] * was + is * two.y;
                }
            }
            float inverse = sum > 0 ? __fdividef(1, sum) : 0;
            u64 to = ((u64)b * p.N + row) * (p.H * p.width) + FEATURES * i;
            #pragma unroll
            for (int e = 0; e < FEATURES / 8; e++)
                *(uint4*)(out + to + 8 * e) = make_uint4(
                    pack(acc[8 * e] * inverse, acc[8 * e + 1] * inverse), pack(acc[8 * e + 2] * inverse, acc[8 * e + 3] * inverse),
                    pack(acc[8 * e + 4] * inverse, acc[8 * e + 5] * inverse), pack(acc[8 * e + 6] * inverse, acc[8 * e + 7] * inverse));
            if (c == 0) lse[((u64)b * p.H + h) * p.N + row] = sum > 0 ? top + __logf(sum) : -INFINITY;
        }
    }
}
