"""Scores of a reward model for conversations, from a self-contained sequence-classification checkpoint."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForSequenceClassification

from triad_trainer.cpu_speed import speed_up_frozen_layers
from triad_trainer.errors import RunFailure
from triad_trainer.model import UNREADABLE, check_model_files, device, dtype, load_tokenizer

BATCH = 64

Conversation = list[dict[str, str]]


def conversation_ids(tokenizer: Any, conversation: Conversation, *, answer_follows: bool = False) -> list[int]:
    """Tokens of a conversation under the chat template, with the opening of an answer when one follows.

    A reward model reads the whole conversation and nothing after it. TRL's RewardTrainer trains on exactly
    these tokens; one more or less moves the position that is scored.
    """
    ids: list[int] = tokenizer.apply_chat_template(
        conversation, add_generation_prompt=answer_follows, tokenize=True, return_dict=True
    )["input_ids"]
    return ids


class Scorer:
    """A loaded reward model."""

    def __init__(self, directory: Path) -> None:
        check_model_files(directory)
        self._tokenizer = load_tokenizer(directory)
        try:
            model, info = AutoModelForSequenceClassification.from_pretrained(
                directory, dtype=dtype(), use_safetensors=True, trust_remote_code=False, output_loading_info=True
            )
        except UNREADABLE as error:
            raise RunFailure("bad_model", f"{directory}: the reward model cannot be loaded: {error}") from error
        departing = [*info["missing_keys"], *info["unexpected_keys"]]
        if departing or model.config.num_labels != 1:
            raise RunFailure(
                "bad_model", f"{directory}: not a complete reward model with one label ({[*departing][:3]})."
            )
        self._model: Any = model.to(device()).eval().requires_grad_(False)
        speed_up_frozen_layers(self._model)

    @torch.inference_mode()
    def score(self, conversations: list[Conversation]) -> list[float]:
        """Return one reward per conversation, in order; batches hold conversations of similar length."""
        ids = [conversation_ids(self._tokenizer, conversation) for conversation in conversations]
        order = sorted(range(len(ids)), key=lambda index: len(ids[index]))
        scores = [0.0] * len(ids)
        for start in range(0, len(order), BATCH):
            chosen = order[start : start + BATCH]
            batch = self._tokenizer.pad(
                {"input_ids": [ids[index] for index in chosen]}, padding_side="right", return_tensors="pt"
            )
            logits = self._model(**batch.to(device())).logits[:, 0].float()
            for index, value in zip(chosen, logits.tolist(), strict=True):
                scores[index] = value
        return scores
