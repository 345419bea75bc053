// Holds the Hopper kernels, forward and backward, against the definition in float64 and times them, on a machine that
// has a GPU and nvcc but no Java. docs/kernels.md has the command. Arguments: none for everything, "small" for the odd
// shapes, "time" for the timings, "scale" for the time a token by length.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>
#include <cmath>
#include <algorithm>
#include <cuda.h>
#include <cuda_runtime.h>
#include "../../main/resources/dev/longnet/attention/hopper/join.cuh"
namespace fw {
#include "../../main/resources/dev/longnet/attention/hopper/forward.cu"
}
namespace bw {
#include "../../main/resources/dev/longnet/attention/hopper/backward.cu"
}
using fw::forwardShape;
using bw::backwardShape;
#define CK(x) do { auto e = (x); if (e != 0) { printf("error %d line %d\n", (int)e, __LINE__); exit(1); } } while (0)
typedef CUresult (*Encode)(CUtensorMap*, CUtensorMapDataType, cuuint32_t, void*, const cuuint64_t*, const cuuint64_t*, const cuuint32_t*, const cuuint32_t*, CUtensorMapInterleave, CUtensorMapSwizzle, CUtensorMapL2promotion, CUtensorMapFloatOOBfill);
static Encode encode;

template <class T> static T* allocate(size_t n) { T* p; CK(cudaMalloc(&p, std::max<size_t>(n, 1) * sizeof(T))); CK(cudaMemset(p, 0xFF, n * sizeof(T))); return p; }
template <class T> static std::vector<T> host(const T* p, size_t n) { std::vector<T> v(n); CK(cudaMemcpy(v.data(), p, n * sizeof(T), cudaMemcpyDeviceToHost)); return v; }
static float f(u16 x) { u32 w = (u32)x << 16; float r; memcpy(&r, &w, 4); return r; }
__device__ double F(u16 x) { return (double)__uint_as_float((u32)x << 16); }

