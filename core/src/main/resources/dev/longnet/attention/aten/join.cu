// Brings together what calls of libtorch's attention left in pieces: every row of a sequence finds its rows in the
// pieces, at most one a branch and head, and sums them, weighed by their log-sum-exps or as they are.
//
// Chosen when compiled: D, the head dimension, a multiple of 8; HALF, 0 for bfloat16 and 1 for float16.

typedef unsigned int u32;
typedef unsigned short u16;
typedef long long i64;

constexpr int FEATURES = D % 16 ? 8 : 16;      // of one thread
constexpr int CHUNKS = D / FEATURES;
#ifndef INFINITY
#define INFINITY __int_as_float(0x7F800000)
#endif

// What the launch has to know.
extern "C" __device__ const int features[1] = {FEATURES};

// Entries of the table: first the branches, then their pieces by segment, example and head.
struct alignas(16) Branch {
    u32 w, place;       // of the first row in its segment
    i64 r;
    i64 heads;          // neighbouring ones that keep the same residue
    i64 first;          // entry of its first piece
};
struct alignas(16) Piece {
    const u16* rows;    // row after row of D features, `step` numbers apart
    const float* lse;   // one for each row
    i64 step, count;
};
union Entry { Branch branch; Piece piece; };

__device__ __forceinline__ float2 unpack(u32 word) {
    float2 x;
#if HALF
    asm("{.reg .b16 a, b; mov.b32 {a, b}, %2; cvt.f32.f16 %0, a; cvt.f32.f16 %1, b;}" : "=f"(x.x), "=f"(x.y) : "r"(word));
#else
    x.x = __uint_as_float(word << 16);
    x.y = __uint_as_float(word & 0xFFFF0000u);
#endif
    return x;
}
__device__ __forceinline__ u32 pack(float low, float high) {
    u32 word;
#if HALF
    asm("cvt.rn.f16x2.f32 %0, %1, %2;" : "=r"(word) : "f"(high), "f"(low));
#else
    asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(word) : "f"(high), "f"(low));
#endif
    return word;
}

// out (B, N, H / group, D), lse (B, N, H); block (features of a row, rows), grid (rows, examples).
template <bool WEIGHED> __device__ __forceinline__ void join(
        const Entry* __restrict__ table, int branches, int B, int N, int H, int group, u16* out, float* lse) {
    int width = H / group * CHUNKS;
    for (int b = blockIdx.y; b < B; b += gridDim.y)
    for (u32 n = blockIdx.x * blockDim.y + threadIdx.y; n < N; n += gridDim.x * blockDim.y)
    for (int i = threadIdx.x; i < width; i += blockDim.x) {
        int own = i / CHUNKS, feature = (i - own * CHUNKS) * FEATURES;
        float sum[FEATURES] = {}, top = -INFINITY, total = 0;
        for (int k = 0; k < branches; k++) {
            Branch br = table[k].branch;
            u32 at = n + br.place, segment = at / br.w, inside = at - segment * br.w, row = inside / (u32)br.r;
            i64 from = (inside - row * (u32)br.r) * br.heads;       // the first head that keeps this residue
            for (int h = own * group; h < (own + 1) * group; h++) {
                if (h < from || h >= from + br.heads) continue;
                Piece piece = table[br.first + ((i64)segment * B + b) * H + h].piece;
                if (row >= piece.count) continue;
                uint4 x[FEATURES / 8];
                #pragma unroll
                for (int e = 0; e < FEATURES / 8; e++) x[e] = *(const uint4*)(piece.rows + row * piece.step + feature + 8 * e);
                float weight = 1;
                if (WEIGHED) {
                    float l = piece.lse[row];
                    if (l == -INFINITY) continue;
                    float high = fmaxf(top, l), was = __expf(top - high);
                    weight = __expf(l - high);
                    total = total * was + weight;
                    top = high;
                    #pragma unroll
                    for (int e = 0; e < FEATURES; e++) sum[e] *= was;
                }
                #pragma unroll
                for (int e = 0; e < FEATURES / 2; e++) {
                    float2 two = unpack(e % 4 == 0 ? x[e / 4].x : e % 4 == 1 ? x[e / 4].y : e % 4 == 2 ? x[e / 4].z : x[e / 4].w);
                    sum[2 * e] += weight * two.x;
                    sum[2 * e + 1] += weight * two.y;
                }
            }
        }
        i64 place = (i64)b * N + n;
        float factor = 1;
        if (WEIGHED) {
            factor = total == 0 ? 0 : __fdividef(1, total);
            if (feature == 0) lse[place * H + own] = total == 0 ? -INFINITY : top + __logf(total);
        }
        #pragma unroll
        for (int e = 0; e < FEATURES; e += 8)
            *(uint4*)(out + (place * (H / group) + own) * D + feature + e) = make_uint4(
                pack(sum[e] * factor, sum[e + 1] * factor), pack(sum[e + 2] * factor, sum[e + 3] * factor),
                pack(sum[e + 4] * factor, sum[e + 5] * factor), pack(sum[e + 6] * factor, sum[e + 7] * factor));
    }
}

extern "C" __global__ void __launch_bounds__(256) merge(
        const Entry* table, int branches, int B, int N, int H, int group, u16* out, float* lse) {
    join<true>(table, branches, B, N, H, group, out, lse);
}

extern "C" __global__ void __launch_bounds__(256) sum(
        const Entry* table, int branches, int B, int N, int H, int group, u16* out, float* lse) {
    join<false>(table, branches, B, N, H, group, out, lse);
}
