// The kernels, compiled by nvrtc when a GPU is first used. Each is right for any number of threads and blocks: loops go by
// strides, so that `emulator.cpp` can run the same text on the CPU, where tests compare it with the library's own operations.
//
// Tensors are contiguous float32, the output comes first. `int` counts elements: the host refuses 2^31 and more.

#define EACH(i, n) for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < (n); i += gridDim.x * blockDim.x)

// The nonlinearities, by the number that the host gives them.
enum { IDENTITY, LEAKY, TANH };

__device__ float activate(float x, int kind, float slope) {
    return kind == LEAKY ? (x > 0.0f ? x : slope * x) : kind == TANH ? tanhf(x) : x;
}

// The sum over the block's threads, in thread 0. Needs 32 floats of shared memory.
__device__ float block_sum(float sum, float *shared) {
    int lane = threadIdx.x % 32, warp = threadIdx.x / 32, warps = (blockDim.x + 31) / 32;
#ifdef __CUDACC__
    for (int d = 16; d > 0; d /= 2) sum += __shfl_down_sync(0xffffffff, sum, d);
#endif
    if (lane == 0) shared[warp] = sum;
    __syncthreads();
    if (threadIdx.x == 0)
        for (int i = 1; i < warps; i++) sum += shared[i];
    __syncthreads();
    return sum;
}

// --- layers -----------------------------------------------------------------------------------------------------------------

// y = f(x + bias), with `width` numbers in a row.
extern "C" __global__ void bias_activation(float *y, const float *x, const float *bias, int n, int width, int kind, float slope) {
    EACH(i, n) y[i] = activate(x[i] + bias[i % width], kind, slope);
}

// dx = dy f'(x), told from y = f(x).
extern "C" __global__ void activation_gradient(float *dx, const float *dy, const float *y, int n, int kind, float slope) {
    EACH(i, n) {
        float at = y[i];
        dx[i] = dy[i] * (kind == LEAKY ? (at > 0.0f ? 1.0f : slope) : kind == TANH ? 1.0f - at * at : 1.0f);
    }
}

// Sums `chunk` rows at a time: (rows, width) -> (gridDim.y, width). In a fixed order, so that it repeats.
extern "C" __global__ void row_sums(float *sums, const float *x, int rows, int width, int chunk) {
    EACH(column, width) {
        float sum = 0.0f;
        int first = blockIdx.y * chunk, end = min(first + chunk, rows);
        for (int row = first; row < end; row++) sum += x[row * width + column];
        sums[blockIdx.y * width + column] = sum;
    }
}

// (B, bh, bw, c) -> (B sh sw, k k c): the window of each small pixel side by side, zeros beyond the border.
extern "C" __global__ void windows(float *columns, const float *x, int n, int c, int bh, int bw, int sh, int sw, int k, int stride,
                                   int padding, int dilation) {
    EACH(i, n) {
        int channel = i % c, tap = i / c % (k * k), pixel = i / c / (k * k);
        int row = pixel / sw % sh * stride + tap / k * dilation - padding;
        int column = pixel % sw * stride + tap % k * dilation - padding;
        bool inside = row >= 0 && row < bh && column >= 0 && column < bw;
        columns[i] = inside ? x[((pixel / (sh * sw) * bh + row) * bw + column) * c + channel] : 0.0f;
    }
}

// The other way: y[B, bh, bw, c] = f(bias + the sum of all places in `columns` that the pixel went to). No bias where it is null.
extern "C" __global__ void overlap(float *y, const float *columns, const float *bias, int n, int c, int bh, int bw, int sh, int sw,
                                   int k, int stride, int padding, int dilation, int kind, float slope) {
    EACH(i, n) {
        int channel = i % c, column = i / c % bw, row = i / c / bw % bh, image = i / c / bw / bh;
        float sum = bias ? bias[channel] : 0.0f;
        for (int u = 0; u < k; u++) {
            int down = row + padding - u * dilation;
            if (down < 0 || down % stride != 0 || down / stride >= sh) continue;
            for (int v = 0; v < k; v++) {
                int right = column + padding - v * dilation;
                if (right < 0 || right % stride != 0 || right / stride >= sw) continue;
                int pixel = (image * sh + down / stride) * sw + right / stride;
                sum += columns[(pixel * k * k + u * k + v) * c + channel];
            }
        }
        y[i] = activate(sum, kind, slope);
    }
}

