// What the Hopper kernels share: the tensor maps and branches that a launch is given, barriers, bulk loads and matrix
// products in PTX. No header but this one is needed, so that NVRTC compiles the kernels as they stand.
//
// Chosen when compiled: D, the head dimension padded to 64 or 128; HALF, 0 for bfloat16 and 1 for float16; CAUSAL, 0 or
// 1; CYCLE, 0 where every branch counts its own pairs, else 2 or 3.
//
// A pair of rows that several branches have is computed once. Where a branch keeps a part of what another keeps and its
// segments are made of the other's whole ones (its inner segments), it leaves the pairs within these to the other, which
// counts them as often as branches have them. Which rows of a segment are whose repeats every PERIOD rows.
#pragma once

typedef unsigned int u32;
typedef unsigned long long u64;
typedef unsigned short u16;

constexpr int BN = 128;              // keys of a step, or of a tile of the gradient
constexpr int BOXES = D / 64;        // 128-byte columns of a row
constexpr int MAX_BRANCHES = 8, MAX_HEADS = 128;
constexpr int STEP = CYCLE ? CYCLE : 1, PERIOD = 8 * CYCLE, TIMES = CYCLE ? PERIOD * PERIOD : 1;
constexpr int SLOTS = 4;             // tiles that are known at a time
constexpr int MOST_SHARED = 232448;  // bytes of shared memory that a block can have
#ifndef ARRIVALS
#define ARRIVALS 1                   // of a warp where it lets go of something; 32 for tools that do not see __syncwarp
#endif
constexpr float LOG2_E = 1.4426950408889634f, LN_2 = 0.6931471805599453f;
#ifndef INFINITY
#define INFINITY __int_as_float(0x7F800000)
#endif

struct alignas(64) Map { u64 words[16]; };

struct Branch {
    int w, r;            // segment length and ratio
    int group;           // heads that share a residue: ceil(H / r)
    int segments;        // ceil(N / w)
    int tiles;           // of a full segment: of query rows forward, of BN keys backward
    int firstTile;       // among the tiles of the launch
    int rows;            // rows of a full segment, ceil(w / r)
    u64 partial;         // first row of this branch in the compact results, except the base's
    u64 stats;           // backward: first row of this branch in the compact statistics
};

struct Params {
    Map map[5][MAX_BRANCHES][2];     // of q, k, v and, backward, dout and dq; [1]: residues with one position more
    Branch branch[MAX_BRANCHES];
    int branches, tiles;
    int B, N, H, Hk, width;          // width: features of a head before padding
    float scale;                     // of the scores, times log2(e)
    const int* lengths;              // tokens of each example, or null
    int* next;                       // the tile to take; starts at 0
    // A branch that keeps every row, the base, or -1 without one, writes to the results themselves; the others' compact
    // rows, (branch, example, head, segment, row) of `width` numbers, are joined with its afterwards.
    int base;
    // Forward.
    u16* out;                        // (B, N, H, width)
    float* lse;                      // (B, H, N), natural logarithm
    u16* partOut;                    // compact
    float* partLse;
    // Backward.
    float2* stats;                   // (lse · log2 e, dout · out) of each kept row; a segment has BN · tiles of them
    float* dq;                       // (B, N, H, width), sum over the branches, before the scale
    u16 *dk, *dv;                    // (B, N, Hk, width), tokens rowK numbers apart
    u16 *partDk, *partDv;            // compact, of a query head each
    u64 rowK;
    int* turn;                       // deterministic: tiles that have added to a query tile, stats / 32 of them, or null
    // By branch and head: tokens of the inner segments, or 0, and a bit for each branch whose pairs this one counts too.
    int inner[MAX_BRANCHES][MAX_HEADS];
    unsigned char below[MAX_BRANCHES][MAX_HEADS];
};

