#!/usr/bin/env bash
# ./run.sh check                  does the GPU compute what the CPU does?           (a minute)
# ./run.sh train                  MLP, convolutional and denoising VAE, 5 epochs    (a few minutes)
# ./run.sh bench [ARGUMENTS]      training steps beside PyTorch, where it is        (some minutes)
# ./run.sh all                    all of these; ends well only if the checks do
# Figures and logs go to results/, or to $OUT.
set -euo pipefail
cd "$(dirname "$0")"
out=${OUT:-results}
python=${PYTHON:-python3}
mkdir -p "$out"

# CUDA's libraries come from an installed toolkit, or with PyTorch's wheels (nvidia/cu13/lib and the like).
wheels=$("$python" - 2> /dev/null << 'PYTHON' || true
import glob, importlib.util, os
spec = importlib.util.find_spec("nvidia")
roots = list(spec.submodule_search_locations) if spec else []
print(":".join(sorted(folder for root in roots for folder in glob.glob(os.path.join(root, "*", "lib")))))
PYTHON
)
toolkits=$(ls -d /usr/local/cuda*/lib64 /opt/cuda/lib64 "${CUDA_HOME:-/nowhere}"/lib* 2> /dev/null | paste -sd : || true)
export LD_LIBRARY_PATH=${LD_LIBRARY_PATH:+$LD_LIBRARY_PATH:}$wheels:$toolkits:/usr/local/nvidia/lib64
export VAE_CORE_DEVICE=cuda
if missing=$(ldd ./gpu | grep 'not found'); then
    echo "these libraries are missing; install the driver, and CUDA 13 or PyTorch for CUDA 13 (README.md):"
    echo "$missing"
    exit 1
fi

train() {
    local model data
    for model in mlp conv denoise; do
        data=$([ "$model" = conv ] && echo fashion-mnist || echo mnist)
        rm -rf "$out/$model"
        ./gpu train --model "$model" --data "$data" --epochs 5 --out "$out/$model" | tee "$out/train-$model.log"
        # Weights are large and of no use elsewhere.
        rm -f "$out/$model"/*.safetensors
    done
}

bench() {
    local torch=()
    "$python" -c 'import torch, sys; sys.exit(not torch.cuda.is_available())' 2> /dev/null && torch=(--torch "$python")
    for batch in "" 4096; do
        ./gpu bench --device cuda --rounds 5 ${batch:+--batch $batch} "${torch[@]}" --json "$out/bench${batch:+-$batch}.json" "$@" |
            tee "$out/bench${batch:+-$batch}.log"
    done
}

case ${1:-} in
    check) ./gpu check 2>&1 | tee "$out/check.log" ;;
    train) train ;;
    bench) bench "${@:2}" ;;
    all)
        ./gpu check 2>&1 | tee "$out/check.log"
        train
        bench
        ;;
    *)
        sed -n '2,6s/^# //p' "$0"
        exit 2
        ;;
esac
