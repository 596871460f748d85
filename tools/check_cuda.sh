#!/usr/bin/env bash
# `make check-cuda`: what can be said of the feature `cuda` on a machine without a GPU. Lints, links the library, every test and
# every program, compiles our kernels with nvrtc, runs them on the CPU, and sees that a missing driver is a sentence and no crash.
# Compiled things stay in the user's cache folder, outside the checkout.
set -euo pipefail
cd "$(dirname "$0")/.."
: "${CUDA_HOME:?run it through tools/cuda_toolkit.py, as \`make check-cuda\` does}"
export CARGO_TARGET_DIR=${CUDA_CHECK_TARGET:-${XDG_CACHE_HOME:-$HOME/.cache}/vae-rs/target-cuda}
cuda=(--release -p vae_core --features cuda)

phase() {
    local name=$1 start=$SECONDS
    shift
    echo "== $name"
    "$@"
    echo "== $name: $((SECONDS - start)) s"
}

# Ends well wherever there is a GPU, too.
says_which_device() {
    local said
    said=$(VAE_CORE_DEVICE=cuda "$CARGO_TARGET_DIR/release/examples/train" --summary)
    said=$(grep '^device: ' <<< "$said")
    echo "$said"
    grep -q 'CUDA device 0\|cannot be used: there is no NVIDIA driver\|cannot be used: the driver finds no GPU' <<< "$said"
}

sizes() {
    local program
    for program in train bench gpu; do
        strip -o "$CARGO_TARGET_DIR/stripped" "$CARGO_TARGET_DIR/release/examples/$program"
        printf '%s: %s MB stripped\n' "$program" "$(($(stat -c %s "$CARGO_TARGET_DIR/stripped") / 1000000))"
    done
    rm "$CARGO_TARGET_DIR/stripped"
}

echo "CUDA toolkit in $CUDA_HOME, for compute capability $CUDA_COMPUTE_CAP"
phase "machine code of our kernels" "$CUDA_HOME/bin/nvcc" -arch="sm_$CUDA_COMPUTE_CAP" -cubin -o /dev/null vae_core/src/ops/cuda/kernels.cu
phase "lints with cuda" cargo clippy "${cuda[@]}" --all-targets --quiet -- -D warnings
phase "library and tests with cuda" cargo test "${cuda[@]}" --lib --tests --no-run
phase "programs with cuda" cargo build "${cuda[@]}" --examples
phase "kernels" cargo test "${cuda[@]}" --lib -- cuda device
phase "tests on a device" cargo test "${cuda[@]}" --test cuda -- --nocapture
phase "which device" says_which_device
phase "sizes" sizes
