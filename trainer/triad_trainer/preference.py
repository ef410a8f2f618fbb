"""Direct preference optimisation (Rafailov et al. 2023) on pairs of answers."""

from __future__ import annotations

from datasets import Dataset
from trl import DPOConfig, DPOTrainer

from triad_trainer.arguments import common_arguments, evaluation_arguments
from triad_trainer.artefact import save_adapter
from triad_trainer.checkpoint import ExactCheckpoints
from triad_trainer.contract import JobSpec
from triad_trainer.data import Rows
from triad_trainer.lengths import without_long_prompts
from triad_trainer.model import load_policy
from triad_trainer.progress import Progress, fit

DEFAULT_BETA = 0.1
COLUMNS = ("prompt", "chosen", "rejected")


class ExactDPOTrainer(ExactCheckpoints, DPOTrainer):  # type: ignore[misc]
    """DPOTrainer with checkpoints as safetensors."""


def train_dpo(spec: JobSpec, train: Rows, held_out: Rows | None, progress: Progress) -> None:
    """Train an adapter on {prompt, chosen, rejected} rows and publish it.

    The reference policy is the starting policy: given a PeftModel, DPOTrainer copies its adapter as it is
    at the start, before a checkpoint is loaded.

    Raises:
        RunFailure: bad_data when every prompt fills maxLength, and whatever loading raises.
    """
    model, tokenizer = load_policy(spec)
    train = without_long_prompts(train, tokenizer, spec.hyperparameters.maxLength, progress.events)
    beta = spec.hyperparameters.beta
    trainer = ExactDPOTrainer(
        model=model,
        processing_class=tokenizer,
        args=DPOConfig(
            max_length=spec.hyperparameters.maxLength,
            beta=DEFAULT_BETA if beta is None else beta,
            **common_arguments(spec),
            **evaluation_arguments(spec),
        ),
        train_dataset=_pairs(train),
        eval_dataset=None if held_out is None else _pairs(held_out),
    )
    fit(trainer, spec, progress)
    if not progress.stopped:
        save_adapter(trainer.model, spec, progress.events)


def _pairs(rows: Rows) -> Dataset:
    return Dataset.from_list([{name: row[name] for name in COLUMNS} for row in rows.rows])
