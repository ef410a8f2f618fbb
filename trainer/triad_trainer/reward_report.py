"""Held-out evidence for a reward model (contracts/reward-report.schema.json)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import expit
from scipy.stats import spearmanr

from triad_trainer.contract import Estimate, RewardReport, SliceReport

RESAMPLES = 10_000
CHUNK = 500
BINS = 15

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Pair:
    """One held-out pair: its prompt (the cluster), slice, and the rewards and lengths in tokens of both answers."""

    prompt: str
    slice: str | None
    chosen: float
    rejected: float
    chosen_tokens: int
    rejected_tokens: int


def reward_report(pairs: Sequence[Pair], seed: int) -> RewardReport:
    """Summarise the pairs; the same seed gives the same report.

    Raises:
        ValueError: there are no pairs.
    """
    if not pairs:
        raise ValueError("a reward report needs at least one pair")
    rng = np.random.default_rng(seed)
    margins = np.array([pair.chosen - pair.rejected for pair in pairs])
    longer = np.array([pair.chosen_tokens - pair.rejected_tokens for pair in pairs], dtype=np.float64)
    prompts = [pair.prompt for pair in pairs]
    names = sorted({pair.slice for pair in pairs if pair.slice is not None})
    return RewardReport(
        pairs=len(pairs),
        prompts=len(set(prompts)),
        accuracy=accuracy(margins, prompts, seed),
        slices=[_slice_report(name, pairs, margins, seed) for name in names],
        lengthBaselineAccuracy=float(max(_wins(longer).mean(), _wins(-longer).mean())),
        lengthSpearman=_length_spearman(pairs),
        ece=calibration_error(margins, rng),
        nll=float(np.logaddexp(0.0, -margins).mean()),
    )


def accuracy(margins: Floats, prompts: Sequence[str], seed: int) -> Estimate:
    """Share of positive margins, a tie counting one half, with a 95% percentile bootstrap clustered by prompt."""
    wins = _wins(margins)
    _, cluster = np.unique(np.array(prompts), return_inverse=True)
    sums, counts = np.bincount(cluster, weights=wins), np.bincount(cluster)
    rng = np.random.default_rng(seed)
    means = []
    for _ in range(RESAMPLES // CHUNK):
        drawn = rng.integers(len(counts), size=(CHUNK, len(counts)))
        means.append(sums[drawn].sum(axis=1) / counts[drawn].sum(axis=1))
    low, high = np.quantile(np.concatenate(means), [0.025, 0.975])
    return Estimate(value=float(wins.mean()), low=float(low), high=float(high))


def calibration_error(margins: Floats, rng: np.random.Generator) -> float:
    """Expected calibration error (Guo et al. 2017) of sigmoid(first - second), each pair in random order."""
    first_is_chosen = rng.random(len(margins)) < 0.5
    probability = expit(np.where(first_is_chosen, margins, -margins))
    return expected_calibration_error(probability, first_is_chosen.astype(np.float64), BINS)


def expected_calibration_error(probability: Floats, outcome: Floats, bins: int) -> float:
    """Mean over equal-width bins, weighted by their size, of |mean outcome - mean probability|."""
    index = np.minimum((probability * bins).astype(int), bins - 1)
    gaps = np.bincount(index, weights=outcome - probability, minlength=bins)
    return float(np.abs(gaps).sum() / len(probability))


def _wins(margins: Floats) -> Floats:
    return (np.sign(margins) + 1) / 2


def _slice_report(name: str, pairs: Sequence[Pair], margins: Floats, seed: int) -> SliceReport:
    chosen = [index for index, pair in enumerate(pairs) if pair.slice == name]
    estimate = accuracy(margins[chosen], [pairs[index].prompt for index in chosen], seed)
    return SliceReport(name=name, pairs=len(chosen), accuracy=estimate)


def _length_spearman(pairs: Sequence[Pair]) -> float | None:
    rewards = [reward for pair in pairs for reward in (pair.chosen, pair.rejected)]
    tokens = [count for pair in pairs for count in (pair.chosen_tokens, pair.rejected_tokens)]
    if len(set(rewards)) == 1 or len(set(tokens)) == 1:
        return None
    return float(spearmanr(rewards, tokens).statistic)
