#!/usr/bin/env bash
# Check mind-train on one GPU in eight minutes, from a checkout, with nothing installed there.
#   benchmarks/gpu_check.sh                   correctness, resuming, speed, peers; a row when it is done
#   benchmarks/gpu_check.sh --toy             the same rows at toy size on a CPU, to see that it runs
#   benchmarks/gpu_check.sh --wheels FOLDER   (elsewhere, with a network) fetch what may be missing there
# Wheels in benchmarks/wheels or in WHEELS are unpacked beside the run; PYTHON is the interpreter with
# torch (2.6 or later) and, for the peers, transformers. Result lines go to gpu_check.jsonl too (OUT).
set -euo pipefail
cd "$(dirname "$0")/.."
python=${PYTHON:-python3}
if [[ ${1:-} == --wheels ]]; then
  platforms=()
  for n in 17 24 27 28 31 34; do platforms+=(--platform "manylinux_2_${n}_x86_64"); done
  exec "$python" -m pip download --no-deps --only-binary=:all: --python-version 3.12 \
    --implementation cp --platform manylinux2014_x86_64 "${platforms[@]}" -d "${2:?a folder}" \
    orjson zstandard tomli-w typer annotated-doc shellingham pluggy
fi
unpacked=$(mktemp -d)
trap 'rm -rf "$unpacked"' EXIT
for wheel in "${WHEELS:-benchmarks/wheels}"/*.whl; do
  [[ ! -f $wheel ]] || "$python" -m zipfile -e "$wheel" "$unpacked"
done
sources=$(printf '%s:' "$PWD"/packages/*/src)
export PYTHONPATH="$sources$unpacked${PYTHONPATH:+:$PYTHONPATH}"
export PYTHONUNBUFFERED=1 MIND_LOOPS=plain MIND_PLUGINS=none TOKENIZERS_PARALLELISM=false
"$python" benchmarks/gpu/check.py "$@"
