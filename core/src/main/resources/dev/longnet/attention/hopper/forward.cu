// Dilated attention forward on Hopper (sm_90a): all branches of a pattern in one persistent launch, then one merge.
//
// A branch (w, r) is flash attention on strided rows. Row n of the sequence is (residue n mod r, position n div r), so
// one five-axis tensor map (feature, residue, position, head, example) reaches the kept rows of every segment without a
// copy, for any w, r and N. A thread block has a warp that finds the next tile, one that issues its loads, and C consumer
// warpgroups of 64 query rows each; the warpgroups take turns in issuing matrix products, so that one's softmax runs under another's.

#include "merge.cuh"

constexpr int C = D == 64 ? 3 : 2;   // consumer warpgroups
constexpr int BM = 64 * C;           // query rows of a tile
constexpr int STAGES = D == 64 ? 2 : 3;
constexpr int QSTAGES = D == 64 ? 2 : 1;
constexpr u32 Q_BYTES = BM * D * 2, KV_BYTES = BN * D * 2;

// Where a tile stands.
struct Tile : Rows {
    int m;                          // first query row within the segment
    int blocks;                     // key blocks from the first one on; -1 after the last tile
    int gapLow, gapHigh;            // of these, none of [gapLow, gapHigh) is seen
    Bounds first[C], last[C];       // of each warpgroup's first and last row; low = 0 without rows
    u16* out;                       // where its first row's results go,
    float* lse;
    int apart;                      // and rows of `width` numbers from one to the next
};

// Shared memory after queries, keys and values.
struct Rest {
    u64 bars[3 * QSTAGES + 4 * STAGES + SLOTS];
    Tile slots[SLOTS];
    float times[QSTAGES][TIMES];    // log2 of how often a pair counts, by row and key
};
// A slot is written when the queries QSTAGES + 1 tiles before have been let go of, so results before those have been read.
static_assert(SLOTS >= QSTAGES + 2);
constexpr int THREADS = 128 * (C + 1), SHARED = QSTAGES * Q_BYTES + 2 * STAGES * KV_BYTES + sizeof(Rest);
static_assert(SHARED <= MOST_SHARED);

// What the launch has to know: rows of a query box, of a key box, threads and bytes of shared memory of a block.
extern "C" __device__ const int forwardShape[4] = {BM, BN, THREADS, SHARED};

// Where tile t of the launch stands; without blocks where no query of it sees a key, -1 of them after the last tile.
__device__ __forceinline__ void locate(const Params& p, int t, Tile& x) {
    x.blocks = -1;
    if (t >= p.tiles) return;
    int tile = locateRows(p, t, x);
    const Branch& br = p.branch[x.branch];
    int m = (br.tiles - 1 - tile) * BM, last = min(m + BM, x.rows) - 1;    // the longest rows first
    x.m = m;
    bool whole = x.branch == p.base;
    u64 at = br.partial + x.place * br.rows;
    x.out = whole ? p.out + (((u64)x.b * p.N + x.position) * p.H + x.h) * p.width : p.partOut + at * p.width;
    x.lse = whole ? p.lse + ((u64)x.b * p.H + x.h) * p.N + x.position : p.partLse + at;
    x.apart = whole ? p.H : 1;
    x.gapLow = x.gapHigh = x.blocks = 0;
    if (m >= x.rows || withoutKeys(x.offset + last * br.r, x.length, x.inner)) return;
    int low = bounds(x, br.r, last).low;
    x.blocks = ((CAUSAL ? low : x.rows) + BN - 1) / BN;
    if (!CAUSAL) {
        int from = (low + BN - 1) / BN, to = min(bounds(x, br.r, m).high / BN, x.blocks - 1);
        if (from < to) { x.gapLow = from; x.gapHigh = to; }
    }
}

// The key block that comes after j: they go from the last to the first.
__device__ __forceinline__ int before(const Tile& x, int j) { return !CAUSAL && j == x.gapHigh ? x.gapLow - 1 : j - 1; }

