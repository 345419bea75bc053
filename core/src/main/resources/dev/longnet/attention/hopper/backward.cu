// The gradient of dilated attention on Hopper (sm_90a), exact for the merged output: with the merged log-sum-exp every
// branch's P_ij = exp(s_ij - lse_i) and dS = P (dP - dout_i · out_i) need nothing of the other branches.
//
// A tile is BN keys of one branch, segment and head; it visits the BM queries after BM queries that see them. Two
// warpgroups of 64 keys each compute transposed scores, so that P^T and dS^T stay in registers as the left sides of
// dV += P^T dout and dK += dS^T q. dS also goes to shared memory for dQ += dS k, which is added to global memory in
// float32: by a third warpgroup where D is 64, by the same two, one step later, where D is 128 and registers are short.
// dK and dV have one owner each and are compact, as the branches' outputs are forward; the last kernel sums them over
// branches and over the heads that share a key.
#include "common.cuh"

constexpr int BM = 64;                   // query rows of a step
constexpr int STAGES = D == 64 ? 4 : 2;  // of queries
constexpr bool EARLY = D == 64;          // scores begin one step ahead, where registers allow it
constexpr int DS_STAGES = 2, KV_STAGES = 2;
constexpr u32 Q_BYTES = BM * D * 2, KV_BYTES = BN * D * 2, DS_BYTES = BM * BN * 2, STATS_BYTES = BM * 8;
constexpr int THREADS = D == 64 ? 512 : 384, SHARED = 2 * KV_STAGES * KV_BYTES + STAGES * (2 * Q_BYTES + STATS_BYTES) + DS_STAGES * DS_BYTES + 1024;

// What the launch has to know: rows of a query box, of a key box, threads and bytes of shared memory of a block.
extern "C" __device__ const int backwardShape[4] = {BM, BN, THREADS, SHARED};

// dq = dS k over 16 keys for 64 queries and 64 features; dS lies query after query, k key after key.
__device__ __forceinline__ void spread(float (&o)[32], u64 ds, u64 k, int add) {
    asm volatile("{\n.reg .pred p;\nsetp.ne.b32 p, %34, 0;\nwgmma.mma_async.sync.aligned.m64n64k16.f32." TYPE
                 " {" R32 "}, %32, %33, p, 1, 1, 0, 1;\n}"
                 : F32(o, 0) : "l"(ds), "l"(k), "r"(add));
}
// Stores four 8 × 8 matrices transposed; lane l gives the address of row l mod 8 of matrix l / 8.
__device__ __forceinline__ void storeTransposed(u32 to, u32 a, u32 b, u32 c, u32 d) {
    asm volatile("stmatrix.sync.aligned.m8n8.x4.trans.shared.b16 [%0], {%1, %2, %3, %4};" ::"r"(to), "r"(a), "r"(b), "r"(c), "r"(d) : "memory");
}
__device__ __forceinline__ void addTo(float* to, float a, float b, float c, float d) {
    asm volatile("red.global.add.v4.f32 [%0], {%1, %2, %3, %4};" ::"l"(to), "f"(a), "f"(b), "f"(c), "f"(d) : "memory");
}
// (lse, delta) of two neighbouring queries.
__device__ __forceinline__ float4 statistics(u32 at) {
    float4 x;
    asm volatile("ld.shared.v4.f32 {%0, %1, %2, %3}, [%4];" : "=f"(x.x), "=f"(x.y), "=f"(x.z), "=f"(x.w) : "r"(at));
    return x;
}
__device__ __forceinline__ void copy(u32 to, const void* from, u32 bytes, u32 bar) {
    asm volatile("cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes [%0], [%1], %2, [%3];"
                 ::"r"(to), "l"(from), "r"(bytes), "r"(bar) : "memory");
}

