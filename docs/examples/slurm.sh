#!/bin/bash
# Trains on 2 machines with 4 GPUs each, one rank a GPU. Submit it from LongNet's folder, on a disk that all machines share:
#
#   LONGNET_CUDA=1 ./longnet --version        # builds once, before the ranks start
#   sbatch docs/examples/slurm.sh
#
# Submitted again, or started again by Slurm, it goes on from the last checkpoint.
#SBATCH --job-name=longnet
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=4
#SBATCH --gpus-per-node=4
#SBATCH --cpus-per-task=8
#SBATCH --time=24:00:00
#SBATCH --signal=TERM@180
#SBATCH --requeue
#SBATCH --open-mode=append
set -eu

export LONGNET_CUDA=1 # 0 on machines without GPUs; then without --gpus-per-node above
data=docs
out=runs/slurm

resume=
[ ! -e "$out/config.yaml" ] || resume=--resume
# shellcheck disable=SC2086
exec srun --cpus-per-task="$SLURM_CPUS_PER_TASK" \
    ./longnet train --data "$data" --out "$out" $resume \
    --set train.threads="$SLURM_CPUS_PER_TASK"
