#!/usr/bin/env bash
# `make gpu-bundle`: target/gpu-bundle/ with one program and a script, for a machine with a GPU and without Rust.
set -euo pipefail
cd "$(dirname "$0")/.."
: "${CUDA_HOME:?run it through tools/cuda_toolkit.py, as \`make gpu-bundle\` does}"
export CARGO_TARGET_DIR=${CUDA_CHECK_TARGET:-${XDG_CACHE_HOME:-$HOME/.cache}/vae-rs/target-cuda}
folder=target/gpu-bundle

cargo build --release -p vae_core --features cuda --example gpu
rm -rf "$folder"
mkdir -p "$folder"
strip -o "$folder/gpu" "$CARGO_TARGET_DIR/release/examples/gpu"
cp tools/gpu_bundle/run.sh tools/gpu_bundle/README.md "$folder/"

size=$(($(du -sk "$folder" | cut -f 1) / 1000))
echo "$folder: $size MB, for compute capability $CUDA_COMPUTE_CAP; needs beside the driver:"
readelf -d "$folder/gpu" | sed -n 's/.*Shared library: \[\(lib[cn][uv].*\)\]/    \1/p'
if [ "$size" -ge 60 ]; then
    echo "that is 60 MB or more; something came in that should not"
    exit 1
fi
