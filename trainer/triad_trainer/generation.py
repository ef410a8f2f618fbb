"""Greedy answers of a model in training."""

from __future__ import annotations

from typing import Any

import torch

from triad_trainer.scoring import conversation_ids

BATCH = 64


@torch.no_grad()
def answer_greedily(model: Any, tokenizer: Any, prompts: list[Any], max_new_tokens: int) -> list[str]:
    """Answer each conversation, in order, by greedy decoding; the model's mode is put back.

    Batches hold prompts of similar length, padded on the left. No random number is drawn, so a run that
    measures and one that does not are the same run.
    """
    ids = [conversation_ids(tokenizer, prompt, answer_follows=True) for prompt in prompts]
    order = sorted(range(len(ids)), key=lambda index: len(ids[index]))
    answers = [""] * len(ids)
    training = model.training
    model.eval()
    try:
        for start in range(0, len(order), BATCH):
            chosen = order[start : start + BATCH]
            batch = tokenizer.pad(
                {"input_ids": [ids[index] for index in chosen]}, padding_side="left", return_tensors="pt"
            ).to(model.device)
            output = model.generate(
                **batch,
                max_new_tokens=max_new_tokens,
                do_sample=False,
                eos_token_id=tokenizer.eos_token_id,
                pad_token_id=tokenizer.pad_token_id,
            )
            texts = tokenizer.batch_decode(output[:, batch["input_ids"].shape[1] :], skip_special_tokens=True)
            for index, text in zip(chosen, texts, strict=True):
                answers[index] = text
    finally:
        model.train(training)
    return answers
