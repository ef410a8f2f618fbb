"""Reward models: scalar scores of whole conversations, in micro-batches sorted by length."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from transformers import DynamicCache

from .errors import ServeError
from .kv_cache import common_prefix
from .models import load_scorer

MAX_WAITING = 4096
STEP_ROWS = 64
BATCH_TOKENS = 2048
MIN_SHARED_TOKENS = 16


@dataclass(eq=False)
class Item:
    """A token sequence to score; `sink` is called on the worker's thread with the raw score or the error."""

    ids: list[int]
    sink: Callable[[float | ServeError], None]
    cancelled: bool = False


class Scorer:
    """A reward model. `step` runs on the worker's thread, `submit` on any."""

    def __init__(self, path: Path) -> None:
        self.model, self.tokenizer = load_scorer(path)
        self.max_tokens = int(self.model.config.max_position_embeddings)
        self.label = str(self.model.config.id2label[0])
        self._waiting: deque[Item] = deque()
        self._batch: list[Item] = []

    @property
    def busy(self) -> bool:
        return bool(self._waiting)

    def submit(self, items: list[Item]) -> None:
        """Queue items; 503 when the queue is full."""
        if len(self._waiting) + len(items) > MAX_WAITING:
            raise ServeError(503, f"{MAX_WAITING} texts wait for a score already; try again later", code="overloaded")
        self._waiting.extend(items)

    def step(self) -> None:
        """Score the oldest waiting items, longest first."""
        taken = [self._waiting.popleft() for _ in range(min(len(self._waiting), STEP_ROWS))]
        self._batch = sorted((item for item in taken if not item.cancelled), key=lambda item: len(item.ids))
        while self._batch:
            rows = max(1, BATCH_TOKENS // len(self._batch[-1].ids))
            longest = self._batch[-rows:]
            for item, score in zip(longest, self._score([item.ids for item in longest]), strict=True):
                item.sink(score)
            self._batch = self._batch[:-rows]

    def fail(self, error: Exception) -> None:
        """End the items of the failed batch."""
        for item in self._batch:
            item.sink(ServeError(500, f"Scoring failed: {error}"))
        self._batch = []

    def _score(self, rows: list[list[int]]) -> list[float]:
        """Scores of token rows, padded on the right as in training; what all of them begin with is computed once."""
        shared = min(min(map(len, rows)) - 1, *(common_prefix(np.asarray(rows[0]), np.asarray(row)) for row in rows))
        device = self.model.device
        cache = DynamicCache(config=self.model.config)
        with torch.inference_mode():
            if len(rows) > 1 and shared >= MIN_SHARED_TOKENS:
                self.model.base_model(input_ids=torch.tensor([rows[0][:shared]], device=device), past_key_values=cache)
                cache.batch_repeat_interleave(len(rows))
            else:
                shared = 0
            width = max(map(len, rows))
            pad = self.model.config.pad_token_id
            ids = torch.tensor([row[shared:] + [pad] * (width - len(row)) for row in rows], device=device)
            mask = torch.tensor([[1] * len(row) + [0] * (width - len(row)) for row in rows], device=device)
            logits = self.model(input_ids=ids, attention_mask=mask, past_key_values=cache).logits
        scores: list[float] = logits[:, 0].float().tolist()
        return scores
