#!/usr/bin/env bash
# The bars of one H100/H200 in bf16: MindLLM-1.3B and -3B shapes and a 150M, beside peers.
#   benchmarks/gpu.sh                 on a machine with a GPU of 80 GB; prints JSON lines and tables
#   benchmarks/gpu.sh --toy           the same script at toy size on a CPU, to see that it runs
# PYTHON is the interpreter with mind-train; PEERS=none leaves the peers out.
set -euo pipefail
cd "$(dirname "$0")/.."
python=${PYTHON:-python}
neo="hf-gpt-neo nano-gpt-neo+compile"
llama="hf-llama+compile litgpt+compile nano-llama+compile"
# What `bench` times: architecture, preset, vocabulary, row, rows a step, rows at once.
runs=(
  "gpt-neo mindllm-1.3b 75000 1024 64 8"
  "mindllm mindllm-3b 125700 2048 16 2"
  "gpt-neo 150m 50257 1024 64 32"
  "mindllm 150m 50257 1024 64 32"
)
# Beside peers, each with all of its rows at once: size, vocabulary, row, rows.
shapes=("1.3b 75000 1024 8" "3b 125700 2048 2" "150m 50257 1024 16")
if [[ ${1:-} == --toy ]]; then
  seconds=0 rounds=2 how="" neo="hf-gpt-neo nano-gpt-neo" llama="hf-llama litgpt nano-llama"
  runs=("gpt-neo tiny 512 64 4 2" "mindllm tiny 512 64 4 2")
  shapes=("toy 512 64 4")
  place=(--device cpu --dtype float32)
  common=(--set train.dtype=float32 --set train.device=cpu)
else
  seconds=60 rounds=20 how=+compile
  place=(--device cuda --dtype bfloat16)
  common=(--set train.dtype=bfloat16 --set train.device=cuda --set train.compile=true)
  nvidia-smi --query-gpu=name,driver_version,power.limit --format=csv,noheader
fi
"$python" -c 'import torch; print("torch", torch.__version__, "cuda", torch.version.cuda)'

results=$(mktemp)
trap 'rm -f "$results"' EXIT
for run in "${runs[@]}"; do
  read -r architecture preset vocab sequence batch micro <<<"$run"
  echo "== $architecture $preset, vocabulary $vocab, $batch x $sequence" >&2
  "$python" -m mind_train bench --seconds "$seconds" --vocab "$vocab" --json "${common[@]}" \
    --set 'model={}' --set "model.architecture=$architecture" --set "model.preset=$preset" \
    --set "model.vocab=$vocab" --set "model.context=$sequence" \
    --set "train.batch=$batch" --set "train.micro_batch=$micro" | tee -a "$results"
done
"$python" - "$results" <<'PY'
import json
import sys

print("| architecture | parameters | tokens/s | all in | MFU | share of the product | memory GiB |")
print("|---|---:|---:|---:|---:|---:|---:|")
for line in open(sys.argv[1]):
    r = json.loads(line)
    mfu = "unknown" if r["mfu"] is None else f"{r['mfu']:.1%}"
    print(
        f"| {r['architecture']} | {r['parameters']:,} | {r['tokens_per_second']:,.0f} | "
        f"{r['tokens_per_second_all_in']:,.0f} | {mfu} | {r['share_of_gemm_peak']:.1%} | "
        f"{r['peak_memory_bytes'] / 2**30:.1f} |"
    )
PY

[[ ${PEERS:-} == none ]] && exit 0
for shape in "${shapes[@]}"; do
  read -r size vocab sequence batch <<<"$shape"
  for kind in gpt-neo mindllm; do
    peers=$neo
    [[ $kind == mindllm ]] && peers=$llama
    echo "== $kind $size beside peers" >&2
    "$python" benchmarks/train_step.py --size "$size" --vocab "$vocab" --sequence "$sequence" \
      --batch "$batch" --rounds "$rounds" "${place[@]}" \
      --ours "mind-$kind$how" --peers "${peers// /,}"
  done
done