__device__ __forceinline__ u32 smem(const void* p) { return (u32)__cvta_generic_to_shared(p); }
__device__ __forceinline__ void barInit(u32 bar, u32 count) {
    asm volatile("mbarrier.init.shared::cta.b64 [%0], %1;" ::"r"(bar), "r"(count));
}
__device__ __forceinline__ void barExpect(u32 bar, u32 bytes) {
    asm volatile("mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;" ::"r"(bar), "r"(bytes) : "memory");
}
__device__ __forceinline__ void barArrive(u32 bar) {
    asm volatile("mbarrier.arrive.shared::cta.b64 _, [%0];" ::"r"(bar) : "memory");
}
// Of a warp, for what all its lanes have done.
__device__ __forceinline__ void warpArrive(u32 bar) {
    __syncwarp();
    if (ARRIVALS == 32 || threadIdx.x % 32 == 0) barArrive(bar);
}
__device__ __forceinline__ void barWait(u32 bar, u32 parity) {
    asm volatile(
        "{\n.reg .pred P;\nWAIT:\nmbarrier.try_wait.parity.shared::cta.b64 P, [%0], %1;\n@P bra DONE;\nbra WAIT;\nDONE:\n}"
        ::"r"(bar), "r"(parity) : "memory");
}
__device__ __forceinline__ void load(u32 to, const Map* map, u32 bar, int d, int residue, int position, int head, int b) {
    asm volatile(
        "cp.async.bulk.tensor.5d.shared::cluster.global.tile.mbarrier::complete_tx::bytes [%0], [%1, {%3, %4, %5, %6, %7}], [%2];"
        ::"r"(to), "l"(map), "r"(bar), "r"(d), "r"(residue), "r"(position), "r"(head), "r"(b) : "memory");
}

__device__ __forceinline__ void fence() { asm volatile("wgmma.fence.sync.aligned;" ::: "memory"); }
__device__ __forceinline__ void commit() { asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory"); }
template <int K> __device__ __forceinline__ void waitGroups() { asm volatile("wgmma.wait_group.sync.aligned %0;" ::"n"(K) : "memory"); }

// Shared memory under the 128-byte swizzle: rows of 128 bytes, groups of eight rows 1024 bytes apart.
__device__ __forceinline__ u64 descriptor(u32 address, u32 leading) {
    return (u64)((address & 0x3FFFF) >> 4) | (u64)(leading >> 4) << 16 | (u64)(1024 >> 4) << 32 | (u64)1 << 62;
}

#if HALF
#define TYPE "f16.f16"
#else
#define TYPE "bf16.bf16"
#endif
#define F8(x, i) "+f"(x[i]), "+f"(x[i + 1]), "+f"(x[i + 2]), "+f"(x[i + 3]), "+f"(x[i + 4]), "+f"(x[i + 5]), "+f"(x[i + 6]), "+f"(x[i + 7])
#define F32(x, i) F8(x, i), F8(x, i + 8), F8(x, i + 16), F8(x, i + 24)
#define R32 "%0,%1,%2,%3,%4,%5,%6,%7,%8,%9,%10,%11,%12,%13,%14,%15,%16,%17,%18,%19,%20,%21,%22,%23,%24,%25,%26,%27,%28,%29,%30,%31"
#define R64 R32 ",%32,%33,%34,%35,%36,%37,%38,%39,%40,%41,%42,%43,%44,%45,%46,%47,%48,%49,%50,%51,%52,%53,%54,%55,%56,%57,%58,%59,%60,%61,%62,%63"

__device__ __forceinline__ u32 pack(float low, float high) {
    u32 r;
#if HALF
    asm("cvt.rn.f16x2.f32 %0, %1, %2;" : "=r"(r) : "f"(high), "f"(low));
#else
    asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(r) : "f"(high), "f"(low));
#endif
    return r;
}
__device__ __forceinline__ float power2(float x) { float y; asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x)); return y; }

