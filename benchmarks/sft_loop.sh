#!/usr/bin/env bash
# The entropy rule on a small model: train a base model on public texts, then run the whole loop.
#   benchmarks/sft_loop.sh RUN            DATA is ../shared/data beside the checkout
#   benchmarks/sft_loop.sh RUN DATA -n    train the base model, then only say what the loop costs
# DATA holds text/TYPE/*.jsonl.zst, sft/ and benchmarks/. Stopped in the middle? The same command
# goes on. SCALE=cpu or ci takes the sizes of that scale; DTYPE=bfloat16 tunes in it where the
# processor has it; SEEDS=3 and BASELINE_SEEDS=5 may be raised later, in the same folder; LIMIT=5000 CLUSTERS=8
# BY=kmeans are the pool and the clusters of SCALE=cpu.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
run=${1:?a folder for the run}
data=$(cd "${2:-$root/../shared/data}" && pwd)
mkdir -p "$run"
cd "$run"
export OMP_NUM_THREADS=${OMP_NUM_THREADS:-1}

if [[ ! -d base/checkpoints/step-00000300 ]]; then
  python "$root/benchmarks/reproduce/corpus.py" "$data/text" corpus.jsonl --bytes 2000000
  # Every fortieth document is kept from the model; a fourth of them are the texts of the reference.
  awk 'NR % 40 != 0' corpus.jsonl >train.jsonl
  awk 'NR % 160 == 0' corpus.jsonl >heldout.jsonl
  [[ -d tokenizer ]] ||
    mind-tok train train.jsonl --vocab-size 6000 --set bpe.character_coverage=0.999 -o tokenizer
  [[ -d shards ]] || mind-tok encode train.jsonl -t tokenizer --validation 0.01 -o shards
  mind-train pretrain shards -o base --seed 0 --set train.dtype="${DTYPE:-float32}" \
    --set train.steps=300 --set train.evaluate_every=300 --set train.save_every=100
fi
cat >plan.toml <<PLAN
model = "base"
data = [
  "$data/sft/en/alpaca-first-12k.jsonl.zst",
  "$data/sft/zh/huatuo/llama_data.json.zst",
  "$data/sft/zh/alpaca-gpt4-zh-demo/alpaca_zh_demo.json.zst",
]
heldout = ["heldout.jsonl"]
evaluation = [
  "$data/sft/en/dolly-hhrlhf/dolly_hhrlhf_train_small.jsonl.zst",
  "$data/sft/en/self-instruct-user-oriented/user_oriented_instructions.jsonl.zst",
  "$data/sft/zh/belle/eval_set.json.zst",
  "$data/sft/zh/belle/zh_seed_tasks.json.zst",
]
benchmarks = ["mmlu", "ceval"]
benchmark_data = "$data/benchmarks"
benchmark_items = 40
limit = ${LIMIT:-1300}
items = 60
clusters = ${CLUSTERS:-5}
by = "${BY:-quantile}"
seeds = ${SEEDS:-2}
baseline_seeds = ${BASELINE_SEEDS:-2}
baselines = [${BASELINES:-\"random\", \"random-length\"}]
budget = 20000
steps = 20
lr = 1e-3
dtype = "${DTYPE:-float32}"
PLAN
options=()
[[ -z ${SCALE:-} ]] || options+=(--scale "$SCALE")
[[ ${3:-} == -n ]] && options+=(-n) || options+=(-o "loop${SCALE:+-$SCALE}")
mind-sft-select loop plan.toml "${options[@]}"
