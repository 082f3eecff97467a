#!/usr/bin/env bash
# MindLLM-3B on 8 nodes of 8 GPUs; submit it again to go on after the time limit.
# Five minutes before it Slurm sends SIGTERM: the micro-batch under way is ended, the last whole step
# saved. torchrun waits for that as long as --shutdown-timeout says (torch 2.13; 30 seconds before).
# By hand: `scancel --signal=TERM JOB`, or `touch /data/runs/mindllm-3b/STOP`.
#SBATCH --job-name=mindllm-3b
#SBATCH --nodes=8
#SBATCH --ntasks-per-node=1
#SBATCH --gpus-per-node=8
#SBATCH --cpus-per-task=64
#SBATCH --time=24:00:00
#SBATCH --signal=TERM@300
set -euo pipefail

head=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | head -n 1)
exec srun --kill-on-bad-exit=1 torchrun \
  --nnodes "$SLURM_NNODES" --nproc-per-node 8 \
  --rdzv-backend c10d --rdzv-endpoint "$head:29500" --rdzv-id "$SLURM_JOB_ID" \
  --shutdown-timeout 240 \
  -m mind_train pretrain /data/shards -o /data/runs/mindllm-3b \
  --recipe mindllm-3b --set train.parallel=fsdp