// 64 rows of keys or values as the left side of transposed scores: held in registers, which halves what the products
// read from shared memory, or left there.
struct Held {
    u32 x[D / 4];
    __device__ __forceinline__ Held(u32 rows, int warp, int lane) {
        u32 row = warp * 16 + lane % 16;
        #pragma unroll
        for (int j = 0; j < D / 16; j++)
            asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
                         : "=r"(x[4 * j]), "=r"(x[4 * j + 1]), "=r"(x[4 * j + 2]), "=r"(x[4 * j + 3])
                         : "r"(rows + j / 4 * (BN * 128) + row * 128 + ((j % 4 * 2 + lane / 16 ^ row % 8) << 4)));
    }
    __device__ __forceinline__ void multiply(float (&s)[32], u64 b, int j) {
        asm volatile("{\n.reg .pred p;\nsetp.ne.b32 p, %37, 0;\nwgmma.mma_async.sync.aligned.m64n64k16.f32." TYPE
                     " {" R32 "}, {%32,%33,%34,%35}, %36, p, 1, 1, 0;\n}"
                     : F32(s, 0) : "r"(x[4 * j]), "r"(x[4 * j + 1]), "r"(x[4 * j + 2]), "r"(x[4 * j + 3]), "l"(b), "r"(j > 0 ? 1 : 0));
    }
};
struct Resting {
    u64 a;
    __device__ __forceinline__ Resting(u32 rows, int warp, int lane) : a(descriptor(rows, 16)) {}
    __device__ __forceinline__ void multiply(float (&s)[32], u64 b, int j) { scores(s, a + (j / 4) * (BN * 128 >> 4) + j % 4 * 2, b, j > 0); }
};

template <bool B, class X, class Y> struct Choose { typedef X Type; };
template <class X, class Y> struct Choose<false, X, Y> { typedef Y Type; };
typedef Choose<D == 64, Held, Resting>::Type Left;

// Where a tile stands. The producer finds out, the others read it.
struct Tile : Rows {
    int n;                          // first key row within the segment
    int first, steps;               // query tiles that see a key of it; steps -1 after the last tile
    u64 compact, stats;             // the segment's first compact row, its first row of statistics
};

__device__ __forceinline__ void locate(const Params& p, int t, volatile Tile& x) {
    u64 place;
    int tile = locateRows(p, t, x, place);  // the first keys are seen by most
    const Branch& br = p.branch[x.branch];
    if (CAUSAL && p.turn) tile = br.tiles - 1 - tile;   // but nobody waits where the last ones add first
    int n = tile * BN, first = CAUSAL ? n / BM : 0;
    x.n = n;
    x.compact = br.partial + place * br.rows;
    x.stats = br.stats + place * br.tiles * BN;
    x.first = first;
    x.steps = (x.rows + BM - 1) / BM - first;
}

// The rows of dq that a tile adds to, as one warpgroup sees them: 64 features of 64 queries a step.
struct Queries {
    float* to;          // of this lane in the first step: even lanes take row lane / 4, odd ones the row eight below
    u32 apart;          // numbers from one kept row to the next
    int row, rows, columns;
    int tile;           // of keys, in the segment
    int* turn;

    __device__ __forceinline__ Queries(const Params& p, const volatile Tile& x, int c) {
        int lane = threadIdx.x % 32, warp = threadIdx.x / 32 % 4, column = c * 64 + lane % 4 / 2 * 4;
        row = x.first * BM + warp * 16 + lane / 4 + lane % 2 * 8;
        rows = x.rows;
        columns = p.width - column;
        int r = p.branch[x.branch].r, token = x.position * r + x.residue;
        apart = r * p.H * p.width;
        to = p.dq + (((u64)x.b * p.N + token) * p.H + x.h) * p.width + (u64)row * apart + column;
        tile = x.n / BN;
        turn = p.turn ? p.turn + (x.stats / BM + x.first) * BOXES + c : nullptr;
    }
    __device__ __forceinline__ void multiply(float (&o)[32], u32 ds, u32 k) {
        u64 left = descriptor(ds, 16), right = descriptor(k, 16);
        fence();
        #pragma unroll
        for (int j = 0; j < BN / 16; j++) spread(o, left + (j / 4) * (BM * 128 >> 4) + j % 4 * 2, right + j * (2048 >> 4), j > 0);
        commit();
    }
    __device__ __forceinline__ void add(const float (&o)[32], int i) {
        int bar = 1 + threadIdx.x / 128;
        int before = CAUSAL ? i * BM / BN : tile;   // tiles that add to these queries before this one
        if (turn) {
            if (threadIdx.x % 128 == 0) while (*(volatile int*)(turn + i * BOXES) != before);
            asm volatile("bar.sync %0, 128;" ::"r"(bar) : "memory");
            __threadfence();
        }
        bool odd = threadIdx.x % 2;
        float* at = to + (u64)(i * BM) * apart;
        #pragma unroll
        for (int j = 0; j < 8; j++) {
            float a = __shfl_xor_sync(~0u, odd ? o[4 * j] : o[4 * j + 2], 1), b = __shfl_xor_sync(~0u, odd ? o[4 * j + 1] : o[4 * j + 3], 1);
            if (row + i * BM < rows && 8 * j < columns) {
                if (odd) addTo(at + 8 * j, a, b, o[4 * j + 2], o[4 * j + 3]);
                else addTo(at + 8 * j, o[4 * j], o[4 * j + 1], a, b);
            }
        }
        if (turn) {
            __threadfence();
            asm volatile("bar.sync %0, 128;" ::"r"(bar) : "memory");
            if (threadIdx.x % 128 == 0) *(volatile int*)(turn + i * BOXES) = before + 1;
        }
    }
};

