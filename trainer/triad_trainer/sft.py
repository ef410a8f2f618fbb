"""Supervised fine-tuning: next-token cross-entropy on the completion only."""

from __future__ import annotations

from datasets import Dataset
from trl import SFTConfig, SFTTrainer

from triad_trainer.arguments import common_arguments, evaluation_arguments
from triad_trainer.artefact import save_adapter
from triad_trainer.checkpoint import ExactCheckpoints
from triad_trainer.contract import JobSpec
from triad_trainer.data import Rows
from triad_trainer.lengths import without_long_prompts
from triad_trainer.model import load_policy
from triad_trainer.progress import Progress, fit


class ExactSFTTrainer(ExactCheckpoints, SFTTrainer):  # type: ignore[misc]
    """SFTTrainer with checkpoints as safetensors."""


def train_sft(spec: JobSpec, train: Rows, held_out: Rows | None, progress: Progress) -> None:
    """Train an adapter on {prompt, completion} rows and publish it.

    Raises:
        RunFailure: bad_data when every prompt fills maxLength, and whatever loading raises.
    """
    model, tokenizer = load_policy(spec)
    train = without_long_prompts(train, tokenizer, spec.hyperparameters.maxLength, progress.events)
    trainer = ExactSFTTrainer(
        model=model,
        processing_class=tokenizer,
        args=SFTConfig(
            max_length=spec.hyperparameters.maxLength,
            completion_only_loss=True,
            **common_arguments(spec),
            **evaluation_arguments(spec),
        ),
        train_dataset=Dataset.from_list(train.rows),
        eval_dataset=None if held_out is None else Dataset.from_list(held_out.rows),
    )
    fit(trainer, spec, progress)
    if not progress.stopped:
        save_adapter(trainer.model, spec, progress.events)
