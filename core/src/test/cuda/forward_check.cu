// Holds the Hopper forward kernel against the definition in float64 and times it, on a machine that has a GPU and nvcc
// but no Java. docs/kernels.md has the command. Arguments: none for everything, "small" for the odd shapes, "time" for
// the timings.
#include <cstdio>
#include <cstdlib>
#include <vector>
#include <string>
#include <cmath>
#include <algorithm>
#include <cuda.h>
#include <cuda_runtime.h>
#include "../../main/resources/dev/longnet/attention/hopper/forward.cu"
#define CK(x) do { auto e = (x); if (e != 0) { printf("error %d line %d\n", (int)e, __LINE__); exit(1); } } while (0)
typedef CUresult (*Encode)(CUtensorMap*, CUtensorMapDataType, cuuint32_t, void*, const cuuint64_t*, const cuuint64_t*, const cuuint32_t*, const cuuint32_t*, CUtensorMapInterleave, CUtensorMapSwizzle, CUtensorMapL2promotion, CUtensorMapFloatOOBfill);
static Encode encode;

static float f(u16 x) { u32 w = (u32)x << 16; float r; memcpy(&r, &w, 4); return r; }

static Map map(u16* p, int B, int N, int H, int width, int r, int deep, int box) {
    int residues = deep ? N % r : r, positions = N / r + deep;
    Map m; memset(&m, 0, sizeof m);
    if (residues == 0 || positions == 0) return m;
    u64 row = (u64)H * width * 2;
    cuuint64_t dims[5] = {(u64)width, (u64)residues, (u64)positions, (u64)H, (u64)B};
    cuuint64_t strides[4] = {row, row * r, (u64)width * 2, row * N};
    cuuint32_t boxes[5] = {64, 1, (u32)box, 1, 1}, es[5] = {1, 1, 1, 1, 1};
    CK(encode((CUtensorMap*)&m, CU_TENSOR_MAP_DATA_TYPE_BFLOAT16, 5, p, dims, strides, boxes, es, CU_TENSOR_MAP_INTERLEAVE_NONE, CU_TENSOR_MAP_SWIZZLE_128B, CU_TENSOR_MAP_L2_PROMOTION_L2_256B, CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE));
    return m;
}

__global__ void fill(u16* p, u64 n, u32 seed) {
    for (u64 i = blockIdx.x * (u64)blockDim.x + threadIdx.x; i < n; i += (u64)gridDim.x * blockDim.x) {
        u64 z = i * 0x9E3779B97F4A7C15ull + seed; z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9ull; z = (z ^ z >> 27) * 0x94D049BB133111EBull; z ^= z >> 31;
        float u1 = ((u32)(z >> 40) + 1) / 16777217.0f, u2 = (u32)(z & 0xFFFFFF) / 16777216.0f;
        float x = sqrtf(-2 * logf(u1)) * cosf(6.2831853f * u2);
        u32 w = __float_as_uint(x); w += 0x7FFF + (w >> 16 & 1); p[i] = w >> 16;
    }
}
// One thread for a query: the definition in float64 for rows r0, r0 + step, ...
__global__ void plain(const u16* q, const u16* k, const u16* v, double* out, double* lse, int B, int N, int H, int Hk, int D_, int nb, const int* w, const int* r, const int* lengths, int causal, int step) {
    int per = (N + step - 1) / step;
    long i = blockIdx.x * (long)blockDim.x + threadIdx.x;
    if (i >= (long)B * H * per) return;
    int n = i % per * step, h = i / per % H, b = i / per / H;
    double acc[128]; for (int d = 0; d < D_; d++) acc[d] = 0;
    double sum = 0, top = -1e300;
    auto F = [](u16 x) { return (double)__uint_as_float((u32)x << 16); };
    for (int pass = 0; pass < 2; pass++)
        for (int e = 0; e < nb; e++) {
            int g = n / w[e], s = h / ((H + r[e] - 1) / r[e]);
            if ((n - (long)g * w[e]) % r[e] != s) continue;
            long end = min((long)N, (long)(g + 1) * w[e]); if (lengths) end = min(end, (long)lengths[b]); if (causal) end = min(end, (long)n + 1);
            if (lengths && n >= lengths[b]) continue;
            for (long j = (long)g * w[e] + s; j < end; j += r[e]) {
                double x = 0; 
                for (int d = 0; d < D_; d++) x += F(q[(((long)b * N + n) * H + h) * D_ + d]) * F(k[(((long)b * N + j) * Hk + h / (H / Hk)) * D_ + d]);
                x /= sqrt((double)D_);
                if (pass == 0) { top = fmax(top, x); continue; }
                double pp = exp(x - top); sum += pp;
                for (int d = 0; d < D_; d++) acc[d] += pp * F(v[(((long)b * N + j) * Hk + h / (H / Hk)) * D_ + d]);
            }
        }
    for (int d = 0; d < D_; d++) out[i * D_ + d] = sum > 0 ? acc[d] / sum : 0;
    lse[i] = sum > 0 ? top + log(sum) : -INFINITY;
}

