// Layer norm of rows of WIDTH numbers in bfloat16 in one pass, with what goes before it: a sum with the residual stream,
// or the activation of a feed-forward layer. Arithmetic is in float32; a thread has eight columns, a block whole rows.
//
// Chosen when compiled: WIDTH, a multiple of 8 up to 8192; RESIDUAL, 1 where a second matrix is added (forward to the
// rows before they are normalised, backward to their gradient); ACTIVATION 0 (none), 1 (GELU), 2 (ReLU) or 3 (SiLU) of
// the rows before they are normalised.
#include "rows.cuh"

constexpr int VECTORS = WIDTH / 8, WARPS = (VECTORS + 31) / 32, THREADS = 32 * WARPS;
constexpr int AT_ONCE = THREADS < 768 ? 768 / THREADS : 1;      // blocks of a multiprocessor

// The activation of x and its slope.
__device__ __forceinline__ float activate(float x, float& slope) {
#if ACTIVATION == 1
    // Φ(x) by Abramowitz and Stegun 7.1.26, off by at most 1.5e-7; one exponential serves Φ and its density.
    float e = power2(-0.72134752f * x * x), t = __fdividef(1.0f, 1.0f + 0.23164190f * fabsf(x));
    float tail = e * t * (0.12741480f + t * (-0.14224837f + t * (0.71070687f + t * (-0.72657601f + t * 0.53070271f))));
    float phi = x > 0 ? 1.0f - tail : tail;
    slope = phi + x * e * 0.39894228f;
    return x * phi;
#elif ACTIVATION == 2
    slope = x > 0 ? 1 : 0;
    return x > 0 ? x : 0;
#elif ACTIVATION == 3
    float s = __fdividef(1.0f, 1.0f + power2(-1.44269504f * x));
    slope = s * (1 + x * (1 - s));
    return x * s;
#else
    slope = 1;
    return x;
#endif
}

// sum = x + y (only with RESIDUAL), out = norm(activation(sum)) · weight + bias, statistics = (mean, 1 / deviation) of
// what was normalised. A block takes two rows at once, and loads the next two while it is at these.
extern "C" __global__ void __launch_bounds__(THREADS, AT_ONCE) forward(
        const u16* x, const u16* y, const float* weight, const float* bias, u16* sum, u16* out, float2* statistics,
        i64 rows, float epsilon) {
    __shared__ Pair<WARPS> pair;
    int column = threadIdx.x * 8, phase = 0;
    bool live = threadIdx.x < VECTORS;
    float w[8] = {}, b[8] = {};
    if (live) { read(weight + column, w); read(bias + column, b); }
    uint4 next[2] = {};
#if RESIDUAL
    uint4 nextAdded[2] = {};
#endif
    auto load = [&](i64 first) {
        #pragma unroll
        for (int r = 0; r < 2; r++) {
            if (!live || first + r >= rows) continue;
            next[r] = *(const uint4*)(x + (first + r) * WIDTH + column);
#if RESIDUAL
            nextAdded[r] = *(const uint4*)(y + (first + r) * WIDTH + column);
#endif
        }
    };
    load(2 * (i64)blockIdx.x);
    for (i64 first = 2 * (i64)blockIdx.x; first < rows; first += 2 * (i64)gridDim.x) {
        float a[2][8], total[2] = {}, slope;
        #pragma unroll
        for (int r = 0; r < 2; r++) {
            unpack(next[r], a[r]);
#if RESIDUAL
            float added[8];
            unpack(nextAdded[r], added);
            #pragma unroll
            for (int i = 0; i < 8; i++) a[r][i] += added[i];
            uint4 rounded = pack(a[r]);         // the gradient starts from the rounded sum, so this does too
            if (live && first + r < rows) *(uint4*)(sum + (first + r) * WIDTH + column) = rounded;
            unpack(rounded, a[r]);
#endif
            #pragma unroll
            for (int i = 0; i < 8; i++) total[r] += a[r][i] = live ? activate(a[r][i], slope) : 0;
        }
        load(first + 2 * (i64)gridDim.x);
        pair.sum(total[0], total[1], phase);
        float mean[2] = {total[0] / WIDTH, total[1] / WIDTH};
        total[0] = total[1] = 0;
        if (live) {
            #pragma unroll
            for (int r = 0; r < 2; r++) {
                #pragma unroll
                for (int i = 0; i < 8; i++) { a[r][i] -= mean[r]; total[r] += a[r][i] * a[r][i]; }
            }
        }
        pair.sum(total[0], total[1], phase);
        #pragma unroll
        for (int r = 0; r < 2; r++) {
            float deviation = rsqrtf(total[r] / WIDTH + epsilon);
            if (first + r < rows) {
                if (live) {
                    #pragma unroll
                    for (int i = 0; i < 8; i++) a[r][i] = a[r][i] * deviation * w[i] + b[i];
                    *(uint4*)(out + (first + r) * WIDTH + column) = pack(a[r]);
                }
                if (threadIdx.x == 0) statistics[first + r] = make_float2(mean[r], deviation);
            }
        }
    }
}