// o += p v over 16 keys; p, 64 rows, is in registers, v lies key after key.
__device__ __forceinline__ void weigh(float (&o)[32], u32 a, u32 b, u32 c, u32 d, u64 v) {
    asm volatile("wgmma.mma_async.sync.aligned.m64n64k16.f32." TYPE " {" R32 "}, {%32,%33,%34,%35}, %36, 1, 1, 1, 1;"
                 : F32(o, 0) : "r"(a), "r"(b), "r"(c), "r"(d), "l"(v));
}
__device__ __forceinline__ void weigh(float (&o)[64], u32 a, u32 b, u32 c, u32 d, u64 v) {
    asm volatile("wgmma.mma_async.sync.aligned.m64n128k16.f32." TYPE " {" R64 "}, {%64,%65,%66,%67}, %68, 1, 1, 1, 1;"
                 : F32(o, 0), F32(o, 32) : "r"(a), "r"(b), "r"(c), "r"(d), "l"(v));
}

// s = a b^T over 16 features for 64 rows of a and 128 or 64 of b, both in shared memory; `add` 0 starts a new sum.
__device__ __forceinline__ void scores(float (&s)[64], u64 a, u64 b, int add) {
    asm volatile("{\n.reg .pred p;\nsetp.ne.b32 p, %66, 0;\nwgmma.mma_async.sync.aligned.m64n128k16.f32." TYPE
                 " {" R64 "}, %64, %65, p, 1, 1, 0, 0;\n}"
                 : F32(s, 0), F32(s, 32) : "l"(a), "l"(b), "r"(add));
}
__device__ __forceinline__ void scores(float (&s)[32], u64 a, u64 b, int add) {
    asm volatile("{\n.reg .pred p;\nsetp.ne.b32 p, %34, 0;\nwgmma.mma_async.sync.aligned.m64n64k16.f32." TYPE
                 " {" R32 "}, %32, %33, p, 1, 1, 0, 0;\n}"
                 : F32(s, 0) : "l"(a), "l"(b), "r"(add));
}

// Rounds row y (0: lane / 4, 1: eight below) of an accumulator times a factor and writes it: the four lanes of a row
// exchange so that each holds eight neighbouring features.
template <int K> __device__ __forceinline__ void writeRow(const float (&o)[K], int y, float factor, u16* to, int width, bool wanted) {
    int c = threadIdx.x % 4;
    #pragma unroll
    for (int g = 0; g < K / 16; g++) {
        u32 mine[4], whole[4];
        #pragma unroll
        for (int i = 0; i < 4; i++) mine[i] = pack(o[16 * g + 4 * i + 2 * y] * factor, o[16 * g + 4 * i + 2 * y + 1] * factor);
        #pragma unroll
        for (int e = 0; e < 4; e++) {
            int other = c ^ e;
            u32 send = other == 0 ? mine[0] : other == 1 ? mine[1] : other == 2 ? mine[2] : mine[3];
            u32 got = __shfl_xor_sync(~0u, send, e);
            if (other == 0) whole[0] = got; else if (other == 1) whole[1] = got; else if (other == 2) whole[2] = got; else whole[3] = got;
        }
        int column = 32 * g + 8 * c;
        if (wanted && column < width) *(uint4*)(to + column) = make_uint4(whole[0], whole[1], whole[2], whole[3]);
    }
}

// Two numbers of a word, as float32.
__device__ __forceinline__ float2 unpack(u32 w) {
    float2 x;
#if HALF
    asm("{.reg .b16 a,b; mov.b32 {a,b}, %2; cvt.f32.f16 %0, a; cvt.f32.f16 %1, b;}" : "=f"(x.x), "=f"(x.y) : "r"(w));
#else
    x.x = __uint_as_float(w << 16); x.y = __uint_as_float(w & 0xFFFF0000u);
#endif
    return x;
}

