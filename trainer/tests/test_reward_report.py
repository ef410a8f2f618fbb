"""The report's statistics on values that can be worked out by hand or that others published."""

import math

import numpy as np
import pytest

from triad_trainer.reward_report import Pair, accuracy, expected_calibration_error, reward_report


def pair(margin: float, prompt: str = "p", slice: str | None = None, longer: int = 0) -> Pair:
    return Pair(prompt, slice, chosen=margin, rejected=0.0, chosen_tokens=5 + longer, rejected_tokens=5)


def test_calibration_error_of_the_published_example():
    probability, outcome = np.array([0.25, 0.25, 0.55, 0.75, 0.75]), np.array([0.0, 0, 1, 1, 1])
    assert expected_calibration_error(probability, outcome, bins=2) == pytest.approx(0.29)


def test_chance_has_a_loss_of_ln_2_and_half_the_pairs():
    report = reward_report([pair(0.0, str(index)) for index in range(10)], seed=0)
    assert report.nll == pytest.approx(math.log(2))
    assert report.accuracy.value == 0.5
    assert report.accuracy.low == report.accuracy.high == 0.5
    assert report.ece == pytest.approx(abs(0.5 - report_share(10, 0)))
    assert report.lengthSpearman is None


def report_share(count: int, seed: int) -> float:
    """Share of pairs whose chosen answer comes first under the seed: the outcome that chance is compared with."""
    return float((np.random.default_rng(seed).random(count) < 0.5).mean())


def test_the_interval_is_clustered_by_prompt():
    margins = np.array([1.0, -1.0] * 20)
    alone = accuracy(margins, [str(index) for index in range(40)], seed=0)
    paired = accuracy(margins, [str(index // 2) for index in range(40)], seed=0)
    assert (paired.low, paired.high) == (0.5, 0.5)
    assert alone.low == pytest.approx(0.5 - 1.96 * 0.5 / math.sqrt(40), abs=0.03)
    assert alone.high == pytest.approx(0.5 + 1.96 * 0.5 / math.sqrt(40), abs=0.03)


def test_slices_come_in_order_of_name_and_count_their_pairs():
    pairs = [pair(1, "a", "open"), pair(-1, "b", "close"), pair(1, "c", "close"), pair(1, "d")]
    report = reward_report(pairs, seed=0)
    assert [(part.name, part.pairs, part.accuracy.value) for part in report.slices] == [
        ("close", 2, 0.5),
        ("open", 1, 1.0),
    ]
    assert (report.pairs, report.prompts) == (4, 4)


def test_the_length_baseline_is_the_better_of_the_two_rules():
    pairs = [pair(1, str(index), longer=-1) for index in range(3)] + [pair(1, "3", longer=1)]
    assert reward_report(pairs, seed=0).lengthBaselineAccuracy == 0.75


def test_a_reward_that_follows_length_is_seen():
    pairs = [pair(float(longer), str(longer), longer=longer) for longer in range(1, 9)]
    assert reward_report(pairs, seed=0).lengthSpearman == pytest.approx(1.0)
