// The gradient of dilated attention on Hopper (sm_90a), exact for the merged output: with the merged log-sum-exp every
// branch's P_ij = exp(s_ij - lse_i) and dS = P (dP - dout_i · out_i) need nothing of the other branches.
//
// A tile is BN keys of one branch, segment and head; it visits the BM queries after BM queries that see them. Two
// warpgroups of 64 keys each compute transposed scores, so that P^T and dS^T stay in registers as the left sides of
// dV += P^T dout and dK += dS^T q. dS also goes to shared memory for dQ += dS k, which is added to global memory in
// float32: by a third warpgroup where D is 64, by the same two, one step later, where D is 128 and registers are short.
// dK and dV have one owner each and are compact, as the branches' outputs are forward; the last kernel sums them over
// branches and over the heads that share a key.
#include "finish.cuh"

constexpr int BM = 64;                   // query rows of a step
constexpr int STAGES = D == 64 ? 4 : 2;  // of queries
constexpr int DS_STAGES = 2, KV_STAGES = D == 64 ? 2 : 1, DQ_STAGES = D == 64 ? 2 : 1;
constexpr u32 Q_BYTES = BM * D * 2, KV_BYTES = BN * D * 2, DS_BYTES = BM * BN * 2, DQ_BYTES = BM * 64 * 4, STATS_BYTES = BM * 8;
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
// Adds a box of float32 to global memory.
__device__ __forceinline__ void addTo(const Map* map, u32 from, int d, int residue, int position, int head, int b) {
    asm volatile("cp.reduce.async.bulk.tensor.5d.global.shared::cta.add.tile.bulk_group [%0, {%2, %3, %4, %5, %6}], [%1];"
                 ::"l"(map), "r"(from), "r"(d), "r"(residue), "r"(position), "r"(head), "r"(b) : "memory");
}
// (lse, delta) of two neighbouring queries.
__device__ __forceinline__ float4 statistics(u32 at) {
    float4 x;
    asm volatile("ld.shared.v4.f32 {%0, %1, %2, %3}, [%4];" : "=f"(x.x), "=f"(x.y), "=f"(x.z), "=f"(x.w) : "r"(at));
    return x;
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

// Where a tile stands.
struct Tile : Rows {
    int n;                          // first key row within the segment
    int first, steps;               // the first query tile that sees a key of it and how many do; steps -1 after the last tile
    int gapLow, gap;                // of which `gap` from gapLow on do not
    // The segment's first row of statistics.
    __device__ __forceinline__ u64 stats(const Params& p) const { return p.branch[branch].stats + place * p.branch[branch].tiles * BN; }
    __device__ __forceinline__ int row(int i) const {     // the first query row of step i
        int tile = first + i;
        return (!CAUSAL && tile >= gapLow ? tile + gap : tile) * BM;
    }
};

// Where tile t of the launch stands; without steps where no query sees a key of it, -1 of them after the last tile.
__device__ __forceinline__ void locate(const Params& p, int t, Tile& x) {
    x.steps = -1;
    if (t >= p.tiles) return;
    int tile = locateRows(p, t, x);         // the first keys are seen by most
    const Branch& br = p.branch[x.branch];
    if (CAUSAL && p.turn) tile = br.tiles - 1 - tile;   // but nobody waits where the last ones add first
    int n = tile * BN, queries = (x.rows + BM - 1) / BM;
    x.n = n;
    x.first = x.gapLow = x.gap = x.steps = 0;
    if (n >= x.rows || withoutQueries(x.offset + n * br.r, x.length, x.inner)) return;
    int high = min(bounds(x, br.r, n).high / BM, queries - 1);      // one query tile at least, that results are written
    if (CAUSAL) x.first = high;
    else {
        int low = (bounds(x, br.r, n + BN - 1).low + BM - 1) / BM;
        if (low < high) { x.gapLow = low; x.gap = high - low; }
    }
    x.steps = queries - x.first - x.gap;
}

// How many tiles add to the query tile at row m before this one; below 0 where this one has nothing to add.
__device__ __forceinline__ int earlier(const Tile& x, int r, int m) {
    int tile = x.n / BN;
    if (CAUSAL) return (bounds(x, r, min(m + BM, x.rows) - 1).low + BN - 1) / BN - 1 - tile;    // from the diagonal down
    if (!CYCLE || x.inner == 0) return tile;
    // Tiles that lie within the inner segment that all these queries lie in have nothing to add.
    Bounds b = bounds(x, r, m);
    int from = (b.low + BN - 1) / BN, to = m + BM > b.high ? 0 : b.high / BN;
    return tile < from || to <= from ? tile : tile < to ? -1 : tile - (to - from);
}

// Adds DQ_BYTES at `buffer` to dq of the queries from row m on, features from 64 c on; one thread.
__device__ __forceinline__ void addTo(const Params& p, const Tile& x, int m, int c, u32 buffer) {
    volatile int* turn = nullptr;
    int before = 0;
    if (p.turn) {
        turn = p.turn + (x.stats(p) + m) / BM * BOXES + c;
        before = earlier(x, p.branch[x.branch].r, m);
        if (before < 0) return;
        while (*turn != before);
        __threadfence();
    }
    const Map* map = mapOf(p, DQ, x);
    addTo(map, buffer, 64 * c, x.residue, x.position + m, x.h, x.b);
    if (64 * c + 32 < p.width) addTo(map, buffer + BM * 128, 64 * c + 32, x.residue, x.position + m, x.h, x.b);
    asm volatile("cp.async.bulk.commit_group;" ::: "memory");
    if (turn) {
        asm volatile("cp.async.bulk.wait_group 0;" ::: "memory");
        __threadfence();
        *turn = before + 1;
    }
}

// Adds dQ of the queries from row m on, features from 64 c on, to global memory, by way of DQ_BYTES at `buffer`. Rows
// beyond the segment's end get zeros: their statistics make P zero, whatever finite numbers are there.
__device__ __forceinline__ void add(const Params& p, const float (&o)[32], const Tile& x, int m, int c, u32 buffer) {
    int lane = threadIdx.x % 32, row = threadIdx.x / 32 % 4 * 16 + lane / 4, bar = 1 + threadIdx.x / 128;
    bool leader = threadIdx.x % 128 == 0;
    if (leader) asm volatile("cp.async.bulk.wait_group.read %0;" ::"n"(DQ_STAGES - 1) : "memory");
    asm volatile("bar.sync %0, 128;" ::"r"(bar) : "memory");        // the buffer is free
    u32 at = buffer + row * 128 + ((lane % 4 / 2 ^ row % 8) << 4) + lane % 2 * 8;        // under the swizzle
    #pragma unroll
    for (int j = 0; j < 8; j++)
        #pragma unroll
        for (int y = 0; y < 2; y++)
            asm volatile("st.shared.v2.f32 [%0], {%1, %2};"
                         ::"r"((at ^ j % 4 * 32) + j / 4 * (BM * 128) + y * 1024), "f"(o[4 * j + 2 * y]), "f"(o[4 * j + 2 * y + 1]) : "memory");
    asm volatile("fence.proxy.async.shared::cta;" ::: "memory");
    asm volatile("bar.sync %0, 128;" ::"r"(bar) : "memory");
    if (leader) addTo(p, x, m, c, buffer);
    if (D == 64) __syncwarp();      // before the next matrix product; else the caller's next arrival does it
}

// Shared memory after keys, values, queries, their gradients and statistics, dS and dQ.
struct Rest {
    u64 bars[3 * KV_STAGES + 3 * STAGES + 2 * DS_STAGES + SLOTS + 1];
    Tile slots[SLOTS];
    unsigned char times[KV_STAGES][TIMES];      // how often a pair counts, by key and query
};
// A slot is written when the keys KV_STAGES + 1 tiles before have been let go of, so results before those have been written.
static_assert(SLOTS >= KV_STAGES + 2);
constexpr int THREADS = D == 64 ? 512 : 384,
    SHARED = 2 * KV_STAGES * KV_BYTES + STAGES * (2 * Q_BYTES + STATS_BYTES) + DS_STAGES * DS_BYTES
        + BOXES * DQ_STAGES * DQ_BYTES + sizeof(Rest);
static_assert(SHARED <= MOST_SHARED);

// What the launch has to know: rows of a query box, of a key box, threads and bytes of shared memory of a block.
extern "C" __device__ const int backwardShape[4] = {BM, BN, THREADS, SHARED};

extern "C" __global__ void __launch_bounds__(THREADS, 1) backward(const __grid_constant__ Params p) {
    extern __shared__ __align__(1024) char raw[];          // and nothing else, so that it begins so
    u32 ks = smem(raw), vs = ks + KV_STAGES * KV_BYTES, qs = vs + KV_STAGES * KV_BYTES, os = qs + STAGES * Q_BYTES,
        ds = os + STAGES * Q_BYTES, sums = ds + DS_STAGES * DS_BYTES, ss = sums + BOXES * DQ_STAGES * DQ_BYTES;
    Rest& rest = *(Rest*)(raw + (SHARED - sizeof(Rest)));
    u32 kvFull = smem(rest.bars), kvEmpty = kvFull + 8 * KV_STAGES, full = kvEmpty + 8 * KV_STAGES, empty = full + 8 * STAGES,
        dsFull = empty + 8 * STAGES, dsEmpty = dsFull + 8 * DS_STAGES,
        located = dsEmpty + 8 * DS_STAGES, loaded = located + 8 * SLOTS, known = loaded + 8,
        described = known + 8 * STAGES;
    int thread = threadIdx.x, wg = __shfl_sync(~0u, thread / 128, 0);
    if (thread == 0) {
        if (ks % 1024) __trap();
        // Full: loaded. Described, of a tile: what the finder says; known: statistics of queries. Empty: warps that let go.
        for (int i = 0; i < KV_STAGES; i++) { barInit(kvFull + 8 * i, 1); barInit(described + 8 * i, ARRIVALS); barInit(kvEmpty + 8 * i, (THREADS / 32 - 4) * ARRIVALS); }
        for (int i = 0; i < STAGES; i++) { barInit(full + 8 * i, 1); barInit(known + 8 * i, ARRIVALS); barInit(empty + 8 * i, 8 * ARRIVALS); }
        for (int i = 0; i < DS_STAGES; i++) { barInit(dsFull + 8 * i, 8 * ARRIVALS); barInit(dsEmpty + 8 * i, (D == 64 ? 4 : 8) * ARRIVALS); }
        for (int i = 0; i < SLOTS; i++) barInit(located + 8 * i, ARRIVALS);
        barInit(loaded, 1);
        asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory");
    }
    __syncthreads();
    int lane = thread % 32, warp = __shfl_sync(~0u, thread / 32 % 4, 0);
    // dQ of a tile's step i, the n-th of the block, of 64 features, the c-th, from the dS that has been put down and the
    // keys' features at `keys`.
    auto spreadStep = [&](const Tile& x, int i, u32 n, int c, u32 keys) {
        u32 st = n % DS_STAGES;
        u64 left = descriptor(ds + st * DS_BYTES, 16), right = descriptor(keys, 16);
        float o[32];
        barWait(dsFull + 8 * st, n / DS_STAGES & 1);
        fence();
        #pragma unroll
        for (int j = 0; j < BN / 16; j++) spread(o, left + (j / 4) * (BM * 128 >> 4) + j % 4 * 2, right + j * (2048 >> 4), j > 0);
        commit();
        waitGroups<0>();
        warpArrive(dsEmpty + 8 * st);
        add(p, o, x, x.row(i), c, sums + (c * DQ_STAGES + n % DQ_STAGES) * DQ_BYTES);
    };

    if (wg == 0) {
        asm volatile("setmaxnreg.dec.sync.aligned.u32 %0;" ::"n"(D == 64 ? 24 : 40));
        if (warp == 1) {
            // Finds the next tile and says what the others have to know of it, ahead of the loads.
            for (u32 it = 0;; it++) {
                u32 ki = it % KV_STAGES;
                Tile& slot = rest.slots[it % SLOTS];
                int steps;
                // A tile that others wait for is not taken before its turn to be computed comes near.
                if (p.turn && it > 0) barWait(loaded, it - 1 & 1);
                do {
                    if (lane == 0) locate(p, atomicAdd(p.next, 1), slot);
                    __syncwarp();
                    steps = slot.steps;
                    __syncwarp();
                } while (steps == 0);
                warpArrive(located + it % SLOTS * 8);
                u32 kept = CYCLE && steps > 0 ? keepers(p, slot, lane) : 0;
                barWait(kvEmpty + 8 * ki, it / KV_STAGES & 1 ^ 1);
                if (CYCLE && steps > 0)
                    #pragma unroll 4
                    for (int row = 0; row < PERIOD; row++) {
                        u32 both = __shfl_sync(~0u, kept, row) & kept;
                        if (lane < PERIOD) rest.times[ki][row * PERIOD + lane] = 1 + __popc(both);
                    }
                warpArrive(described + 8 * ki);
                if (steps < 0) break;
            }
        } else if (thread == 0) {
            u32 n = 0;  // query tiles loaded
            for (u32 it = 0;; it++) {
                u32 ki = it % KV_STAGES, bar = kvFull + 8 * ki;
                const Tile& x = rest.slots[it % SLOTS];
                barWait(located + it % SLOTS * 8, it / SLOTS & 1);
                barWait(kvEmpty + 8 * ki, it / KV_STAGES & 1 ^ 1);
                if (x.steps < 0) break;
                const Map *qMap = mapOf(p, Q, x), *kMap = mapOf(p, K, x), *vMap = mapOf(p, V, x), *doutMap = mapOf(p, DOUT, x);
                int hk = x.h / (p.H / p.Hk);
                barExpect(bar, 2 * KV_BYTES);
                for (int c = 0; c < BOXES; c++) {
                    load(ks + ki * KV_BYTES + c * BN * 128, kMap, bar, c * 64, x.residue, x.position + x.n, hk, x.b);
                    load(vs + ki * KV_BYTES + c * BN * 128, vMap, bar, c * 64, x.residue, x.position + x.n, hk, x.b);
                }
                #pragma unroll 1
                for (int i = 0; i < x.steps; i++, n++) {
                    int m = x.row(i);
                    u32 st = n % STAGES, bar = full + 8 * st;
                    barWait(empty + 8 * st, n / STAGES & 1 ^ 1);
                    barExpect(bar, 2 * Q_BYTES);
                    for (int c = 0; c < BOXES; c++) {
                        load(qs + st * Q_BYTES + c * BM * 128, qMap, bar, c * 64, x.residue, x.position + m, x.h, x.b);
                        load(os + st * Q_BYTES + c * BM * 128, doutMap, bar, c * 64, x.residue, x.position + m, x.h, x.b);
                    }
                }
                barArrive(loaded);          // looked at only where tiles have their turn
            }
        } else if (warp == 2) {
            // Loads the statistics of the queries.
            u32 n = 0;
            for (u32 it = 0;; it++) {
                const Tile& x = rest.slots[it % SLOTS];
                barWait(located + it % SLOTS * 8, it / SLOTS & 1);
                if (x.steps < 0) break;
                const float2* from = p.stats + x.stats(p) + 2 * lane;
                #pragma unroll 1
                for (int i = 0; i < x.steps; i++, n++) {
                    u32 st = n % STAGES;
                    barWait(empty + 8 * st, n / STAGES & 1 ^ 1);
                    float4 y = *(const float4*)(from + x.row(i));
                    asm volatile("st.shared.v4.f32 [%0], {%1, %2, %3, %4};" ::"r"(ss + st * STATS_BYTES + 16 * lane), "f"(y.x), "f"(y.y), "f"(y.z), "f"(y.w) : "memory");
                    warpArrive(known + 8 * st);
                }
            }
        }
    } else if (D == 64 && wg == 3) {
        asm volatile("setmaxnreg.dec.sync.aligned.u32 72;");
        u32 n = 0;
        for (u32 it = 0;; it++) {
            u32 ki = it % KV_STAGES;
            barWait(described + 8 * ki, it / KV_STAGES & 1);
            const Tile& slot = rest.slots[it % SLOTS];
            int steps = __shfl_sync(~0u, slot.steps, 0);
            if (steps < 0) break;
            barWait(kvFull + 8 * ki, it / KV_STAGES & 1);
            #pragma unroll 1
            for (int i = 0; i < steps; i++, n++) spreadStep(slot, i, n, 0, ks + ki * KV_BYTES);
            warpArrive(kvEmpty + 8 * ki);
        }
    } else {
        asm volatile("setmaxnreg.inc.sync.aligned.u32 %0;" ::"n"(D == 64 ? 208 : 232));
        int me = wg - 1;
        // Where this lane's matrix row of dS^T goes, transposed: queries are rows of 64 keys, under the swizzle.
        u32 store = ds + me * (BM * 128) + (lane / 16 * 8 + lane % 8) * 128 + ((2 * warp + lane / 8 % 2 ^ lane % 8) << 4);
        u32 n = 0;
        for (u32 it = 0;; it++) {
            u32 ki = it % KV_STAGES;
            barWait(described + 8 * ki, it / KV_STAGES & 1);
            const Tile& slot = rest.slots[it % SLOTS];
            int steps = __shfl_sync(~0u, slot.steps, 0);
            if (steps < 0) break;
            barWait(kvFull + 8 * ki, it / KV_STAGES & 1);
            int rows = __shfl_sync(~0u, slot.rows, 0), n0 = __shfl_sync(~0u, slot.n, 0), r = p.branch[slot.branch].r;
            int key = n0 + 64 * me + warp * 16 + lane / 4;
            // Queries that see a key: those from `high` on, without causal order those below `low` too.
            Bounds near = bounds(slot, r, key), far = bounds(slot, r, key + 8);
            int low = CAUSAL ? 0 : bounds(slot, r, n0).low, high = bounds(slot, r, n0 + BN - 1).high;
            float dk[D / 2], dv[D / 2];
            #pragma unroll
            for (int i = 0; i < D / 2; i++) dk[i] = dv[i] = 0;
            Left k(ks + ki * KV_BYTES + me * 8192, warp, lane), v(vs + ki * KV_BYTES + me * 8192, warp, lane);
            u32 mine = ks + ki * KV_BYTES + me * (BN * 128);     // D = 128: these keys' features that dQ is computed of here
            const unsigned char* times[2];
            #pragma unroll
            for (int y = 0; y < 2; y++) times[y] = rest.times[ki] + timesAt(key + 8 * y);
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
            begin(n);
            #pragma unroll 1
            for (int i = 0;; n++) {
                int m = slot.row(i);
                u32 st = n % STAGES;
                u64 to = descriptor(os + st * Q_BYTES, 16);
                float dp[BM / 2];
                fence();
                #pragma unroll
                for (int j = 0; j < D / 16; j++) v.multiply(dp, to + (j / 4) * (BM * 128 >> 4) + j % 4 * 2, j);
                commit();
                waitGroups<1>();
                // Queries beyond the segment's end are masked too: positions may scale them out of all range.
                if (n0 + BN > rows || m + BM > rows || (m < high && m + BM > low)) {
                    int from = m + lane % 4 * 2;
                    #pragma unroll
                    for (int j = 0; j < BM / 2; j++) {
                        int query = j / 4 * 8 + j % 2;
                        const Bounds& b = j / 2 % 2 ? far : near;
                        if ((query < b.high - from && (CAUSAL || query >= b.low - from)) || key + j / 2 % 2 * 8 >= rows || query >= rows - from) s[j] = -INFINITY;
                    }
                }
                u32 pr[BM / 4], dr[BM / 4];
                int turned = CYCLE ? m / 8 % CYCLE : 0;
                barWait(known + 8 * st, n / STAGES & 1);
                #pragma unroll
                for (int c = 0; c < STEP; c++) {
                    float often[2][2];
                    #pragma unroll
                    for (int y = 0; y < 2; y++) {
                        u32 two = CYCLE ? *(const u16*)(times[y] + cycled(c + turned)) : 0;
                        often[y][0] = two & 0xFF; often[y][1] = two >> 8;
                    }
                    #pragma unroll
                    for (int j = c; j < BM / 8; j += STEP) {
                        float4 x = statistics(ss + st * STATS_BYTES + lane % 4 * 16 + j * 64);
                        #pragma unroll
                        for (int y = 0; y < 2; y++) {
                            float p0 = power2(fmaf(s[4 * j + 2 * y], p.scale, -x.x)), p1 = power2(fmaf(s[4 * j + 2 * y + 1], p.scale, -x.z));
                            if (CYCLE) { p0 *= often[y][0]; p1 *= often[y][1]; }
                            pr[2 * j + y] = pack(p0, p1);
                            s[4 * j + 2 * y] = p0; s[4 * j + 2 * y + 1] = p1;
                        }
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
                warpArrive(dsFull + 8 * dst);
                fence();
                #pragma unroll
                for (int j = 0; j < BM / 16; j++)
                    weigh(dk, dr[4 * j], dr[4 * j + 1], dr[4 * j + 2], dr[4 * j + 3], qm + j * (2048 >> 4));
                commit();
                i++;
                if (D == 64) {
                    if (i == steps) break;
                    begin(n + 1);
                    waitGroups<1>();
                    warpArrive(empty + 8 * st);
                } else {
                    if (i > 1) spreadStep(slot, i - 2, n - 1, me, mine);
                    else waitGroups<0>();
                    warpArrive(empty + 8 * st);
                    if (i == steps) break;
                    begin(n + 1);
                }
            }
            if (D == 64) {
                waitGroups<0>();
                warpArrive(empty + 8 * (n % STAGES));
            } else spreadStep(slot, steps - 1, n, me, mine);
            n++;
            bool whole = slot.branch == p.base;
            u64 apart = whole ? p.rowK : p.width, to = key * apart;
            to += whole ? ((u64)slot.b * p.N + slot.position) * p.rowK + slot.h * p.width
                        : (p.branch[slot.branch].partial + slot.place * p.branch[slot.branch].rows) * p.width;
            u16 *toK = (whole ? p.dk : p.partDk) + to, *toV = (whole ? p.dv : p.partDv) + to;
            warpArrive(kvEmpty + 8 * ki);
            #pragma unroll
            for (int y = 0; y < 2; y++) {
                bool wanted = key + 8 * y < rows;
                writeRow(dk, y, p.scale * LN_2, toK + 8 * y * apart, p.width, wanted);
                writeRow(dv, y, 1, toV + 8 * y * apart, p.width, wanted);
            }
        }
    }
    asm volatile("cp.async.bulk.wait_group 0;" ::: "memory");     // what is being added lies in this block's memory
}
