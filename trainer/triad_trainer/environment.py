"""What must be set before torch and the Hugging Face libraries are imported."""

from __future__ import annotations

import os
import warnings
from pathlib import Path


def prepare_environment() -> None:
    """Work offline, send no telemetry, share the cores politely, use one device per run.

    Values already set are kept, except that there is no way to be online.
    """
    for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_DATASETS_OFFLINE", "HF_HUB_DISABLE_TELEMETRY"):
        os.environ[name] = "1"
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    # OpenMP threads that spin while they wait cost three times the CPU when the cores are shared.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    # With several visible GPUs Trainer would wrap the model in DataParallel.
    os.environ.setdefault("CUDA_VISIBLE_DEVICES", "0")


def import_libraries() -> None:
    """Import the slow libraries and quieten their progress bars; torch gets one thread per usable core."""
    import datasets
    import peft  # noqa: F401
    import torch
    import transformers
    import trl  # noqa: F401
    from trl import DPOTrainer, GRPOTrainer, RewardTrainer, SFTTrainer  # noqa: F401

    from triad_trainer.cpu_speed import score_labelled_positions_only

    score_labelled_positions_only()
    datasets.disable_progress_bars()
    datasets.disable_caching()
    transformers.utils.logging.disable_progress_bar()
    transformers.logging.set_verbosity_error()
    warnings.filterwarnings("ignore", category=FutureWarning)
    torch.set_num_threads(usable_cores())


def usable_cores() -> int:
    """Number of cores this process may use: OMP_NUM_THREADS, or else its affinity within its container's quota."""
    if wanted := os.environ.get("OMP_NUM_THREADS", ""):
        return int(wanted)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
        return max(1, min(cores, round(int(quota) / int(period))))
    except (OSError, ValueError):
        return cores
