"""What the four methods have in common in their TRL configuration."""

from __future__ import annotations

from typing import Any

from triad_trainer.contract import JobSpec
from triad_trainer.model import device


def common_arguments(spec: JobSpec) -> dict[str, Any]:
    """Keyword arguments for SFTConfig, DPOConfig, RewardConfig and GRPOConfig."""
    hyper = spec.hyperparameters
    gpu = device() == "cuda"
    return {
        "output_dir": spec.outputDir,
        "seed": spec.seed,
        "max_steps": hyper.maxSteps,
        "per_device_train_batch_size": hyper.batchSize // hyper.gradientAccumulationSteps,
        "gradient_accumulation_steps": hyper.gradientAccumulationSteps,
        "learning_rate": hyper.learningRate,
        "lr_scheduler_type": hyper.scheduler,
        "warmup_steps": hyper.warmupSteps,
        "weight_decay": hyper.weightDecay,
        "logging_steps": 1,
        # The real loss must be seen, or a run that diverged would look sound.
        "logging_nan_inf_filter": False,
        "save_strategy": "steps",
        "save_steps": hyper.checkpointEverySteps,
        "report_to": "none",
        "disable_tqdm": True,
        "use_cpu": not gpu,
        "bf16": gpu,
        "gradient_checkpointing": gpu,
        "dataloader_pin_memory": gpu,
    }


def evaluation_arguments(spec: JobSpec) -> dict[str, Any]:
    """Keyword arguments that evaluate the loss on the held-out rows every evalEverySteps."""
    hyper = spec.hyperparameters
    if spec.data.evalPath is None or hyper.evalEverySteps is None:
        return {"eval_strategy": "no"}
    return {
        "eval_strategy": "steps",
        "eval_steps": hyper.evalEverySteps,
        "per_device_eval_batch_size": 32,
    }
