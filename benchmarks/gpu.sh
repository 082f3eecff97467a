#!/usr/bin/env bash
# The bars of one H100/H200 in bf16: MindLLM-1.3B and -3B shapes and a 150M, beside peers.
#   benchmarks/gpu.sh                 on a machine with a GPU; prints JSON lines and a table
#   benchmarks/gpu.sh --toy           the same script at toy size on a CPU, to see that it runs
set -euo pipefail
cd "$(dirname "$0")/.."
python=${PYTHON:-python}
seconds=60
common=(--set train.save_every=1000)
runs=(
  "gpt-neo mindllm-1.3b 75000 1024 32"
  "mindllm mindllm-3b 125700 2048 4"
  "gpt-neo 150m 50257 1024 64"
  "mindllm 150m 50257 1024 64"
)
if [[ ${1:-} == --toy ]]; then
  seconds=0
  runs=("gpt-neo tiny 512 64 4" "mindllm tiny 512 64 4")
  common+=(--set train.dtype=float32 --set train.device=cpu)
else
  common+=(--set train.dtype=bfloat16 --set train.device=cuda --set train.compile=true)
  nvidia-smi --query-gpu=name,driver_version,power.limit --format=csv,noheader
fi
"$python" -c 'import torch; print("torch", torch.__version__, "cuda", torch.version.cuda)'

results=$(mktemp)
trap 'rm -f "$results"' EXIT
for run in "${runs[@]}"; do
  read -r architecture preset vocab sequence batch <<<"$run"
  echo "== $architecture $preset, vocabulary $vocab, $batch x $sequence" >&2
  "$python" -m mind_train bench --seconds "$seconds" --vocab "$vocab" --json "${common[@]}" \
    --set 'model={}' --set "model.architecture=$architecture" --set "model.preset=$preset" \
    --set "model.vocab=$vocab" --set "model.context=$sequence" \
    --set "train.batch=$batch" | tee -a "$results"
done
"$python" - "$results" <<'PY'
import json
import sys

print("| architecture | parameters | tokens/s | all in | MFU | share of the product | memory GiB |")
print("|---|---|---|---|---|---|---|")
for line in open(sys.argv[1]):
    r = json.loads(line)
    mfu = "unknown" if r["mfu"] is None else f"{r['mfu']:.1%}"
    print(
        f"| {r['architecture']} | {r['parameters']:,} | {r['tokens_per_second']:,.0f} | "
        f"{r['tokens_per_second_all_in']:,.0f} | {mfu} | {r['share_of_gemm_peak']:.1%} | "
        f"{r['peak_memory_bytes'] / 2**30:.1f} |"
    )
PY