extern "C" __global__ void __launch_bounds__(THREADS, 1) backward(const __grid_constant__ Params p) {
    extern __shared__ char raw[];
    char* base = (char*)(((u64)raw + 1023) & ~(u64)1023);
    u32 ks = smem(base), vs = ks + KV_STAGES * KV_BYTES, qs = vs + KV_STAGES * KV_BYTES, os = qs + STAGES * Q_BYTES,
        ds = os + STAGES * Q_BYTES, ss = ds + DS_STAGES * DS_BYTES;
    __shared__ u64 bars[2 * KV_STAGES + 2 * STAGES + 2 * DS_STAGES];
    __shared__ Tile slots[4];
    u32 kvFull = smem(bars), kvEmpty = kvFull + 8 * KV_STAGES, full = kvEmpty + 8 * KV_STAGES, empty = full + 8 * STAGES,
        dsFull = empty + 8 * STAGES, dsEmpty = dsFull + 8 * DS_STAGES;
    int thread = threadIdx.x, wg = __shfl_sync(~0u, thread / 128, 0);
    if (thread == 0) {
        for (int i = 0; i < KV_STAGES; i++) { barInit(kvFull + 8 * i, 1); barInit(kvEmpty + 8 * i, THREADS / 32 - 4); }
        for (int i = 0; i < STAGES; i++) { barInit(full + 8 * i, 1); barInit(empty + 8 * i, 8); }     // warps that let go
        for (int i = 0; i < DS_STAGES; i++) { barInit(dsFull + 8 * i, 8); barInit(dsEmpty + 8 * i, D == 64 ? 4 : 8); }
        asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory");
    }
    __syncthreads();
    int lane = thread % 32, warp = __shfl_sync(~0u, thread / 32 % 4, 0);
    // dQ of a tile's step i, the n-th of the block, from the dS that has been put down and the keys' features at `keys`.
    auto spreadStep = [&](Queries& dq, int i, u32 n, u32 keys) {
        u32 st = n % DS_STAGES;
        barWait(dsFull + 8 * st, n / DS_STAGES & 1);
        float o[32];
        dq.multiply(o, ds + st * DS_BYTES, keys);
        waitGroups<0>();
        if (lane == 0) barArrive(dsEmpty + 8 * st);
        dq.add(o, i);
    };

    if (wg == 0) {
        asm volatile("setmaxnreg.dec.sync.aligned.u32 24;");
        if (thread == 0) {
            u32 n = 0;  // query tiles loaded
            for (u32 it = 0;; it++) {
                u32 ki = it % KV_STAGES;
                volatile Tile& x = slots[it % 4];   // its last readers let go of their keys two tiles ago
                int t;
                while ((t = atomicAdd(p.next, 1)) < p.tiles) {
                    locate(p, t, x);
                    if (x.n < x.rows) break;
                }
                barWait(kvEmpty + 8 * ki, it / KV_STAGES & 1 ^ 1);
                if (t >= p.tiles) { x.steps = -1; barArrive(kvFull + 8 * ki); break; }
                const Map* map = &p.map[0][x.branch][x.residue < p.N % p.branch[x.branch].r];
                int hk = x.h / (p.H / p.Hk);
                barExpect(kvFull + 8 * ki, 2 * KV_BYTES);
                for (int c = 0; c < BOXES; c++) {
                    load(ks + ki * KV_BYTES + c * BN * 128, map + 2 * MAX_BRANCHES, kvFull + 8 * ki, c * 64, x.residue, x.position + x.n, hk, x.b);
                    load(vs + ki * KV_BYTES + c * BN * 128, map + 4 * MAX_BRANCHES, kvFull + 8 * ki, c * 64, x.residue, x.position + x.n, hk, x.b);
                }
                #pragma unroll 1
                for (int m = x.first * BM; m < x.rows; m += BM, n++) {
                    u32 st = n % STAGES, bar = full + 8 * st;
                    barWait(empty + 8 * st, n / STAGES & 1 ^ 1);
                    barExpect(bar, 2 * Q_BYTES + STATS_BYTES);
                    for (int c = 0; c < BOXES; c++) {
                        load(qs + st * Q_BYTES + c * BM * 128, map, bar, c * 64, x.residue, x.position + m, x.h, x.b);
                        load(os + st * Q_BYTES + c * BM * 128, map + 6 * MAX_BRANCHES, bar, c * 64, x.residue, x.position + m, x.h, x.b);
                    }
                    copy(ss + st * STATS_BYTES, p.stats + x.stats + m, STATS_BYTES, bar);
                }
            }
        }
    } else if (D == 64 && wg == 3) {
        asm volatile("setmaxnreg.dec.sync.aligned.u32 72;");
        u32 n = 0;
        for (u32 it = 0;; it++) {
            u32 ki = it % KV_STAGES;
            barWait(kvFull + 8 * ki, it / KV_STAGES & 1);
            int steps = __shfl_sync(~0u, slots[it % 4].steps, 0);
            if (steps < 0) break;
            Queries dq(p, slots[it % 4], 0);
            #pragma unroll 1
            for (int i = 0; i < steps; i++, n++) spreadStep(dq, i, n, ks + ki * KV_BYTES);
            if (lane == 0) barArrive(kvEmpty + 8 * ki);
        }
    } else {
        asm volatile("setmaxnreg.inc.sync.aligned.u32 %0;" ::"n"(D == 64 ? 208 : 240));
        int me = wg - 1;
        // Where this lane's matrix row of dS^T goes, transposed: queries are rows of 64 keys, under the swizzle.
        u32 store = ds + me * (BM * 128) + (lane / 16 * 8 + lane % 8) * 128 + ((2 * warp + lane / 8 % 2 ^ lane % 8) << 4);
        u32 n = 0;
        for (u32 it = 0;; it++) {
            u32 ki = it % KV_STAGES;
            barWait(kvFull + 8 * ki, it / KV_STAGES & 1);
            int steps = __shfl_sync(~0u, slots[it % 4].steps, 0);
            if (steps < 0) break;
            int rows = __shfl_sync(~0u, slots[it % 4].rows, 0), n0 = __shfl_sync(~0u, slots[it % 4].n, 0);
            int m = CAUSAL ? n0 / BM * BM : 0, key = n0 + 64 * me + warp * 16 + lane / 4;
            float dk[D / 2], dv[D / 2];
            #pragma unroll
            for (int i = 0; i < D / 2; i++) dk[i] = dv[i] = 0;
            Left k(ks + ki * KV_BYTES + me * 8192, warp, lane), v(vs + ki * KV_BYTES + me * 8192, warp, lane);
            Queries dq(p, slots[it % 4], me);
            u32 mine = ks + ki * KV_BYTES + me * (BN * 128);     // D = 128: these keys' features that dQ is computed of here
            float s[BM / 2];
            auto begin = [&](u32 n) {                   // the scores of the n-th step
                u32 st = n % STAGES;
                barWait(full + 8 * st, n / STAGES & 1);
                u64 q = descriptor(qs + st * Q_BYTES, 16);
                fence();
                #pragma unroll
                for (int j = 0; j < D / 16; j++) k.multiply(s, q + (j / 4) * (BM * 128 >> 4) + j % 4 * 2, j);
                commit();
            };
            if (EARLY) begin(n);
            #pragma unroll 1
            for (int i = 0;; n++, m += BM) {
                u32 st = n % STAGES;
                if (!EARLY) begin(n);               // else the last step did
                u64 o = descriptor(os + st * Q_BYTES, 16);
                float dp[BM / 2];
                fence();
                #pragma unroll
                for (int j = 0; j < D / 16; j++) v.multiply(dp, o + (j / 4) * (BM * 128 >> 4) + j % 4 * 2, j);
                commit();
                waitGroups<1>();
                if (n0 + BN > rows || (CAUSAL && m < n0 + BN)) {
                    // The first query, counted from this lane's, that sees a key.
                    int never = 1 << 20, near = (key >= rows ? never : CAUSAL ? key - m : -never) - lane % 4 * 2,
                        far = (key + 8 >= rows ? never : CAUSAL ? key + 8 - m : -never) - lane % 4 * 2;
                    #pragma unroll
                    for (int j = 0; j < BM / 2; j++)
                        if (j / 4 * 8 + j % 2 < (j / 2 % 2 ? far : near)) s[j] = -INFINITY;
                }
                u32 pr[BM / 4], dr[BM / 4];
                #pragma unroll
                for (int j = 0; j < BM / 8; j++) {
                    float4 x = statistics(ss + st * STATS_BYTES + lane % 4 * 16 + j * 64);
                    #pragma unroll
                    for (int y = 0; y < 2; y++) {
                        float p0 = s[4 * j + 2 * y] = power2(fmaf(s[4 * j + 2 * y], p.scale, -x.x)), p1 = s[4 * j + 2 * y + 1] = power2(fmaf(s[4 * j + 2 * y + 1], p.scale, -x.z));
                        pr[2 * j + y] = pack(p0, p1);
                    }
                }
                waitGroups<0>();
                #pragma unroll
                for (int j = 0; j < BM / 8; j++) {
                    float4 x = statistics(ss + st * STATS_BYTES + lane % 4 * 16 + j * 64);
                    #pragma unroll
                    for (int y = 0; y < 2; y++)
                        dr[2 * j + y] = pack(s[4 * j + 2 * y] * (dp[4 * j + 2 * y] - x.y), s[4 * j + 2 * y + 1] * (dp[4 * j + 2 * y + 1] - x.w));
                }
                u64 om = descriptor(os + st * Q_BYTES, BM * 128), qm = descriptor(qs + st * Q_BYTES, BM * 128);
                fence();
                #pragma unroll
                for (int j = 0; j < BM / 16; j++)
                    weigh(dv, pr[4 * j], pr[4 * j + 1], pr[4 * j + 2], pr[4 * j + 3], om + j * (2048 >> 4));
                commit();
                u32 dst = n % DS_STAGES;
                barWait(dsEmpty + 8 * dst, n / DS_STAGES & 1 ^ 1);
                #pragma unroll
                for (int j = 0; j < BM / 16; j++)
                    storeTransposed(store + dst * DS_BYTES + j * 2048, dr[4 * j], dr[4 * j + 1], dr[4 * j + 2], dr[4 * j + 3]);
                asm volatile("fence.proxy.async.shared::cta;" ::: "memory");
                __syncwarp();
                if (lane == 0) barArrive(dsFull + 8 * dst);
                fence();
                #pragma unroll
                for (int j = 0; j < BM / 16; j++)
                    weigh(dk, dr[4 * j], dr[4 * j + 1], dr[4 * j + 2], dr[4 * j + 3], qm + j * (2048 >> 4));
                commit();
                if (D == 128 && i > 0) spreadStep(dq, i - 1, n - 1, mine);
                if (++i == steps) break;
                if (EARLY) begin(n + 1);
                waitGroups<EARLY>();
                __syncwarp();
                if (lane == 0) barArrive(empty + 8 * st);
            }
            waitGroups<0>();
            __syncwarp();
            if (lane == 0) barArrive(empty + 8 * (n % STAGES));
            if (D == 128) spreadStep(dq, steps - 1, n, mine);
            n++;
            u64 to = slots[it % 4].compact + key;
            __syncwarp();
            if (lane == 0) barArrive(kvEmpty + 8 * ki);
            #pragma unroll
            for (int y = 0; y < 2; y++) {
                bool wanted = key + 8 * y < rows;
                writeRow(dk, y, p.scale * LN_2, p.dk + (to + 8 * y) * p.width, p.width, wanted);
                writeRow(dv, y, 1, p.dv + (to + 8 * y) * p.width, p.width, wanted);
            }
        }
    }
}