// dx, the gradient of x before activation and norm, plus `residual`. partial (gridDim.x, 3, WIDTH): sums over the block's
// rows of dout · normed, of dout, and of residual or, with an activation, of dx. The next row is loaded while the sums of
// one are taken.
extern "C" __global__ void __launch_bounds__(THREADS, AT_ONCE) backward(
        const u16* dout, const u16* x, const float2* statistics, const u16* residual, const float* weight, u16* dx,
        float* partial, i64 rows) {
    __shared__ Pair<WARPS> pair;
    int column = threadIdx.x * 8, phase = 0;
    bool live = threadIdx.x < VECTORS;
    float w[8] = {}, dweight[8] = {}, dbias[8] = {}, third[8] = {};
    if (live) read(weight + column, w);
    uint4 nextGradient = {}, nextX = {};
#if RESIDUAL
    uint4 nextResidual = {};
#endif
    float2 nextMoments = {};
    auto load = [&](i64 row) {
        if (row < rows) {
            nextMoments = statistics[row];
            if (live) {
                nextGradient = *(const uint4*)(dout + row * WIDTH + column);
                nextX = *(const uint4*)(x + row * WIDTH + column);
#if RESIDUAL
                nextResidual = *(const uint4*)(residual + row * WIDTH + column);
#endif
            }
        }
    };
    load(blockIdx.x);
    for (i64 row = blockIdx.x; row < rows; row += gridDim.x) {
        float g[8], normed[8], slope[8], sum = 0, dot = 0;
        unpack(nextGradient, g);
        unpack(nextX, normed);
#if RESIDUAL
        uint4 added = nextResidual;
#endif
        float mean = nextMoments.x, deviation = nextMoments.y;
        load(row + gridDim.x);
        #pragma unroll
        for (int i = 0; i < 8; i++) {
            normed[i] = live ? (activate(normed[i], slope[i]) - mean) * deviation : 0;
            dweight[i] += g[i] * normed[i];
            dbias[i] += g[i];
            g[i] *= w[i];
            sum += g[i];
            dot += g[i] * normed[i];
        }
        pair.sum(sum, dot, phase);
        if (!live) continue;
        sum /= WIDTH;
        dot /= WIDTH;
        #pragma unroll
        for (int i = 0; i < 8; i++) {
            g[i] = deviation * (g[i] - sum - normed[i] * dot);
#if ACTIVATION
            g[i] *= slope[i];
            third[i] += g[i];
#endif
        }
#if RESIDUAL
        float r[8];
        unpack(added, r);
        #pragma unroll
        for (int i = 0; i < 8; i++) { g[i] += r[i]; third[i] += r[i]; }
#endif
        *(uint4*)(dx + row * WIDTH + column) = pack(g);
    }
    if (live) {
        float* to = partial + 3 * (i64)blockIdx.x * WIDTH + column;
        write(to, dweight);
        write(to + WIDTH, dbias);
        write(to + 2 * WIDTH, third);
    }
}
