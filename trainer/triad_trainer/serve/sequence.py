"""What the engine works on: sequences, and the prompts to prefill for them."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field

from torch import Tensor

from .errors import ServeError
from .kv_cache import Ids, common_prefix
from .sampling import Sampling
from .text import TextStream

PREFILL_TOKENS = 1024


@dataclass(frozen=True)
class Chunk:
    """What a sequence has produced since its last chunk; the last one has a finish reason or an error."""

    index: int
    text: str = ""
    logprobs: tuple[tuple[int, float], ...] = ()
    finish_reason: str | None = None
    error: ServeError | None = None


@dataclass(eq=False)
class Sequence:
    """One choice of a request. `ids` is the prompt, then also the answer; `sink` is called on the worker's thread."""

    index: int
    ids: list[int]
    adapter: str | None
    options: Sampling
    generator: random.Random
    stream: bool
    sink: Callable[[Chunk], None]
    cancelled: bool = False
    finished: bool = False
    cached_tokens: int = 0
    prompt_tokens: int = field(init=False)
    logprobs: list[tuple[int, float]] = field(default_factory=list)
    text: TextStream = field(init=False)

    def __post_init__(self) -> None:
        self.prompt_tokens = len(self.ids)

    @property
    def completion_tokens(self) -> int:
        return len(self.ids) - self.prompt_tokens


@dataclass(eq=False)
class Prompt:
    """A token sequence to prefill once for all sequences that begin with it."""

    ids: Ids
    sequences: list[Sequence]
    known: int = 0
    kv: Tensor | None = None
    lead: bool = False

    @property
    def adapter(self) -> str | None:
        return self.sequences[0].adapter


def gain(leader: Prompt, prompt: Prompt) -> int:
    """Tokens that `prompt` need not compute once `leader` is done."""
    if leader.adapter != prompt.adapter:
        return 0
    return common_prefix(leader.ids, prompt.ids[:-1]) - prompt.known


def batches(prompts: list[Prompt]) -> list[list[Prompt]]:
    """Cut into forward passes of similar lengths, each of at most PREFILL_TOKENS padded tokens or one prompt."""
    batches: list[list[Prompt]] = []
    for prompt in sorted(prompts, key=lambda p: len(p.ids) - p.known):
        width = len(prompt.ids) - prompt.known
        if not batches or (len(batches[-1]) + 1) * width > PREFILL_TOKENS:
            batches.append([])
        batches[-1].append(prompt)
    return batches