__device__ __forceinline__ void writeRounded(u16* to, const float (&x)[8]) {
    *(uint4*)to = make_uint4(pack(x[0], x[1]), pack(x[2], x[3]), pack(x[4], x[5]), pack(x[6], x[7]));
}

__device__ __forceinline__ void addRounded(float (&sum)[8], uint4 x) {
    u32 words[4] = {x.x, x.y, x.z, x.w};
    #pragma unroll
    for (int i = 0; i < 4; i++) {
        float2 two = unpack(words[i]);
        sum[2 * i] += two.x; sum[2 * i + 1] += two.y;
    }
}

// Statistics of every kept row, dq = 0. Rows outside of every segment keep what the caller filled them with: a
// log-sum-exp so large that P is 0. A block takes 2048 / D neighbouring rows of one head.
extern "C" __global__ void __launch_bounds__(256) prepare(const __grid_constant__ Params p, const u16* out, const u16* dout, const float* lse) {
    constexpr int LANES = D / 8, ROWS = 256 / LANES;
    int thread = threadIdx.y * blockDim.x + threadIdx.x, lane = thread % LANES, across = thread / LANES;
    u32 stretches = (p.N + ROWS - 1) / ROWS;
    for (u64 t = blockIdx.x; t < (u64)p.B * stretches * p.H; t += gridDim.x) {
        u32 u = t / p.H, h = t - (u64)u * p.H, b = u / stretches, row = (u - b * stretches) * ROWS + across;
        bool live = row < p.N;
        u64 at = (((u64)b * p.N + row) * p.H + h) * p.width + 8 * lane;
        float delta = 0;
        if (live && 8 * lane < p.width) {
            uint4 x = *(const uint4*)(out + at), y = *(const uint4*)(dout + at);
            u32 xs[4] = {x.x, x.y, x.z, x.w}, ys[4] = {y.x, y.y, y.z, y.w};
            #pragma unroll
            for (int i = 0; i < 4; i++) {
                float2 a = unpack(xs[i]), c = unpack(ys[i]);
                delta += a.x * c.x + a.y * c.y;
            }
            *(float4*)(p.dq + at) = make_float4(0, 0, 0, 0);
            *(float4*)(p.dq + at + 4) = make_float4(0, 0, 0, 0);
        }
        #pragma unroll
        for (int e = LANES / 2; e > 0; e /= 2) delta += __shfl_xor_sync(~0u, delta, e);
        if (!live || lane >= p.branches) continue;
        const Branch& br = p.branch[lane];
        Standing stands(br, row);
        if (stands.residue != h / (u32)br.group || (p.lengths && row >= p.lengths[b])) continue;
        float l = lse[((u64)b * p.H + h) * p.N + row];
        p.stats[br.stats + (((u64)b * p.H + h) * br.segments + stands.segment) * br.tiles * BN + stands.row] =
            make_float2(l == -INFINITY ? 3e38f : l * LOG2_E, delta);
    }
}