// w, r: the branches; lengths: keys of each example, empty for all; step: every how manieth row is checked, 0 for none
struct Case { int B, N, H, Hk, width; std::vector<int> w, r; std::vector<int> lengths; int step; bool time; };

static void run(const Case& c) {
    int nb = c.w.size();
    size_t nq = (size_t)c.B * c.N * c.H * c.width, nk = (size_t)c.B * c.N * c.Hk * c.width;
    u16 *q, *k, *v, *out, *part; float *lse, *plse; int* next; int* lens = nullptr;
    CK(cudaMalloc(&q, nq * 2)); CK(cudaMalloc(&k, nk * 2)); CK(cudaMalloc(&v, nk * 2)); CK(cudaMalloc(&out, nq * 2)); CK(cudaMalloc(&lse, nq / c.width * 4)); CK(cudaMalloc(&next, 4));
    fill<<<1024, 256>>>(q, nq, 1); fill<<<1024, 256>>>(k, nk, 2); fill<<<1024, 256>>>(v, nk, 3);
    Params p; memset(&p, 0, sizeof p);
    p.branches = nb; p.B = c.B; p.N = c.N; p.H = c.H; p.Hk = c.Hk; p.width = c.width; p.scale = 1.4426950408889634 / sqrt((double)c.width);
    u64 rows = 0; double flops = 0;
    for (int i = 0; i < nb; i++) {
        Branch& b = p.branch[i];
        int r = c.r[i]; b.w = std::min(c.w[i], c.N); b.r = r; b.group = (c.H + r - 1) / r; b.segments = (c.N + b.w - 1) / b.w;
        b.rows = (b.w + r - 1) / r; b.tiles = (b.rows + BM - 1) / BM; b.firstTile = p.tiles; p.tiles += b.tiles * b.segments * c.H * c.B; b.partial = rows; rows += (u64)c.B * c.H * b.segments * b.rows;
        flops += (double)c.B * c.N / b.w * 4.0 * c.H * c.width * ((double)b.w / r) * ((double)b.w / r) / (CAUSAL ? 2 : 1);
        for (int d = 0; d < 2; d++) { p.map[0][i][d] = map(q, c.B, c.N, c.H, c.width, r, d, BM); p.map[1][i][d] = map(k, c.B, c.N, c.Hk, c.width, r, d, BN); p.map[2][i][d] = map(v, c.B, c.N, c.Hk, c.width, r, d, BN); }
    }
    CK(cudaMalloc(&part, rows * c.width * 2)); CK(cudaMalloc(&plse, rows * 4));
    if (!c.lengths.empty()) { CK(cudaMalloc(&lens, 4 * c.B)); CK(cudaMemcpy(lens, c.lengths.data(), 4 * c.B, cudaMemcpyHostToDevice)); }
    p.lengths = lens; p.out = part; p.lse = plse; p.next = next;
    cudaMemset(out, 0xFF, nq * 2); cudaMemset(part, 0xFF, rows * c.width * 2); cudaMemset(lse, 0xFF, nq / c.width * 4); cudaMemset(plse, 0xFF, rows * 4);
    int bytes = SHARED;
    CK(cudaFuncSetAttribute(forward, cudaFuncAttributeMaxDynamicSharedMemorySize, bytes));
    auto go = [&](int what) { if (what & 1) { cudaMemsetAsync(next, 0, 4); forward<<<132, THREADS, bytes>>>(p); } if (what & 2) merge<<<dim3(std::min((c.N + 3) / 4, 132 * 16 / std::min(c.B, 8)), c.B), dim3(std::min(c.H * c.width / FEATURES, 128), 4)>>>(p, out, lse); };
    go(3); CK(cudaGetLastError()); CK(cudaDeviceSynchronize());
    if (c.step) {
        int per = (c.N + c.step - 1) / c.step; size_t nr = (size_t)c.B * c.H * per;
        double *ro, *rl; int *dw, *dr; CK(cudaMalloc(&ro, nr * c.width * 8)); CK(cudaMalloc(&rl, nr * 8)); CK(cudaMalloc(&dw, 4 * nb)); CK(cudaMalloc(&dr, 4 * nb));
        std::vector<int> ww; for (int i = 0; i < nb; i++) ww.push_back(p.branch[i].w);
        cudaMemcpy(dw, ww.data(), 4 * nb, cudaMemcpyHostToDevice); cudaMemcpy(dr, c.r.data(), 4 * nb, cudaMemcpyHostToDevice);
        plain<<<(nr + 63) / 64, 64>>>(q, k, v, ro, rl, c.B, c.N, c.H, c.Hk, c.width, nb, dw, dr, lens, CAUSAL, c.step);
        CK(cudaDeviceSynchronize());
        std::vector<double> eo(nr * c.width), el(nr); std::vector<u16> ho(nq); std::vector<float> hl(nq / c.width);
        cudaMemcpy(eo.data(), ro, eo.size() * 8, cudaMemcpyDeviceToHost); cudaMemcpy(el.data(), rl, el.size() * 8, cudaMemcpyDeviceToHost);
        cudaMemcpy(ho.data(), out, nq * 2, cudaMemcpyDeviceToHost); cudaMemcpy(hl.data(), lse, hl.size() * 4, cudaMemcpyDeviceToHost);
        double a = 0, b = 0, la = 0, lb = 0; long bad = 0;
        for (size_t i = 0; i < nr; i++) {
            int n = i % per * c.step, h = i / per % c.H, bb = i / per / c.H;
            for (int d = 0; d < c.width; d++) { double e = eo[i * c.width + d], g = f(ho[(((size_t)bb * c.N + n) * c.H + h) * c.width + d]); if (!(fabs(e - g) < 0.1)) bad++; a += (e - g) * (e - g); b += e * e; }
            double g = hl[((size_t)bb * c.H + h) * c.N + n];
            if (std::isinf(el[i])) { if (!(std::isinf(g) && g < 0)) bad++; } else { if (!(fabs(g - el[i]) < 0.05)) bad++; la += (g - el[i]) * (g - el[i]); lb += el[i] * el[i]; }
        }
        printf("%s B=%d N=%d H=%d/%d D=%d w0=%d r0=%d nb=%d  out %.2e lse %.2e bad %ld\n", bad ? "BAD" : "ok ", c.B, c.N, c.H, c.Hk, c.width, c.w[0], c.r[0], nb, sqrt(a / b), sqrt(la / lb), bad);
        cudaFree(ro); cudaFree(rl); cudaFree(dw); cudaFree(dr);
    }
    if (c.time) {
        cudaEvent_t e0, e1; cudaEventCreate(&e0); cudaEventCreate(&e1);
        float ms[4];
        for (int what = 1; what <= 3; what++) {
            std::vector<float> ts;
            for (int i = 0; i < 13; i++) { cudaEventRecord(e0); go(what); cudaEventRecord(e1); cudaEventSynchronize(e1); float t; cudaEventElapsedTime(&t, e0, e1); if (i > 2) ts.push_back(t); }
            std::sort(ts.begin(), ts.end()); ms[what] = ts[5];
        }
        printf("TIME D=%d C=%d causal=%d B=%d N=%d H=%d nb=%d w0=%d: kernel %.3f ms %.0f TF/s | merge %.3f | all %.3f ms %.0f TF/s\n", D, C, CAUSAL, c.B, c.N, c.H, nb, c.w[0], ms[1], flops / ms[1] / 1e9, ms[2], ms[3], flops / ms[3] / 1e9);
    }
    cudaFree(q); cudaFree(k); cudaFree(v); cudaFree(out); cudaFree(lse); cudaFree(part); cudaFree(plse); cudaFree(next); cudaFree(lens);
    CK(cudaGetLastError());
}