// --- distributions: one block for each item of `width` numbers --------------------------------------------------------------

// sum of x l - ln(1 + e^l), which is x l - max(l, 0) - log1p(e^-|l|).
extern "C" __global__ void bernoulli(float *sums, const float *logits, const float *x, int width) {
    __shared__ float shared[32];
    float sum = 0.0f;
    for (int j = threadIdx.x; j < width; j += blockDim.x) {
        float l = logits[blockIdx.x * width + j];
        sum += x[blockIdx.x * width + j] * l - fmaxf(l, 0.0f) - log1pf(expf(-fabsf(l)));
    }
    sum = block_sum(sum, shared);
    if (threadIdx.x == 0) sums[blockIdx.x] = sum;
}

// 1 / (1 + e^-l), which e^-l = infinity takes to 0.
__device__ float logistic(float l) { return 1.0f / (1.0f + expf(-l)); }

extern "C" __global__ void bernoulli_gradient(float *dl, const float *logits, const float *x, const float *ds, int n, int width) {
    EACH(i, n) dl[i] = ds[i / width] * (x[i] - logistic(logits[i]));
}

extern "C" __global__ void sigmoid(float *y, const float *x, int n) { EACH(i, n) y[i] = logistic(x[i]); }

// sum of (e^v + m^2 - 1 - v) / 2.
extern "C" __global__ void kl(float *sums, const float *mu, const float *log_var, int width) {
    __shared__ float shared[32];
    float sum = 0.0f;
    for (int j = threadIdx.x; j < width; j += blockDim.x) {
        float m = mu[blockIdx.x * width + j], v = log_var[blockIdx.x * width + j];
        sum += 0.5f * (expf(v) + m * m - 1.0f - v);
    }
    sum = block_sum(sum, shared);
    if (threadIdx.x == 0) sums[blockIdx.x] = sum;
}

extern "C" __global__ void kl_mu_gradient(float *dm, const float *mu, const float *ds, int n, int width) {
    EACH(i, n) dm[i] = ds[i / width] * mu[i];
}

extern "C" __global__ void kl_log_var_gradient(float *dv, const float *log_var, const float *ds, int n, int width) {
    EACH(i, n) dv[i] = 0.5f * ds[i / width] * (expf(log_var[i]) - 1.0f);
}

extern "C" __global__ void reparameterize(float *z, const float *mu, const float *log_var, const float *epsilon, int n) {
    EACH(i, n) z[i] = mu[i] + expf(0.5f * log_var[i]) * epsilon[i];
}

extern "C" __global__ void reparameterize_gradient(float *dv, const float *dz, const float *log_var, const float *epsilon, int n) {
    EACH(i, n) dv[i] = 0.5f * dz[i] * expf(0.5f * log_var[i]) * epsilon[i];
}

// The means of a and b: one block.
extern "C" __global__ void means(float *out, const float *a, const float *b, int n) {
    __shared__ float shared[32];
    float sum_a = 0.0f, sum_b = 0.0f;
    for (int i = threadIdx.x; i < n; i += blockDim.x) sum_a += a[i], sum_b += b[i];
    sum_a = block_sum(sum_a, shared);
    sum_b = block_sum(sum_b, shared);
    if (threadIdx.x == 0) out[0] = sum_a / n, out[1] = sum_b / n;
}

// beta times the mean of kl, less that of reconstruction: one block.
extern "C" __global__ void weighted(float *loss, const float *reconstruction, const float *kl, int n, float beta) {
    __shared__ float shared[32];
    float sum = 0.0f;
    for (int i = threadIdx.x; i < n; i += blockDim.x) sum += beta * kl[i] - reconstruction[i];
    sum = block_sum(sum, shared);
    if (threadIdx.x == 0) loss[0] = sum / n;
}