// dq rounded; dk and dv summed over the branches and the heads that share a key. Tokens of the results are rowQ and rowK
// numbers apart, examples N tokens. Block (any, rows); one thread takes eight features of dq, or of both dk and dv.
extern "C" __global__ void __launch_bounds__(256) finish(const __grid_constant__ Params p, u16* dq, u16* dk, u16* dv, u64 rowQ, u64 rowK) {
    __shared__ Residues residues;
    fill(residues, p);
    int chunks = p.width / 8, share = p.H / p.Hk, b = blockIdx.y, end = p.lengths ? p.lengths[b] : p.N;
    float scale = p.scale * LN_2;
    for (int row = blockIdx.x * blockDim.y + threadIdx.y; row < p.N; row += gridDim.x * blockDim.y) {
        u64 token = (u64)b * p.N + row;
        for (int i = threadIdx.x; i < (p.H + p.Hk) * chunks; i += blockDim.x) {
            int k = i - p.H * chunks;
            if (k < 0) {
                const float4* from = (const float4*)(p.dq + token * p.H * p.width + 8 * i);
                float4 x = __ldcs(from), y = __ldcs(from + 1);
                const float sum[8] = {x.x * scale, x.y * scale, x.z * scale, x.w * scale, y.x * scale, y.y * scale, y.z * scale, y.w * scale};
                writeRounded(dq + token * rowQ + 8 * i, sum);
                continue;
            }
            int first = k / chunks * share, c = k % chunks;
            float sumK[8] = {}, sumV[8] = {};
            for (int e = 0; e < (row < end ? p.branches : 0); e++) {
                const Branch& br = p.branch[e];
                Standing stands(br, row);
                for (int h = first; h < first + share; h++) {
                    if (stands.residue != residues[e][h]) continue;
                    u64 at = stands.compact(p, br, b, h) * p.width + 8 * c;
                    uint4 x = __ldcs((const uint4*)(p.dk + at)), y = __ldcs((const uint4*)(p.dv + at));
                    addRounded(sumK, x);
                    addRounded(sumV, y);
                }
            }
            writeRounded(dk + token * rowK + 8 * k, sumK);
            writeRounded(dv + token * rowK + 8 * k, sumV);
        }
    }
}