extern "C" __global__ void __launch_bounds__(THREADS, 1) forward(const __grid_constant__ Params p) {
    extern __shared__ __align__(1024) char raw[];          // and nothing else, so that it begins so
    u32 qs = smem(raw), ks = qs + QSTAGES * Q_BYTES, vs = ks + STAGES * KV_BYTES;
    Rest& rest = *(Rest*)(raw + QSTAGES * Q_BYTES + 2 * STAGES * KV_BYTES);
    u32 qFull = smem(rest.bars), qEmpty = qFull + 8 * QSTAGES, kFull = qEmpty + 8 * QSTAGES, kEmpty = kFull + 8 * STAGES,
        vFull = kEmpty + 8 * STAGES, vEmpty = vFull + 8 * STAGES, described = vEmpty + 8 * STAGES,
        located = described + 8 * QSTAGES;
    int thread = threadIdx.x, wg = __shfl_sync(~0u, thread / 128, 0);
    if (thread == 0) {
        if (qs % 1024) __trap();
        for (int i = 0; i < QSTAGES; i++) { barInit(qFull + 8 * i, 1); barInit(described + 8 * i, ARRIVALS); barInit(qEmpty + 8 * i, ARRIVALS == 32 ? 128 * C : C); }
        for (int i = 0; i < STAGES; i++) {
            barInit(kFull + 8 * i, 1); barInit(kEmpty + 8 * i, C);
            barInit(vFull + 8 * i, 1); barInit(vEmpty + 8 * i, C);
        }
        for (int i = 0; i < SLOTS; i++) barInit(located + 8 * i, ARRIVALS);
        asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory");
    }
    __syncthreads();

    if (wg == 0) {
        asm volatile("setmaxnreg.dec.sync.aligned.u32 %0;" ::"n"(C == 3 ? 32 : 56));
        int warp = __shfl_sync(~0u, thread / 32, 0);
        if (warp == 1) {
            // Finds the next tile and says what the consumers have to know of it, ahead of the loads.
            int lane = thread - 32;
            for (u32 it = 0;; it++) {
                u32 qi = it % QSTAGES;
                Tile& slot = rest.slots[it % SLOTS];
                int blocks;
                do {
                    if (lane == 0) locate(p, atomicAdd(p.next, 1), slot);
                    __syncwarp();
                    blocks = slot.blocks;
                    __syncwarp();
                } while (blocks == 0);
                warpArrive(located + it % SLOTS * 8);
                u32 kept = CYCLE && blocks > 0 ? keepers(p, slot, lane) : 0;
                if (blocks > 0 && lane < C) {
                    int first = slot.m + 64 * lane, r = p.branch[slot.branch].r;
                    slot.first[lane] = bounds(slot, r, first);
                    slot.last[lane] = first < slot.rows ? bounds(slot, r, min(first + 64, slot.rows) - 1) : Bounds{0, 0};
                }
                barWait(qEmpty + 8 * qi, it / QSTAGES & 1 ^ 1);
                if (CYCLE && blocks > 0)
                    #pragma unroll 4
                    for (int row = 0; row < PERIOD; row++) {
                        u32 both = __shfl_sync(~0u, kept, row) & kept;
                        if (lane < PERIOD) rest.times[qi][row * PERIOD + lane] = __log2f(1 + __popc(both));
                    }
                warpArrive(described + 8 * qi);
                if (blocks < 0) break;
            }
        } else if (thread == 0) {
            u32 n = 0;  // key blocks loaded
            for (u32 it = 0;; it++) {
                u32 qi = it % QSTAGES;
                const Tile& x = rest.slots[it % SLOTS];
                barWait(located + it % SLOTS * 8, it / SLOTS & 1);
                barWait(qEmpty + 8 * qi, it / QSTAGES & 1 ^ 1);
                if (x.blocks < 0) break;
                const Map *qMap = mapOf(p, Q, x), *kMap = mapOf(p, K, x), *vMap = mapOf(p, V, x);
                barExpect(qFull + 8 * qi, Q_BYTES);
                for (int c = 0; c < BOXES; c++)
                    load(qs + qi * Q_BYTES + c * BM * 128, qMap, qFull + 8 * qi, c * 64, x.residue, x.position + x.m, x.h, x.b);
                int hk = x.h / (p.H / p.Hk);
                #pragma unroll 1
                for (int j = x.blocks - 1; j >= 0; j = before(x, j), n++) {
                    u32 st = n % STAGES, ph = n / STAGES & 1;
                    barWait(kEmpty + 8 * st, ph ^ 1);
                    barExpect(kFull + 8 * st, KV_BYTES);
                    for (int c = 0; c < BOXES; c++)
                        load(ks + st * KV_BYTES + c * BN * 128, kMap, kFull + 8 * st, c * 64, x.residue, x.position + j * BN, hk, x.b);
                    barWait(vEmpty + 8 * st, ph ^ 1);
                    barExpect(vFull + 8 * st, KV_BYTES);
                    for (int c = 0; c < BOXES; c++)
                        load(vs + st * KV_BYTES + c * BN * 128, vMap, vFull + 8 * st, c * 64, x.residue, x.position + j * BN, hk, x.b);
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
            barWait(described + 8 * qi, it / QSTAGES & 1);
            const Tile& slot = rest.slots[it % SLOTS];
            int blocks = __shfl_sync(~0u, slot.blocks, 0);
            if (blocks < 0) break;
            int m = __shfl_sync(~0u, slot.m, 0), rows = __shfl_sync(~0u, slot.rows, 0);
            barWait(qFull + 8 * qi, it / QSTAGES & 1);
            int low = __shfl_sync(~0u, slot.first[me].low, 0), high = __shfl_sync(~0u, slot.last[me].high, 0);
            int first = m + 64 * me, row = first + warp * 16 + lane / 4;
            // Key blocks of this warpgroup; the tile's others are only let go.
            int mine = __shfl_sync(~0u, slot.last[me].low, 0);
            mine = CAUSAL ? (mine + BN - 1) / BN : first < rows ? blocks : 0;
            float o[D / 2];
            float top[2] = {-INFINITY, -INFINITY}, sum[2] = {0, 0};
            #pragma unroll
            for (int i = 0; i < D / 2; i++) o[i] = 0;
            u32 times[2];
            #pragma unroll
            for (int y = 0; y < 2; y++) times[y] = smem(rest.times[qi] + timesAt(row + 8 * y));
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
                if (k0 + BN > low && (CAUSAL || k0 < high || k0 + BN > rows)) {
                    // Keys that a row sees, counted from this lane's first: those below `low`, those from `high` on.
                    Bounds near = bounds(slot, p.branch[slot.branch].r, row), far = bounds(slot, p.branch[slot.branch].r, row + 8);
                    int from = k0 + lane % 4 * 2, end = rows - from;
                    #pragma unroll
                    for (int i = 0; i < 64; i++) {
                        int key = i / 4 * 8 + i % 2;
                        const Bounds& b = i / 2 % 2 ? far : near;
                        if (CAUSAL ? key >= b.low - from : (key >= b.low - from && key < b.high - from) || key >= end) s[i] = -INFINITY;
                    }
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
                float best[2], zero[2], part[2][2];
                #pragma unroll
                for (int y = 0; y < 2; y++) best[y] = fmaxf(fmaxf(m[y][0], m[y][1]), fmaxf(fmaxf(m[y][2], m[y][3]), top[y]));
                #pragma unroll
                for (int e = 1; e < 3; e++) {
                    float other[2];
                    #pragma unroll
                    for (int y = 0; y < 2; y++) other[y] = __shfl_xor_sync(~0u, best[y], e);
                    #pragma unroll
                    for (int y = 0; y < 2; y++) best[y] = fmaxf(best[y], other[y]);
                }
                #pragma unroll
                for (int y = 0; y < 2; y++) {
                    zero[y] = best[y] == -INFINITY ? 0 : best[y] * p.scale;
                    old[y] = power2(fmaf(top[y], p.scale, -zero[y]));
                    top[y] = best[y];
                    part[y][0] = part[y][1] = 0;
                }
                // How often a pair counts repeats every CYCLE groups of eight keys, so it costs no instruction a pair.
                int turned = CYCLE ? 16 * j % CYCLE : 0;
                #pragma unroll
                for (int c = 0; c < STEP; c++) {
                    float plus[2][2];
                    #pragma unroll
                    for (int y = 0; y < 2; y++) {
                        float2 l = {0, 0};
                        if (CYCLE)
                            asm volatile("ld.shared.v2.f32 {%0, %1}, [%2];"
                                         : "=f"(l.x), "=f"(l.y) : "r"(times[y] + 4 * cycled(c + turned)));
                        plus[y][0] = l.x - zero[y];
                        plus[y][1] = l.y - zero[y];
                    }
                    #pragma unroll
                    for (int i = c; i < 16; i += STEP)
                        #pragma unroll
                        for (int y = 0; y < 2; y++) {
                            float a = s[4 * i + 2 * y] = power2(fmaf(s[4 * i + 2 * y], p.scale, plus[y][0]));
                            float b = s[4 * i + 2 * y + 1] = power2(fmaf(s[4 * i + 2 * y + 1], p.scale, plus[y][1]));
                            part[y][i / STEP % 2] += a + b;
                        }
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
            for (int j = blocks - 1; j >= mine; j = before(slot, j), n++) {
                u32 st = n % STAGES, ph = n / STAGES & 1;
                barWait(kFull + 8 * st, ph);
                barWait(vFull + 8 * st, ph);
                if (j < blocks - 1) { take(); give(); }
                asm volatile("bar.sync %0, 128;" ::"r"(4 + wg) : "memory");   // no warp still waits for this phase
                if (leader) { barArrive(kEmpty + 8 * st); barArrive(vEmpty + 8 * st); }
            }
            if (mine > 0) {
                u32 st = n % STAGES, ph = n / STAGES & 1;
                barWait(kFull + 8 * st, ph);
                bool late = mine < blocks;
                if (late) take();
                multiply(st);
                if (late) give();
                waitGroups<0>();
                if (leader) barArrive(kEmpty + 8 * st);
                soften(mine - 1);
                keep();
                n++;
                for (int j = before(slot, mine - 1); j >= 0; j = before(slot, j), n++) {
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
            if (leader || ARRIVALS == 32) barArrive(qEmpty + 8 * qi);
            u16* to = slot.out + (u64)row * slot.apart * p.width;
            #pragma unroll
            for (int y = 0; y < 2; y++) {
                float l = sum[y];
                l += __shfl_xor_sync(~0u, l, 1);
                l += __shfl_xor_sync(~0u, l, 2);
                float inverse = l > 0 ? 1 / l : 0;
                bool wanted = row + 8 * y < rows;
                if (wanted && lane % 4 == 0) slot.lse[row + 8 * y] = l > 0 ? top[y] * p.scale * LN_2 + logf(l) : -INFINITY;
                writeRow(o, y, inverse, to + (u64)(8 * y) * slot.apart * p.width, p.width, wanted);
            }
        }
    }
}