// A number times a factor, n times.
extern "C" __global__ void spread(float *out, const float *x, int n, float factor) { EACH(i, n) out[i] = factor * x[0]; }

// --- data and noise -----------------------------------------------------------------------------------------------------------

// The images number order[0], order[1], ... as floats in [0, 1].
extern "C" __global__ void gather(float *images, const unsigned char *bytes, const unsigned *order, int n, int width) {
    EACH(i, n) images[i] = bytes[(size_t)order[i / width] * width + i % width] / 255.0f;
}

struct Key {
    unsigned words[8];
};

#define ROTATE(x, by) (((x) << (by)) | ((x) >> (32 - (by))))
#define QUARTER(a, b, c, d)                                                                                                  \
    a += b, d = ROTATE(d ^ a, 16), c += d, b = ROTATE(b ^ c, 12), a += b, d = ROTATE(d ^ a, 8), c += d, b = ROTATE(b ^ c, 7)

// One block of ChaCha8 (Bernstein 2008): 16 words.
__device__ void chacha8(unsigned *out, const Key &key, unsigned counter, unsigned long long stream) {
    unsigned start[16] = {0x61707865, 0x3320646e, 0x79622d32, 0x6b206574};
    for (int i = 0; i < 8; i++) start[4 + i] = key.words[i];
    start[12] = counter, start[13] = 0, start[14] = (unsigned)stream, start[15] = (unsigned)(stream >> 32);
    unsigned x[16];
    for (int i = 0; i < 16; i++) x[i] = start[i];
    for (int round = 0; round < 4; round++) {
        QUARTER(x[0], x[4], x[8], x[12]);
        QUARTER(x[1], x[5], x[9], x[13]);
        QUARTER(x[2], x[6], x[10], x[14]);
        QUARTER(x[3], x[7], x[11], x[15]);
        QUARTER(x[0], x[5], x[10], x[15]);
        QUARTER(x[1], x[6], x[11], x[12]);
        QUARTER(x[2], x[7], x[8], x[13]);
        QUARTER(x[3], x[4], x[9], x[14]);
    }
    for (int i = 0; i < 16; i++) out[i] = x[i] + start[i];
}

// U[0, 1) or N(0, 1) (Box & Muller 1958): the numbers of `Random` on the CPU, which gives each 4096 values a stream of their own.
extern "C" __global__ void noise(float *out, int n, Key key, unsigned long long stream, int normal) {
    EACH(block, (n + 15) / 16) {
        unsigned words[16];
        chacha8(words, key, block % 256, stream + block / 256);
        for (int j = 0; j < 16 && 16 * block + j < n; j += 2) {
            float a = (words[j] >> 8) / 16777216.0f, b = (words[j + 1] >> 8) / 16777216.0f;
            if (normal) {
                float radius = sqrtf(-2.0f * logf(1.0f - a)), angle = 6.28318530717958647692f * b;
                a = radius * cosf(angle), b = radius * sinf(angle);
            }
            out[16 * block + j] = a;
            if (16 * block + j + 1 < n) out[16 * block + j + 1] = b;
        }
    }
}

// --- optimizer ----------------------------------------------------------------------------------------------------------------

#define MOST 48

// Up to MOST parameters, each with its gradient and both means: blockIdx.y says which.
struct Parameters {
    float *theta[MOST];
    const float *gradient[MOST];
    float *m[MOST];
    float *v[MOST];
    int n[MOST];
};

extern "C" __global__ void adam(Parameters p, float keep1, float take1, float keep2, float take2, float rate, float epsilon) {
    float *theta = p.theta[blockIdx.y], *m = p.m[blockIdx.y], *v = p.v[blockIdx.y];
    const float *gradient = p.gradient[blockIdx.y];
    EACH(i, p.n[blockIdx.y]) {
        float g = gradient[i], m_i = keep1 * m[i] + take1 * g, v_i = keep2 * v[i] + take2 * g * g;
        m[i] = m_i;
        v[i] = v_i;
        theta[i] -= rate * m_i / (sqrtf(v_i) + epsilon);
    }
}