// Numbers of `bytes` bytes, bfloat16 or float32; a box is 128 bytes of `box` rows.
static Map map(void* p, int B, int N, int H, int width, int r, int deep, int box, int bytes = 2) {
    int residues = deep ? N % r : r, positions = N / r + deep;
    Map m; memset(&m, 0, sizeof m);
    if (residues == 0 || positions == 0) return m;
    u64 row = (u64)H * width * bytes;
    cuuint64_t dims[5] = {(u64)width, (u64)residues, (u64)positions, (u64)H, (u64)B};
    cuuint64_t strides[4] = {row, row * r, (u64)width * bytes, row * N};
    cuuint32_t boxes[5] = {128u / bytes, 1, (u32)box, 1, 1}, es[5] = {1, 1, 1, 1, 1};
    CK(encode((CUtensorMap*)&m, bytes == 2 ? CU_TENSOR_MAP_DATA_TYPE_BFLOAT16 : CU_TENSOR_MAP_DATA_TYPE_FLOAT32, 5, p, dims, strides, boxes, es, CU_TENSOR_MAP_INTERLEAVE_NONE, CU_TENSOR_MAP_SWIZZLE_128B, CU_TENSOR_MAP_L2_PROMOTION_L2_256B, CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE));
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

// What the definition needs; rows of q, k, v, dout lie (example, token, head, feature).
struct Plain {
    const u16 *q, *k, *v, *dout;
    int B, N, H, Hk, width, nb, w[8], r[8];
    const int* lengths;
    __device__ bool kept(int n, int h, int e, int b) const {
        return (n - (long)(n / w[e]) * w[e]) % r[e] == h / ((H + r[e] - 1) / r[e]) && n < (lengths ? lengths[b] : N);
    }
    __device__ long end(int n, int e, int b) const { return min((long)(n / w[e] + 1) * w[e], (long)(lengths ? lengths[b] : N)); }
    __device__ const u16* row(const u16* x, int b, long n, int h, int heads) const { return x + (((long)b * N + n) * heads + h) * width; }
    __device__ double dot(const u16* x, const u16* y) const { double s = 0; for (int d = 0; d < width; d++) s += F(x[d]) * F(y[d]); return s; }
};
// One thread for a query: out, lse, dout · out and dq of every step-th row.
__global__ void plainQueries(Plain p, double* out, double* lse, double* delta, double* dq, int step) {
    int per = (p.N + step - 1) / step;
    long i = blockIdx.x * (long)blockDim.x + threadIdx.x;
    if (i >= (long)p.B * p.H * per) return;
    int n = i % per * step, h = i / per % p.H, b = i / per / p.H;
    const u16* q = p.row(p.q, b, n, h, p.H);
    double acc[128], g[128], top = -1e300, sum = 0, dl = 0;
    for (int d = 0; d < p.width; d++) acc[d] = g[d] = 0;
    for (int pass = 0; pass < (dq ? 3 : 2); pass++) {
        for (int e = 0; e < p.nb; e++) {
            if (!p.kept(n, h, e, b)) continue;
            long start = (long)(n / p.w[e]) * p.w[e] + h / ((p.H + p.r[e] - 1) / p.r[e]);
            for (long j = start; j < (CAUSAL ? n + 1 : p.end(n, e, b)); j += p.r[e]) {
                const u16 *k = p.row(p.k, b, j, h / (p.H / p.Hk), p.Hk), *v = p.row(p.v, b, j, h / (p.H / p.Hk), p.Hk);
                double x = p.dot(q, k) / sqrt((double)p.width);
                if (pass == 0) { top = fmax(top, x); continue; }
                double w = exp(x - top);
                if (pass == 1) { sum += w; for (int d = 0; d < p.width; d++) acc[d] += w * F(v[d]); continue; }
                double s = w / sum * (p.dot(p.row(p.dout, b, n, h, p.H), v) - dl) / sqrt((double)p.width);
                for (int d = 0; d < p.width; d++) g[d] += s * F(k[d]);
            }
        }
        if (pass == 1) for (int d = 0; d < p.width; d++) { acc[d] = sum > 0 ? acc[d] / sum : 0; dl += acc[d] * F(p.row(p.dout, b, n, h, p.H)[d]); }
    }
    for (int d = 0; d < p.width; d++) { out[i * p.width + d] = acc[d]; if (dq) dq[i * p.width + d] = g[d]; }
    lse[i] = sum > 0 ? top + log(sum) : -INFINITY;
    if (dq) delta[i] = dl;
}
// One thread for a key: dk and dv.
__global__ void plainKeys(Plain p, const double* lse, const double* delta, double* dk, double* dv) {
    long i = blockIdx.x * (long)blockDim.x + threadIdx.x;
    if (i >= (long)p.B * p.Hk * p.N) return;
    int n = i % p.N, hk = i / p.N % p.Hk, b = i / p.N / p.Hk;
    double a[128], c[128];
    for (int d = 0; d < p.width; d++) a[d] = c[d] = 0;
    const u16 *k = p.row(p.k, b, n, hk, p.Hk), *v = p.row(p.v, b, n, hk, p.Hk);
    for (int h = hk * (p.H / p.Hk); h < (hk + 1) * (p.H / p.Hk); h++)
        for (int e = 0; e < p.nb; e++) {
            if (!p.kept(n, h, e, b)) continue;
            long start = (long)(n / p.w[e]) * p.w[e] + h / ((p.H + p.r[e] - 1) / p.r[e]);
            for (long j = CAUSAL ? n : start; j < p.end(n, e, b); j += p.r[e]) {
                const u16 *q = p.row(p.q, b, j, h, p.H), *o = p.row(p.dout, b, j, h, p.H);
                long at = ((long)b * p.H + h) * p.N + j;
                double w = exp(p.dot(q, k) / sqrt((double)p.width) - lse[at]), s = w * (p.dot(o, v) - delta[at]) / sqrt((double)p.width);
                for (int d = 0; d < p.width; d++) { a[d] += s * F(q[d]); c[d] += w * F(o[d]); }
            }
        }
    for (int d = 0; d < p.width; d++) { dk[i * p.width + d] = a[d]; dv[i * p.width + d] = c[d]; }
}

// Fills in which branch leaves its pairs to which, and which one keeps all rows, as SharedPairs.java does.
static void share(Params& p, const std::vector<int>& w, const std::vector<int>& r) {
    int nb = w.size();
    auto segment = [&](int i) { return std::min(w[i], p.N); };
    std::vector<int> order;
    for (int i = 0; i < nb; i++) order.push_back(i);
    std::stable_sort(order.begin(), order.end(), [&](int a, int b) { return segment(a) != segment(b) ? segment(a) < segment(b) : r[a] < r[b]; });
    p.base = -1;
    for (int i : order) if (p.base < 0 && r[i] == 1) p.base = i;
    for (int h = 0; CYCLE && h < p.H; h++) {
        std::vector<int> above(nb, -1);
        auto offset = [&](int i) { return h / ((p.H + r[i] - 1) / r[i]); };
        auto takes = [&](int i, int j) {       // j's rows are rows of i, its segments made of i's
            bool fits = (w[j] >= p.N || w[j] % w[i] == 0) && r[j] % r[i] == 0 && (w[i] >= p.N || w[i] % r[i] == 0)
                && offset(j) % r[i] == offset(i) && segment(i) >= r[j] && r[j] <= 1 << 20;
            for (int a = i; fits && a >= 0; a = above[a]) fits = PERIOD % (r[j] / r[a]) == 0;
            return fits;
        };
        for (int j = 0; j < nb; j++) {
            for (int i = 0; i < j; i++) if (takes(order[i], order[j])) above[order[j]] = order[i];
            int b = order[j];
            p.inner[b][h] = above[b] < 0 ? 0 : segment(above[b]);
            for (int a = above[b]; a >= 0; a = above[a]) p.below[a][h] |= 1 << b;
        }
    }
}

// w, r: the branches; lengths: tokens of each example, empty for all; step: every how manieth row is checked (1: and the
// gradient), 0 for none
struct Case { int B, N, H, Hk, width; std::vector<int> w, r; std::vector<int> lengths; int step; bool time; };
static long failures = 0;

// Relative error of (B, N, heads, width) against rows (B, heads, N / step, width).
static double compare(const std::vector<u16>& got, const std::vector<double>& want, int N, int heads, int width, int step, long& bad) {
    int per = (N + step - 1) / step;
    double a = 0, b = 0;
    for (size_t i = 0; i < want.size() / width; i++) {
        int n = i % per * step, h = i / per % heads; long e = i / per / heads;
        for (int d = 0; d < width; d++) {
            double x = want[i * width + d], y = f(got[((e * N + n) * heads + h) * width + d]);
            if (!(fabs(x - y) < 0.1 + 0.05 * fabs(x))) bad++;
            a += (x - y) * (x - y); b += x * x;
        }
    }
    return b > 0 ? sqrt(a / b) : 0;
}

static void run(const Case& c) {
    int nb = c.w.size();
    size_t nq = (size_t)c.B * c.N * c.H * c.width, nk = (size_t)c.B * c.N * c.Hk * c.width;
    u16 *q = allocate<u16>(nq), *k = allocate<u16>(nk), *v = allocate<u16>(nk), *dout = allocate<u16>(nq), *out = allocate<u16>(nq),
        *dq = allocate<u16>(nq), *dk = allocate<u16>(nk), *dv = allocate<u16>(nk);
    float *lse = allocate<float>(nq / c.width);
    int *next = allocate<int>(1), *lens = nullptr;
    fill<<<1024, 256>>>(q, nq, 1); fill<<<1024, 256>>>(k, nk, 2); fill<<<1024, 256>>>(v, nk, 3); fill<<<1024, 256>>>(dout, nq, 4);
    if (!c.lengths.empty()) { lens = allocate<int>(c.B); CK(cudaMemcpy(lens, c.lengths.data(), 4 * c.B, cudaMemcpyHostToDevice)); }
    Params p; memset(&p, 0, sizeof p);
    p.branches = nb; p.B = c.B; p.N = c.N; p.H = c.H; p.Hk = c.Hk; p.width = c.width; p.scale = 1.4426950408889634 / sqrt((double)c.width);
    p.lengths = lens; p.next = next;
    p.out = out; p.lse = lse;
    share(p, c.w, c.r);
    Params g = p;
    if (c.H != c.Hk) g.base = -1;
    g.dk = dk; g.dv = dv; g.rowK = (u64)c.Hk * c.width;
    g.dq = allocate<float>(nq);
    std::vector<int> starts;            // of the branches' tiles, backward
    u64 rows = 0, gradientRows = 0, stats = 0; double flops = 0;
    for (int i = 0; i < nb; i++) {
        Branch& b = p.branch[i];
        int r = c.r[i]; b.w = std::min(c.w[i], c.N); b.r = r; b.group = (c.H + r - 1) / r; b.segments = (c.N + b.w - 1) / b.w;
        b.rows = (b.w + r - 1) / r; b.partial = rows; b.stats = stats;
        g.branch[i] = b;
        if (i != g.base) g.branch[i].partial = gradientRows;
        int places = b.segments * c.H * c.B;
        b.tiles = (b.rows + fw::BM - 1) / fw::BM; b.firstTile = p.tiles; p.tiles += b.tiles * places;
        Branch& d = g.branch[i];
        d.tiles = (b.rows + BN - 1) / BN; d.firstTile = g.tiles; starts.push_back(g.tiles); g.tiles += d.tiles * places;
        if (i != p.base) rows += (u64)places * b.rows;
        if (i != g.base) gradientRows += (u64)places * b.rows;
        stats += (u64)places * d.tiles * BN;
        flops += (double)c.B * c.N / b.w * 4.0 * c.H * c.width * ((double)b.w / r) * ((double)b.w / r) / (CAUSAL ? 2 : 1);
        for (int e = 0; e < 2; e++) {
            p.map[0][i][e] = map(q, c.B, c.N, c.H, c.width, r, e, fw::BM); g.map[0][i][e] = map(q, c.B, c.N, c.H, c.width, r, e, bw::BM);
            p.map[1][i][e] = g.map[1][i][e] = map(k, c.B, c.N, c.Hk, c.width, r, e, BN);
            p.map[2][i][e] = g.map[2][i][e] = map(v, c.B, c.N, c.Hk, c.width, r, e, BN);
            g.map[4][i][e] = map(g.dq, c.B, c.N, c.H, c.width, r, e, bw::BM, 4);
            g.map[3][i][e] = map(dout, c.B, c.N, c.H, c.width, r, e, bw::BM);
        }
    }
    starts.push_back(g.tiles);
    int* begin = allocate<int>(starts.size()); CK(cudaMemcpy(begin, starts.data(), 4 * starts.size(), cudaMemcpyHostToDevice));
    p.partOut = allocate<u16>(rows * c.width); p.partLse = allocate<float>(rows);
    g.stats = allocate<float2>(stats); g.partDk = allocate<u16>(gradientRows * c.width); g.partDv = allocate<u16>(gradientRows * c.width);
    CK(cudaFuncSetAttribute(fw::forward, cudaFuncAttributeMaxDynamicSharedMemorySize, fw::SHARED));
    CK(cudaFuncSetAttribute(bw::backward, cudaFuncAttributeMaxDynamicSharedMemorySize, bw::SHARED));
    int* turn = allocate<int>(stats / 32);
    int tokens = BATCH / c.H, joinGrid = std::min((int)(((long)c.B * c.N + tokens - 1) / tokens), 132 * 16);
    dim3 joinBlock(c.width / 8, BATCH / (c.width / 8));
    bool ordered = false;
    auto go = [&](int what) {
        if (what & 1) { cudaMemsetAsync(next, 0, 4); fw::forward<<<132, fw::THREADS, fw::SHARED>>>(p); }
        if (what & 2) fw::merge<<<joinGrid, joinBlock>>>(p);
        if (what & 4) { cudaMemsetAsync(g.stats, 0x7F, stats * 8); bw::prepare<<<joinGrid, 256>>>(g, out, dout, lse); }
        if (what & 8) {
            if (!ordered) { cudaMemsetAsync(next, 0, 4); bw::backward<<<132, bw::THREADS, bw::SHARED>>>(g); }
            else {
                cudaMemsetAsync(turn, 0, stats / 32 * 4);
                for (int i = 0; i < nb; i++) {
                    Params one = g; one.turn = turn; one.tiles = starts[i + 1];
                    cudaMemcpyAsync(next, begin + i, 4, cudaMemcpyDeviceToDevice); bw::backward<<<132, bw::THREADS, bw::SHARED>>>(one);
                }
            }
        }
        if (what & 16) bw::finish<<<joinGrid, joinBlock>>>(g, dq, (u64)c.H * c.width);
    };
    go(31); CK(cudaGetLastError()); CK(cudaDeviceSynchronize());
    if (c.step) {
        Plain r{q, k, v, dout, c.B, c.N, c.H, c.Hk, c.width, nb, {}, {}, lens};
        for (int i = 0; i < nb; i++) { r.w[i] = g.branch[i].w; r.r[i] = c.r[i]; }
        int per = (c.N + c.step - 1) / c.step; size_t nr = (size_t)c.B * c.H * per;
        bool all = c.step == 1;
        double *ro = allocate<double>(nr * c.width), *rl = allocate<double>(nr), *rd = allocate<double>(nr), *rq = allocate<double>(nr * c.width), *rk = allocate<double>(nk), *rv = allocate<double>(nk);
        plainQueries<<<(nr + 63) / 64, 64>>>(r, ro, rl, rd, all ? rq : nullptr, c.step);
        if (all) plainKeys<<<(nk / c.width + 63) / 64, 64>>>(r, rl, rd, rk, rv);
        CK(cudaDeviceSynchronize());
        long bad = 0;
        double eo = compare(host(out, nq), host(ro, nr * c.width), c.N, c.H, c.width, c.step, bad), la = 0, lb = 0;
        auto el = host(rl, nr); auto hl = host(lse, nq / c.width);
        for (size_t i = 0; i < nr; i++) {
            double x = hl[i / per * c.N + i % per * c.step];
            if (std::isinf(el[i])) { if (!(std::isinf(x) && x < 0)) bad++; } else { if (!(fabs(x - el[i]) < 0.05)) bad++; la += (x - el[i]) * (x - el[i]); lb += el[i] * el[i]; }
        }
        for (int i = 0; i < nb; i++) printf("%s%d:%d", i ? "," : "", c.w[i], c.r[i]);
        printf(" B=%d N=%d H=%d/%d D=%d out %.2e lse %.2e", c.B, c.N, c.H, c.Hk, c.width, eo, lb > 0 ? sqrt(la / lb) : 0);
        if (all) {
            double eq = compare(host(dq, nq), host(rq, nq), c.N, c.H, c.width, 1, bad), ek = compare(host(dk, nk), host(rk, nk), c.N, c.Hk, c.width, 1, bad), ev = compare(host(dv, nk), host(rv, nk), c.N, c.Hk, c.width, 1, bad);
            printf(" dq %.2e dk %.2e dv %.2e", eq, ek, ev);
            ordered = true;
            go(28); CK(cudaDeviceSynchronize());
            auto first = host(dq, nq); auto firstK = host(dk, nk);
            double oq = compare(first, host(rq, nq), c.N, c.H, c.width, 1, bad);
            for (int t = 0; t < 3; t++) { cudaMemset(dq, 0xFF, nq * 2); go(28); CK(cudaDeviceSynchronize()); if (memcmp(first.data(), host(dq, nq).data(), nq * 2) || memcmp(firstK.data(), host(dk, nk).data(), nk * 2)) { printf(" NOT THE SAME AGAIN"); bad++; } }
            ordered = false;
            if (oq > 1.01 * eq) { printf(" ordered dq %.2e", oq); bad++; }
        }
        printf(" %s %ld\n", bad ? "BAD" : "ok", bad);
        failures += bad;
        for (double* x : {ro, rl, rd, rq, rk, rv}) cudaFree(x);
    }
    if (c.time) {
        cudaEvent_t e0, e1; cudaEventCreate(&e0); cudaEventCreate(&e1);
        auto timed = [&](int what) {
            std::vector<float> ts;
            for (int i = 0; i < 13; i++) { cudaEventRecord(e0); go(what); cudaEventRecord(e1); cudaEventSynchronize(e1); float t; cudaEventElapsedTime(&t, e0, e1); if (i > 2) ts.push_back(t); }
            std::sort(ts.begin(), ts.end()); return ts[5];
        };
        float fk = timed(1), fm = timed(2), fa = timed(3), pr = timed(4), bk = timed(8), fi = timed(16), ba = timed(28), all = timed(31);
        printf("TIME D=%d causal=%d cycle=%d B=%d N=%d H=%d nb=%d w0=%d | forward %.3f ms %.0f TF/s (kernel %.3f %.0f, merge %.3f) | backward %.3f ms %.0f (prepare %.3f, kernel %.3f %.0f, finish %.3f) | both %.3f ms %.0f TF/s\n", D, CAUSAL, CYCLE, c.B, c.N, c.H, nb, c.w[0],
               fa, flops / fa / 1e9, fk, flops / fk / 1e9, fm, ba, 2.5 * flops / ba / 1e9, pr, bk, 2.5 * flops / bk / 1e9, fi, all, 3.5 * flops / all / 1e9);
        ordered = true;
        if (c.B > 1) printf("     deterministic: backward %.3f ms\n", timed(28));
    }
    for (void* x : {(void*)q, (void*)k, (void*)v, (void*)dout, (void*)out, (void*)dq, (void*)dk, (void*)dv, (void*)lse, (void*)next, (void*)lens, (void*)p.partOut, (void*)p.partLse, (void*)g.stats, (void*)g.dq, (void*)g.partDk, (void*)g.partDv, (void*)turn, (void*)begin}) cudaFree(x);
    CK(cudaGetLastError());
}

int main(int argc, char** argv) {
    setvbuf(stdout, 0, _IOLBF, 0);
    cudaDriverEntryPointQueryResult st;
    CK(cudaGetDriverEntryPointByVersion("cuTensorMapEncodeTiled", (void**)&encode, 12000, cudaEnableDefault, &st));
    int W = D == 64 ? 64 : 128;
    if (argc > 1 && !strcmp(argv[1], "scale")) {    // time a token by length
        for (int n = 65536; n <= 4194304; n *= 4) run({1, n, 12, 12, W, {2048, 4096, 8192, 16384, 32768}, {1, 2, 4, 6, 12}, {}, 0, true});
        return 0;
    }
    bool quick = argc > 1 && !strcmp(argv[1], "time");
    if (!quick) {
        run({1, 128, 2, 2, W, {128}, {1}, {}, 1, false});
        run({1, 1024, 2, 2, W, {1024}, {1}, {}, 1, false});
        run({2, 777, 3, 3, W, {100, 300}, {1, 3}, {}, 1, false});
        run({2, 1000, 6, 2, W, {128, 256, 512, 1000}, {1, 2, 4, 6}, {}, 1, false});
        run({3, 501, 4, 1, W, {37, 200, 333}, {1, 5, 7}, {501, 0, 260}, 1, false});
        run({1, 5000, 5, 5, W, {2048, 4096}, {3, 5}, {}, 1, false});
        run({2, 901, 4, 4, D == 64 ? 48 : 96, {256, 700}, {1, 3}, {}, 1, false});
        run({1, 1000, 4, 4, W, {5000, 2000, 300}, {1, 1, 2}, {}, 1, false});
        run({2, 900, 4, 4, D == 64 ? 24 : 80, {256, 700}, {1, 3}, {}, 1, false});
    }
    if (!quick) {
        // Segments made of shorter ones and ratios of smaller ones, as patterns that share pairs have them.
        srand(7);
        auto pick = [](int n) { return rand() % n; };
        for (int t = 0; t < 60; t++) {
            std::vector<int> w, r, lengths;
            int n = 1 + pick(1500), step = pick(3), ws = (step ? 24 : 1) * (1 + pick(6)), rs = 1 + pick(2), hk = 1 + pick(2), b = 1 + pick(2);
            for (int e = 1 + pick(5); e > 0; e--) {
                w.push_back(ws); r.push_back(std::min(rs, ws));
                ws *= 1 + pick(4); rs *= pick(2) ? 1 + pick(3) : pick(2) ? 1 : 2;
                if (pick(6) == 0) ws += pick(50);
            }
            if (t % 4 == 0) { std::reverse(w.begin(), w.end()); std::reverse(r.begin(), r.end()); }
            if (pick(2)) for (int e = 0; e < b; e++) lengths.push_back(pick(n + 1));
            run({b, n, hk * (1 + pick(6)), hk, W, w, r, lengths, 1, false});
        }
    }
    if (argc > 1 && !strcmp(argv[1], "small")) { printf("%ld failures\n", failures); return failures > 0; }
    std::vector<int> ws = {2048, 4096, 8192, 16384, 32768}, rs = {1, 2, 4, 6, 12};
    if (D == 64) {
        if (!quick) run({1, 8192, 12, 12, 64, ws, rs, {}, 1, false});
        run({4, 32768, 12, 12, 64, ws, rs, {}, quick ? 0 : 97, true});
        if (!quick) for (int i = 0; i < 5; i++) run({4, 32768, 12, 12, 64, {ws[i]}, {rs[i]}, {}, 0, true});
        run({1, 524288, 12, 12, 64, ws, rs, {}, 0, true});
        run({4, 16384, 12, 12, 64, {16384}, {1}, {}, 0, true});
    } else {
        run({4, 32768, 16, 16, 128, {2048, 8192, 32768}, {1, 4, 16}, {}, quick ? 0 : 97, true});
        run({1, 524288, 16, 16, 128, {2048, 8192, 32768, 131072, 524288}, {1, 4, 16, 16, 16}, {}, 0, true});
        if (!quick) run({4, 32768, 16, 16, 128, {2048}, {1}, {}, 0, true});
        run({4, 16384, 16, 16, 128, {16384}, {1}, {}, 0, true});
    }
    printf("%ld failures\n", failures);
    return failures > 0;
}