int main(int argc, char** argv) {
    setvbuf(stdout, 0, _IOLBF, 0);
    cudaDriverEntryPointQueryResult st;
    CK(cudaGetDriverEntryPointByVersion("cuTensorMapEncodeTiled", (void**)&encode, 12000, cudaEnableDefault, &st));
    int W = D == 64 ? 64 : 128;
    bool quick = argc > 1 && !strcmp(argv[1], "time");
    if (!quick) {
        run({1, 128, 2, 2, W, {128}, {1}, {}, 1, false});
        run({1, 1024, 2, 2, W, {1024}, {1}, {}, 1, false});
        run({2, 777, 3, 3, W, {100, 300}, {1, 3}, {}, 1, false});
        run({2, 1000, 6, 2, W, {128, 256, 512, 1000}, {1, 2, 4, 6}, {}, 1, false});
        run({3, 501, 4, 1, W, {37, 200, 333}, {1, 5, 7}, {501, 0, 260}, 1, false});
        run({1, 5000, 5, 5, W, {2048, 4096}, {3, 5}, {}, 1, false});
        run({2, 901, 4, 4, D == 64 ? 48 : 96, {256, 700}, {1, 3}, {}, 1, false});
        run({2, 900, 4, 4, D == 64 && FEATURES == 8 ? 24 : D == 64 ? 32 : 80, {256, 700}, {1, 3}, {}, 1, false});
    }
    if (argc > 1 && !strcmp(argv[1], "small")) return 0;
    std::vector<int> ws = {2048, 4096, 8192, 16384, 32768}, rs = {1, 2, 4, 6, 12};
    if (D == 64) {
        run({4, 32768, 12, 12, 64, ws, rs, {}, 97, true});
        if (!quick) for (int i = 0; i < 5; i++) run({4, 32768, 12, 12, 64, {ws[i]}, {rs[i]}, {}, 0, true});
        run({1, 524288, 12, 12, 64, ws, rs, {}, 0, true});
        run({4, 16384, 12, 12, 64, {16384}, {1}, {}, 0, true});
    } else {
        run({4, 32768, 16, 16, 128, {2048, 8192, 32768}, {1, 4, 16}, {}, 97, true});
        run({1, 524288, 16, 16, 128, {2048, 8192, 32768, 131072, 524288}, {1, 4, 16, 16, 16}, {}, 0, true});
        if (!quick) { run({4, 32768, 16, 16, 128, {2048}, {1}, {}, 0, true}); }
        run({4, 16384, 16, 16, 128, {16384}, {1}, {}, 0, true});
    }
    return 0;
}
