// The kernels on a CPU, for tests: one thread in a block, the blocks one after the other.
#include <cmath>
#include <cstddef>
#include <cstring>
#include <utility>
using namespace std;

#define __global__
#define __device__ static
#define __shared__ static
#define __syncthreads()
struct Dim { unsigned x, y; };
static Dim threadIdx, blockIdx, blockDim = {1, 1}, gridDim;
static int min(int a, int b) { return a < b ? a : b; }

#include "kernels.cu"

// Runs a kernel over all blocks, with pointers to its arguments, as a launch does; false unless number and sizes are its own.
template <class... A, size_t... I>
static bool run(void (*kernel)(A...), void **arguments, const size_t *sizes, size_t count, index_sequence<I...>) {
    size_t own[] = {sizeof(A)...};
    if (count != sizeof...(A) || memcmp(own, sizes, sizeof(own)) != 0) return false;
    for (blockIdx.y = 0; blockIdx.y < gridDim.y; blockIdx.y++)
        for (blockIdx.x = 0; blockIdx.x < gridDim.x; blockIdx.x++) kernel(*(A *)arguments[I]...);
    return true;
}
template <class... A> static bool run(void (*kernel)(A...), void **arguments, const size_t *sizes, size_t count) {
    return run(kernel, arguments, sizes, count, index_sequence_for<A...>());
}

// False as well when there is no kernel of that name.
extern "C" bool emulate(const char *name, unsigned x, unsigned y, void **arguments, const size_t *sizes, size_t count) {
    gridDim = {x, y};
#define KERNEL(f)                                                                                                            \
    if (strcmp(name, #f) == 0) return run(f, arguments, sizes, count);
    KERNEL(bias_activation) KERNEL(activation_gradient) KERNEL(row_sums) KERNEL(windows) KERNEL(overlap)
    KERNEL(bernoulli) KERNEL(bernoulli_gradient) KERNEL(sigmoid) KERNEL(kl) KERNEL(kl_mu_gradient) KERNEL(kl_log_var_gradient)
    KERNEL(reparameterize) KERNEL(reparameterize_gradient) KERNEL(means) KERNEL(weighted) KERNEL(spread) KERNEL(gather) KERNEL(noise) KERNEL(adam)
    return false;
}
