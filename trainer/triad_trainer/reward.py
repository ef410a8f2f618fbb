"""Reward model: a Bradley–Terry classifier on pairs of answers (Christiano et al. 2017), published merged."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from transformers import AutoModelForSequenceClassification
from trl import RewardConfig, RewardTrainer

from triad_trainer.arguments import common_arguments, evaluation_arguments
from triad_trainer.artefact import save_artefact
from triad_trainer.checkpoint import ExactCheckpoints
from triad_trainer.contract import JobSpec
from triad_trainer.cpu_speed import speed_up_frozen_layers
from triad_trainer.data import Rows
from triad_trainer.errors import RunFailure
from triad_trainer.lengths import without_long_pairs
from triad_trainer.model import load_adapter, load_causal_model, load_tokenizer, new_adapter
from triad_trainer.progress import Progress, fit
from triad_trainer.reward_report import Pair, reward_report
from triad_trainer.scoring import Scorer, conversation_ids


class ExactRewardTrainer(ExactCheckpoints, RewardTrainer):  # type: ignore[misc]
    """RewardTrainer with checkpoints as safetensors."""


def train_reward(spec: JobSpec, train: Rows, held_out: Rows | None, progress: Progress) -> None:
    """Train a reward model on {prompt, chosen, rejected} rows, publish it, and report on the held-out pairs.

    Raises:
        RunFailure: bad_data when no pair fits maxLength, and whatever loading raises.
    """
    tokenizer = load_tokenizer(Path(spec.base.modelPath))
    train = without_long_pairs(train, tokenizer, spec.hyperparameters.maxLength, progress.events)
    model = new_adapter(_classifier(spec, tokenizer), spec, "SEQ_CLS")
    speed_up_frozen_layers(model)
    trainer = ExactRewardTrainer(
        model=model,
        processing_class=tokenizer,
        # TRL would leave out long pairs without a word; without_long_pairs has done it with one.
        args=RewardConfig(max_length=None, **common_arguments(spec), **evaluation_arguments(spec)),
        train_dataset=_token_pairs(train, tokenizer),
        eval_dataset=None if held_out is None else _token_pairs(held_out, tokenizer),
    )
    fit(trainer, spec, progress)
    if not progress.stopped:
        _publish(trainer.model, tokenizer, spec, held_out, progress)


def _classifier(spec: JobSpec, tokenizer: Any) -> Any:
    """The base, its adapter merged in, cut to the first reward.layers layers, under a new head with one output."""
    causal = load_causal_model(Path(spec.base.modelPath))
    if spec.base.adapterPath is not None:
        causal = load_adapter(causal, Path(spec.base.adapterPath), trainable=False).merge_and_unload()
    config = causal.config
    layers = (spec.reward.layers if spec.reward else None) or config.num_hidden_layers
    if layers > config.num_hidden_layers:
        raise RunFailure("bad_spec", f"reward.layers is {layers}, but the model has {config.num_hidden_layers} layers.")
    config.num_hidden_layers = layers
    if getattr(config, "layer_types", None):
        config.layer_types = config.layer_types[:layers]
    config.num_labels = 1
    config.pad_token_id = tokenizer.pad_token_id
    torch.manual_seed(spec.seed)
    classifier = AutoModelForSequenceClassification.from_config(config, dtype=causal.dtype)
    backbone = classifier.base_model
    kept = {name: value for name, value in causal.base_model.state_dict().items() if name in backbone.state_dict()}
    backbone.load_state_dict(kept)
    return classifier


def _token_pairs(rows: Rows, tokenizer: Any) -> Dataset:
    """Tokenise the pairs by the function that scoring uses."""
    return Dataset.from_list(
        [
            {
                "chosen_ids": conversation_ids(tokenizer, row["prompt"] + row["chosen"]),
                "rejected_ids": conversation_ids(tokenizer, row["prompt"] + row["rejected"]),
            }
            for row in rows.rows
        ]
    )


def _publish(model: Any, tokenizer: Any, spec: JobSpec, held_out: Rows | None, progress: Progress) -> None:
    merged = model.merge_and_unload()

    def write(directory: Path) -> None:
        merged.save_pretrained(directory)
        tokenizer.save_pretrained(directory)

    artefact = save_artefact(spec, progress.events, "reward_model", write)
    if held_out is None:
        progress.events.log("warn", "There are no held-out rows, so nothing is known about this reward model.")
        return
    report = reward_report(_scored_pairs(Scorer(artefact), tokenizer, held_out), spec.seed)
    progress.events.emit("report", report=report)


def _scored_pairs(scorer: Scorer, tokenizer: Any, rows: Rows) -> list[Pair]:
    chosen = scorer.score([row["prompt"] + row["chosen"] for row in rows.rows])
    rejected = scorer.score([row["prompt"] + row["rejected"] for row in rows.rows])
    return [
        Pair(
            prompt=json.dumps(row["prompt"], sort_keys=True),
            slice=row["slice"],
            chosen=better,
            rejected=worse,
            chosen_tokens=_answer_tokens(tokenizer, row["chosen"]),
            rejected_tokens=_answer_tokens(tokenizer, row["rejected"]),
        )
        for row, better, worse in zip(rows.rows, chosen, rejected, strict=True)
    ]


def _answer_tokens(tokenizer: Any, messages: list[dict[str, str]]) -> int:
    return sum(len(tokenizer(message["content"], add_special_tokens=False)["input_ids"]) for message in messages)