// Where a lane's columns of a row stand in such a table; those of the next groups of eight follow 8 further, in a cycle.
__device__ __forceinline__ int timesAt(int row) { return CYCLE ? row % (8 * STEP) * PERIOD + threadIdx.x % 4 * 2 : 0; }
__device__ __forceinline__ int cycled(int group) { return 8 * (group < STEP ? group : group - STEP); }

// The kept rows of one head in a segment of a branch.
struct Rows {
    int h, b, branch;
    int rows;                       // within the example
    int residue, position;          // of the first one
    int start, offset;              // token where the segment begins, tokens from there to the first row
    int length;                     // tokens of the segment within the example
    int inner;                      // tokens of the inner segments, or 0
    u64 place;                      // of the segment among those of the branch
};

// The map of queries, keys, values, dout or dq that reaches these rows.
enum Mapped { Q, K, V, DOUT, DQ };
__device__ __forceinline__ const Map* mapOf(const Params& p, Mapped which, const Rows& x) {
    return &p.map[which][x.branch][x.residue < p.N % p.branch[x.branch].r];
}

// The rows that a row of a segment pairs with: those below `low` and those from `high` on. With causal order the
// former are keys of a query and the latter are queries of a key.
struct Bounds { int low, high; };
__device__ __forceinline__ Bounds bounds(const Rows& x, int r, int row) {
    if (!CYCLE || x.inner == 0) return CAUSAL ? Bounds{row + 1, row} : Bounds{x.rows, x.rows};
    u32 inner = x.inner, offset = x.offset, begin = (offset + (u32)row * r) / inner * inner;
    return {begin > offset ? (int)((begin - offset + r - 1) / (u32)r) : 0, (int)((begin + inner - offset + r - 1) / (u32)r)};
}

// Whether a token of a segment of `length` tokens has no keys, or no queries, outside of its inner segment.
__device__ __forceinline__ bool withoutKeys(int inside, int length, int inner) {
    return CYCLE && inner && (CAUSAL ? inside < inner : length <= inner);
}
__device__ __forceinline__ bool withoutQueries(int inside, int length, int inner) {
    return CYCLE && inner && (CAUSAL ? inside / (u32)inner * inner + inner >= (u32)length : length <= inner);
}

// Finds the rows that tile t of a launch is of; returns which of the segment's tiles it is.
__device__ __forceinline__ int locateRows(const Params& p, int t, Rows& x) {
    int i = 0;
    while (i + 1 < p.branches && t >= p.branch[i + 1].firstTile) i++;
    const Branch& br = p.branch[i];
    x.branch = i;
    u32 u = t - br.firstTile, q = u / (u32)br.tiles, tile = u - q * br.tiles;
    u = q / (u32)p.H;
    u32 h = q - u * p.H, b = u / (u32)br.segments, segment = u - b * br.segments;
    x.h = h;
    x.b = b;
    x.place = ((u64)b * p.H + h) * br.segments + segment;
    u32 start = segment * br.w, end = p.lengths ? p.lengths[b] : p.N;
    u32 length = end > start ? min((u32)br.w, end - start) : 0;
    u32 s = h / (u32)br.group, position = (start + s) / (u32)br.r;
    x.position = position;
    x.residue = start + s - position * br.r;
    x.rows = length > s ? (length - s + br.r - 1) / br.r : 0;
    x.start = start;
    x.offset = s;
    x.length = length;
    x.inner = CYCLE ? p.inner[i][h] : 0;
    return tile;
}

// A bit for each branch whose pairs are counted with these and that keeps a row of the segment, row < PERIOD.
__device__ __forceinline__ u32 keepers(const Params& p, const Rows& x, int row) {
    u32 bits = 0;
    for (u32 left = p.below[x.branch][x.h]; left; left &= left - 1) {
        const Branch& br = p.branch[__ffs(left) - 1];
        u32 inside = (u32)x.start % (u32)br.w + x.offset + row * p.branch[x.branch].r;
        if (inside % (u32)br.r == x.h / (u32)br.group) bits |= left & -left;
    }
    return bits;
}
