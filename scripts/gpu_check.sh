#!/usr/bin/env bash
# Runs everything that needs an NVIDIA GPU, in at most 9 minutes: the driver and the sandbox's
# filter, a run on the GPU, and the target nanolm with its MFU. Prints one line a part and writes
# all output to FOLDER (default: gpu-check in the current folder).
#
#   scripts/gpu_check.sh [FOLDER]
#
# TORCH_PYTHON  a Python with torch, numpy and tiktoken; default: python3
# PYTHON        a Python with this project and its tests' packages; default: uv run python.
#               Without uv, `python3 -m pip install . --group dev`, or wheels where there is no network.
set -uo pipefail
cd "$(dirname "$0")/.."

out=${1:-gpu-check}
mkdir -p "$out"
torch_python=$(command -v "${TORCH_PYTHON:-python3}") || { echo "TORCH_PYTHON: there is no ${TORCH_PYTHON:-python3}"; exit 2; }
read -ra python <<<"${PYTHON:-uv run python}"
unset PYTHONDONTWRITEBYTECODE
export AUTORESEARCH_TORCH_PYTHON=$torch_python PYTHONUNBUFFERED=1

if ! nvidia-smi >"$out/nvidia-smi.log" 2>&1; then
    echo "nvidia-smi found no GPU (see $out/nvidia-smi.log): run this where there is one"
    exit 2
fi
if ! "${python[@]}" -c "import fastmcp, pytest" 2>"$out/python.log"; then
    echo "${python[*]} lacks this project's packages (see $out/python.log): set PYTHON"
    exit 2
fi
if ! "$torch_python" -c "import torch, numpy, tiktoken; assert torch.cuda.is_available()" 2>"$out/torch.log"; then
    echo "$torch_python has no torch that sees the GPU (see $out/torch.log): set TORCH_PYTHON"
    exit 2
fi

failed=0
part() { # NAME SECONDS COMMAND...: run it within its time and say how it ended
    local name=$1 limit=$2 began=$SECONDS status=0
    shift 2
    timeout --signal=INT --kill-after=10 "$limit" "$@" >"$out/$name.log" 2>&1 || status=$?
    [ "$status" -eq 0 ] || failed=1
    echo "$name: exit status $status after $((SECONDS - began)) s: $(tail -n 1 "$out/$name.log")"
}

part sandbox 60 "${python[@]}" -m pytest -n 0 -m "" tests/autoresearch/sandboxes/test_gpu_syscalls.py
part real-run 60 "${python[@]}" -m pytest -n 0 -m "" tests/autoresearch/training/test_gpu_runs.py -k real_gpu
part nanolm-60 150 "${python[@]}" scripts/benchmarks/nanolm.py --python "$torch_python" --device gpu --seconds 60
part nanolm-180 260 "${python[@]}" scripts/benchmarks/nanolm.py --python "$torch_python" --device gpu --seconds 180
cat "$out"/nanolm-*.log
exit "$failed"
