from __future__ import annotations

import random

import numpy as np
import torch

from triad_trainer.serve.kv_cache import Prefix, PrefixStore, common_prefix
from triad_trainer.serve.sampling import Sampling, choose, token_logprobs
from triad_trainer.serve.text import TextStream


class Fixed(random.Random):
    """A generator that gives one number."""

    def __init__(self, value: float) -> None:
        super().__init__()
        self.value = value

    def random(self) -> float:
        return self.value


def options(temperature: float, top_p: float = 1.0) -> Sampling:
    return Sampling(temperature, top_p, 1, (), False)


def test_sampling_inverts_the_cumulative_distribution():
    logits = torch.randn(50, 1000, generator=torch.Generator().manual_seed(0)) * 3
    uniform = np.linspace(0, np.nextafter(1, 0), 50)
    drawn = choose(logits, [options(0.7)] * 50, [Fixed(u) for u in uniform])
    cumulative = torch.softmax(logits / 0.7, -1).double().cumsum(-1).numpy()
    expected = [int(np.searchsorted(c, u * c[-1], side="right")) for c, u in zip(cumulative, uniform, strict=True)]
    assert drawn == [min(e, 999) for e in expected]


def test_top_p_keeps_the_fewest_likely_tokens():
    probabilities = torch.tensor([[0.1, 0.4, 0.05, 0.3, 0.15]])
    drawn = {choose(probabilities.log(), [options(1.0, 0.7)], [Fixed(u / 100)])[0] for u in range(100)}
    assert drawn == {1, 3}
    drawn = {choose(probabilities.log(), [options(1.0, 0.71)], [Fixed(u / 100)])[0] for u in range(100)}
    assert drawn == {1, 3, 4}
    flat = torch.zeros(1, 5000)
    drawn = {choose(flat, [options(1.0, 0.9)], [Fixed(u / 100)])[0] for u in range(100)}
    assert len(drawn) == 100


def test_each_row_has_its_own_parameters():
    logits = torch.tensor([[0.0, 5.0, 4.9], [0.0, 5.0, 4.9], [0.0, 5.0, 4.9]])
    chosen = choose(logits, [options(0.0), options(1.0), options(1.0, 0.1)], [Fixed(0.999)] * 3)
    assert chosen == [1, 2, 1]
    assert torch.allclose(torch.tensor(token_logprobs(logits, chosen)), logits.log_softmax(-1)[range(3), chosen])


def decode_bytes(ids: list[int]) -> str:
    return bytes(ids).decode(errors="replace")


def test_characters_of_several_tokens_are_held_back_until_they_are_whole():
    stream = TextStream(decode_bytes, ())
    pieces = []
    for byte in "né→x".encode():
        assert not stream.push(byte)
        pieces.append(stream.take())
    assert pieces == ["n", "", "é", "", "", "→", "x"]
    stream.push(0xE2)
    stream.finish()
    assert stream.take() == "�"


def test_a_stop_string_across_tokens_never_leaks():
    stream = TextStream(decode_bytes, ("STOP", "end"))
    taken = ""
    for byte in b"some STO text STOP":
        stopped = stream.push(byte)
        taken += stream.take()
        assert "some STO text STOP".startswith(taken)
    assert stopped
    stream.finish()
    assert taken + stream.take() == "some STO text "


def test_common_prefix():
    a = np.array([1, 2, 3])
    assert common_prefix(a, np.array([1, 2, 4, 5])) == 2
    assert common_prefix(a, np.array([1, 2, 3, 4])) == 3
    assert common_prefix(a, np.array([], dtype=np.int64)) == 0


def test_the_prefix_store_forgets_what_was_used_longest_ago():
    def prefix(start: int, adapter: str | None = None) -> Prefix:
        return Prefix(adapter, np.arange(start, start + 10), torch.full((1, 2, 10, 1, 1), float(start)))

    store = PrefixStore(max_bytes=2 * prefix(0).kv.nbytes)
    store.add(prefix(0))
    store.add(prefix(100))
    assert store.longest(None, np.array([0, 1, 2, 9]))[0] == 3
    store.add(prefix(200))
    assert store.longest(None, np.arange(100, 110)) == (0, None)
    length, kv = store.longest(None, np.arange(0, 5))
    assert length == 5
    assert kv is not None
    assert kv.shape == (1, 2, 5, 1, 1)
    assert store.longest("other", np.arange(0, 5)) == (0, None)
    store.forget(None)
    assert store.longest(None, np.arange(0, 5)) == (0, None)
