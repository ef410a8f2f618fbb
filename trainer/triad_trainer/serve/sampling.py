"""Choosing the next token of each row."""

from __future__ import annotations

import random
from dataclasses import dataclass

import torch
from torch import Tensor, nn

# Below this temperature sampling and argmax agree up to ties; dividing by less would overflow.
GREEDY_BELOW = 1e-5
NUCLEUS_CANDIDATES = 1024
BLOCK = 256


@dataclass(frozen=True)
class Sampling:
    """How one sequence is sampled and when it ends."""

    temperature: float
    top_p: float
    max_tokens: int
    stop: tuple[str, ...]
    logprobs: bool


def choose(logits: Tensor, options: list[Sampling], generators: list[random.Random]) -> list[int]:
    """Next token of each row of logits (rows, vocabulary).

    A sampled row uses exactly one uniform number of its own generator, by inversion of its cumulative distribution,
    so what it draws does not depend on the other rows.
    """
    greedy = [i for i, o in enumerate(options) if o.temperature < GREEDY_BELOW]
    plain = [i for i, o in enumerate(options) if o.temperature >= GREEDY_BELOW and o.top_p >= 1]
    nucleus = [i for i, o in enumerate(options) if o.temperature >= GREEDY_BELOW and o.top_p < 1]
    tokens: dict[int, int] = {}
    for rows in (greedy, plain, nucleus):
        if not rows:
            continue
        part = logits if len(rows) == len(options) else logits[rows]
        if rows is greedy:
            chosen = part.argmax(-1)
        else:
            temperature = torch.tensor([options[i].temperature for i in rows], device=part.device)
            uniform = torch.tensor([generators[i].random() for i in rows], dtype=torch.float64, device=part.device)
            probabilities = torch.softmax(part / temperature[:, None], -1)
            if rows is plain:
                chosen = _invert(probabilities, uniform)
            else:
                top_p = torch.tensor([options[i].top_p for i in rows], device=part.device)
                chosen = _invert_nucleus(probabilities, uniform, top_p)
        tokens.update(zip(rows, chosen.tolist(), strict=True))
    return [tokens[i] for i in range(len(options))]


def _invert(probabilities: Tensor, uniform: Tensor) -> Tensor:
    """Inverse of each row's cumulative distribution (rows, vocabulary) at uniform (rows,).

    First the block of tokens, then the token in it: most of the vocabulary is summed, which is fast, not accumulated.
    """
    rows, vocabulary = probabilities.shape
    blocks = nn.functional.pad(probabilities, (0, -vocabulary % BLOCK)).reshape(rows, -1, BLOCK)
    sums = blocks.sum(-1).double()
    cumulative = sums.cumsum(-1)
    target = uniform * cumulative[:, -1]
    block = _search(cumulative, target)
    inside = blocks.take_along_dim(block[:, None, None], 1)[:, 0].cumsum(-1, dtype=torch.float64)
    before = (cumulative - sums).gather(-1, block[:, None])[:, 0]
    return block * BLOCK + _search(inside, target - before)


def _invert_nucleus(probabilities: Tensor, uniform: Tensor, top_p: Tensor) -> Tensor:
    """As `_invert`, within the fewest most likely tokens that together have at least top_p (rows,)."""
    ordered, order = probabilities.topk(min(NUCLEUS_CANDIDATES, probabilities.shape[-1]))
    if bool((ordered.sum(-1) < top_p).any()):
        ordered, order = probabilities.sort(descending=True)
    cumulative = ordered.cumsum(-1, dtype=torch.float64)
    last = torch.searchsorted(cumulative, top_p.double()[:, None]).clamp(max=cumulative.shape[-1] - 1)
    mass = cumulative.gather(-1, last)[:, 0]
    return order.gather(-1, _search(cumulative, uniform * mass)[:, None])[:, 0]


def _search(cumulative: Tensor, target: Tensor) -> Tensor:
    """Index of the first cumulative value above target, per row; never one of probability 0."""
    target = target.minimum(cumulative[:, -1] * (1 - 1e-12))
    return torch.searchsorted(cumulative, target[:, None], right=True)[:, 0]


def token_logprobs(logits: Tensor, tokens: list[int]) -> list[float]:
    """Natural log-probability of each row's token under the model itself (temperature 1, all tokens)."""
    chosen = torch.tensor(tokens, device=logits.device)[:, None]
    result: list[float] = (logits.gather(-1, chosen)[:, 0] - logits.logsumexp(-1)).tolist()
    return result
