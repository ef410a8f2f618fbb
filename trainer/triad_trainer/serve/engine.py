"""Continuous batching: sequences join and leave the running batch between decoding steps."""

from __future__ import annotations

import copy
from collections import deque
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .errors import ServeError
from .kv_cache import BatchCache, Ids, Prefix, PrefixStore
from .lora import LoraAdapters
from .models import load_generator
from .sampling import choose, token_logprobs
from .sequence import Chunk, Prompt, Sequence, batches, gain
from .text import TextStream

MAX_ROWS = 64
MAX_WAITING = 4096
MIN_SHARED_TOKENS = 16
MIN_STORED_TOKENS = 64
KV_BYTES_ON_CPU = 2 << 30
PREFIX_BYTES = 256 << 20


class Engine:
    """One base model with its adapters. `step` and the adapter calls run on the worker's thread; `submit` on any."""

    def __init__(self, path: Path) -> None:
        self.model, self.tokenizer = load_generator(path)
        # Encoding in another thread while this one decodes needs two tokenizers ("Already borrowed").
        self._decoder = copy.deepcopy(self.tokenizer)
        self.adapters = LoraAdapters(self.model)
        config: Any = self.model.config
        head_size = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
        heads = getattr(config, "num_key_value_heads", None) or config.num_attention_heads
        self.cache = BatchCache(config.num_hidden_layers, heads, head_size, self.model.dtype, self.model.device)
        self.prefixes = PrefixStore(PREFIX_BYTES)
        self._budget = _kv_bytes(self.model.device) // self.cache.bytes_per_token
        self.max_tokens = min(config.max_position_embeddings, self._budget)
        self.vocabulary = int(config.vocab_size)
        self._ends = _end_tokens(self.model, self.tokenizer)
        self._incoming: deque[Sequence] = deque()
        self._waiting: deque[Sequence] = deque()
        self._admitting: list[Sequence] = []
        self.rows: list[Sequence] = []

    @property
    def busy(self) -> bool:
        return bool(self._incoming or self._waiting or self.rows)

    def submit(self, sequences: list[Sequence]) -> None:
        """Queue sequences; 503 when the queue is full."""
        if len(self._incoming) + len(self._waiting) + len(sequences) > MAX_WAITING:
            raise ServeError(503, f"{MAX_WAITING} sequences are waiting already; try again later", code="overloaded")
        self._incoming.extend(sequences)

    def embed(self, rows: list[list[int]], adapter: str | None) -> list[list[float]]:
        """Mean of the last hidden states over each row's tokens, scaled to length 1; on the worker's thread."""
        device = self.model.device
        width = max(map(len, rows))
        # Padding stands after the tokens, so that it changes neither their positions nor what they attend to.
        ids = torch.tensor([row + [0] * (width - len(row)) for row in rows], device=device)
        mask = torch.tensor([[1] * len(row) + [0] * (width - len(row)) for row in rows], device=device)
        self.adapters.assign([adapter] * len(rows))
        with torch.inference_mode():
            base: Any = self.model.base_model
            hidden = base(input_ids=ids, attention_mask=mask, use_cache=False).last_hidden_state.float()
            mean = (hidden * mask[:, :, None]).sum(1) / mask.sum(1, keepdim=True)
            vectors: list[list[float]] = torch.nn.functional.normalize(mean, dim=-1).tolist()
        return vectors

    def unload_adapter(self, name: str) -> None:
        """Forget an adapter that no request uses; rows whose client has gone may still hold it."""
        self._drop_cancelled()
        self.adapters.unload(name)
        self.prefixes.forget(name)

    def step(self) -> None:
        """Admit what fits, then decode one token of every row."""
        self._drop_cancelled()
        with torch.inference_mode():
            self._admitting = self._next_group()
            prompts = self._distinct(self._admitting)
            while prompts:
                now, prompts = self._share(prompts)
                for batch in batches(now):
                    self._prefill(batch)
            self._admitting = []
            self._preempt()
            if self.rows:
                self._decode()
        if not self.rows:
            self.cache.clear()

    def fail(self, error: Exception) -> None:
        """End the sequences that the failed step was working on; those that wait stay."""
        failure = error if isinstance(error, ServeError) else ServeError(500, f"The engine failed: {error}")
        for sequence in dict.fromkeys([*self.rows, *self._admitting]):
            if not sequence.finished:
                sequence.sink(Chunk(sequence.index, error=failure))
        self.rows, self._admitting = [], []
        self.cache.clear()
        self.prefixes.clear()

    def _drop_cancelled(self) -> None:
        while self._incoming:
            self._waiting.append(self._incoming.popleft())
        if any(s.cancelled for s in self._waiting):
            self._waiting = deque(s for s in self._waiting if not s.cancelled)
        self._evict([row for row, s in enumerate(self.rows) if s.cancelled])

    def _evict(self, rows: list[int]) -> None:
        """Close the gaps with the last rows: the batch is always rows 0 … n-1 of the cache."""
        for row in sorted(rows, reverse=True):
            last = self.rows.pop()
            if row < len(self.rows):
                self.cache.copy(len(self.rows), row, len(last.ids))
                self.rows[row] = last

    def _longest(self) -> int:
        return max((len(s.ids) for s in self.rows), default=0)

    def _next_group(self) -> list[Sequence]:
        group: list[Sequence] = []
        longest = self._longest()
        while self._waiting and len(self.rows) + len(group) < MAX_ROWS:
            longest = max(longest, len(self._waiting[0].ids) + 1)
            taken = len(self.rows) + len(group)
            if taken and (taken + 1) * longest > self._budget:
                break
            group.append(self._waiting.popleft())
        return group

    def _preempt(self) -> None:
        """Give rows back to the queue while the next token would exceed the memory for keys and values."""
        while len(self.rows) > 1 and len(self.rows) * (self._longest() + 1) > self._budget:
            self._waiting.appendleft(self.rows.pop())

    def _distinct(self, sequences: list[Sequence]) -> list[Prompt]:
        prompts: dict[tuple[str | None, tuple[int, ...]], Prompt] = {}
        for sequence in sequences:
            key = (sequence.adapter, tuple(sequence.ids))
            prompt = prompts.setdefault(key, Prompt(np.asarray(sequence.ids), []))
            prompt.sequences.append(sequence)
        return list(prompts.values())

    def _share(self, prompts: list[Prompt]) -> tuple[list[Prompt], list[Prompt]]:
        """Split into prompts to prefill now and prompts that wait for one of those to reuse what they share."""
        now: list[Prompt] = []
        later: list[Prompt] = []
        for prompt in prompts:
            # The last token is always computed: its logits choose the next one.
            prompt.known, prompt.kv = self.prefixes.longest(prompt.adapter, prompt.ids[:-1])
            leader = next((p for p in now if gain(p, prompt) >= MIN_SHARED_TOKENS), None)
            if leader is None:
                now.append(prompt)
            else:
                leader.lead = True
                later.append(prompt)
        return now, later

    def _prefill(self, prompts: list[Prompt]) -> None:
        first = len(self.rows)
        copies = [(source, s) for source, p in enumerate(prompts) for s in p.sequences[1:]]
        width = max(len(p.ids) - p.known for p in prompts)
        slots = max(self._longest(), *(len(p.ids) for p in prompts))
        self.cache.reserve(first, first + len(prompts) + len(copies), slots)
        ids, positions = [], []
        for row, prompt in enumerate(prompts, first):
            if prompt.kv is not None:
                self.cache.write(row, prompt.kv)
            new = range(prompt.known, len(prompt.ids))
            # Padding repeats the first new token at its own position: it stores the same keys and values again.
            padded = [prompt.known] * (width - len(new)) + list(new)
            positions.append(padded)
            ids.append(prompt.ids[padded])
        logits = self._forward(first, np.stack(ids), np.asarray(positions), [p.adapter for p in prompts])
        for row, prompt in enumerate(prompts, first):
            if prompt.lead or len(prompt.ids) - prompt.known >= MIN_STORED_TOKENS:
                self.prefixes.add(Prefix(prompt.adapter, prompt.ids, self.cache.read(row, len(prompt.ids))))
        for row, (source, sequence) in enumerate(copies, first + len(prompts)):
            self.cache.copy(first + source, row, len(sequence.ids))
        for prompt in prompts:
            for sequence in prompt.sequences:
                self._begin(sequence, prompt.known)
        self.rows += [p.sequences[0] for p in prompts] + [s for _, s in copies]
        sources = [*range(len(prompts)), *(source for source, _ in copies)]
        self._advance(first, logits[sources])

    def _begin(self, sequence: Sequence, cached: int) -> None:
        if sequence.completion_tokens == 0:
            sequence.cached_tokens = cached
            sequence.text = TextStream(self._decode_text, sequence.options.stop)

    def _decode(self) -> None:
        last = np.asarray([[len(s.ids) - 1] for s in self.rows])
        self.cache.reserve(len(self.rows), len(self.rows), int(last.max()) + 1)
        ids = np.asarray([[s.ids[-1]] for s in self.rows])
        self._advance(0, self._forward(0, ids, last, [s.adapter for s in self.rows]))

    def _forward(self, first: int, ids: Ids, positions: Ids, adapters: list[str | None]) -> Tensor:
        """Logits (rows, vocabulary) after the last column of ids (rows, tokens), for cache rows from `first` on."""
        device = self.model.device
        at = torch.as_tensor(positions, device=device)
        slots = int(positions.max()) + 1
        self.cache.aim(slice(first, first + len(ids)), at, slots)
        self.adapters.assign(adapters)
        output = self.model(
            input_ids=torch.as_tensor(ids, device=device),
            position_ids=at,
            attention_mask=(torch.arange(slots, device=device) <= at[:, :, None])[:, None],
            past_key_values=self.cache,
            use_cache=True,
            logits_to_keep=1,
        )
        logits: Tensor = output.logits[:, -1].float()
        return logits

    def _advance(self, first: int, logits: Tensor) -> None:
        """Append the next token to the rows from `first` on, tell their clients, and evict what has ended."""
        rows = self.rows[first:]
        tokens = choose(logits, [s.options for s in rows], [s.generator for s in rows])
        if any(s.options.logprobs for s in rows):
            for sequence, token, logprob in zip(rows, tokens, token_logprobs(logits, tokens), strict=True):
                if sequence.options.logprobs:
                    sequence.logprobs.append((token, logprob))
        ended = [first + row for row, pair in enumerate(zip(rows, tokens, strict=True)) if self._append(*pair)]
        self._evict(ended)

    def _append(self, sequence: Sequence, token: int) -> bool:
        sequence.ids.append(token)
        stopped = token in self._ends or sequence.text.push(token)
        reason = "stop" if stopped else "length" if sequence.completion_tokens >= sequence.options.max_tokens else None
        if reason:
            sequence.finished = True
            sequence.text.finish()
        if reason or sequence.stream:
            chunk = Chunk(sequence.index, sequence.text.take(), tuple(sequence.logprobs), reason)
            sequence.logprobs.clear()
            if reason or chunk.text or chunk.logprobs:
                sequence.sink(chunk)
        return reason is not None

    def _decode_text(self, ids: list[int]) -> str:
        return str(self._decoder.decode(ids, skip_special_tokens=True))


def _end_tokens(model: Any, tokenizer: Any) -> frozenset[int]:
    configured = model.generation_config.eos_token_id
    many = configured if isinstance(configured, list) else [configured]
    return frozenset(t for t in [*many, tokenizer.eos_token_id] if t is not None)


def _kv_bytes(device: torch.device) -> int:
    return torch.cuda.mem_get_info(device)[0] // 2 if device.type == "cuda" else KV_BYTES_ON_CPU
