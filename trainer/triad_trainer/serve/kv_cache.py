"""Key/value memory: one ragged buffer for the running batch, and a store of prompt prefixes."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Ids = NDArray[np.int64]


def common_prefix(a: Ids, b: Ids) -> int:
    """Number of leading tokens that a and b share."""
    n = min(len(a), len(b))
    differs = np.flatnonzero(a[:n] != b[:n])
    return int(differs[0]) if len(differs) else n


class BatchCache:
    """Keys and values of the running batch, passed to a transformers model as `past_key_values`.

    Row r holds one sequence; the token at position p lies in slot p, so rows of any length share the buffer and
    the mask is `slot <= position`. Whatever lies beyond a row's length is finite and never visible.
    The buffer is (layers, 2, rows, slots, key/value heads, head size).
    """

    def __init__(self, layers: int, heads: int, head_size: int, dtype: torch.dtype, device: torch.device) -> None:
        self._shape = (layers, heads, head_size)
        self._dtype = dtype
        self._device = device
        self._buffer = self._allocate(0, 0)
        self._rows = slice(0, 0)
        self._slots = 0
        self._index: tuple[Tensor, Tensor]

    @property
    def bytes_per_token(self) -> int:
        layers, heads, head_size = self._shape
        return 2 * layers * heads * head_size * self._dtype.itemsize

    def _allocate(self, rows: int, slots: int) -> Tensor:
        layers, heads, head_size = self._shape
        # Zeros, since a masked NaN would still poison the weighted sum of values.
        return torch.zeros(layers, 2, rows, slots, heads, head_size, dtype=self._dtype, device=self._device)

    def reserve(self, used_rows: int, rows: int, slots: int) -> None:
        """Make room for `rows` rows of `slots` tokens, keeping that much of the first `used_rows` rows."""
        old = self._buffer
        if rows <= old.shape[2] and slots <= old.shape[3]:
            return
        kept = min(old.shape[3], -(-slots // 64) * 64)
        self._buffer = self._allocate(-(-rows // 8) * 8, -(-slots // 64) * 64)
        self._buffer[:, :, :used_rows, :kept] = old[:, :, :used_rows, :kept]

    def clear(self) -> None:
        """Give the memory back."""
        self._buffer = self._allocate(0, 0)

    def write(self, row: int, kv: Tensor) -> None:
        """Put a prefix (layers, 2, tokens, heads, head size) at the start of a row."""
        self._buffer[:, :, row, : kv.shape[2]] = kv

    def read(self, row: int, length: int) -> Tensor:
        """Copy of the first `length` tokens of a row: (layers, 2, length, heads, head size)."""
        return self._buffer[:, :, row, :length].clone()

    def copy(self, source: int, target: int, length: int) -> None:
        """Copy the first `length` tokens of one row to another."""
        self._buffer[:, :, target, :length] = self._buffer[:, :, source, :length]

    def aim(self, rows: slice, positions: Tensor, slots: int) -> None:
        """Choose what the next forward pass writes: `positions` (rows, tokens) of `rows`; it sees `slots` slots."""
        self._rows = rows
        self._slots = slots
        self._index = (torch.arange(positions.shape[0], device=self._device)[:, None], positions)

    def update(
        self, keys: Tensor, values: Tensor, layer_idx: int, *_args: object, **_kwargs: object
    ) -> tuple[Tensor, Tensor]:
        """Store new keys and values (rows, heads, tokens, head size); return all of those rows'."""
        stored = []
        for new, rows in zip((keys, values), self._buffer[layer_idx, :, self._rows], strict=True):
            rows[self._index] = new.transpose(1, 2)
            stored.append(rows[:, : self._slots].transpose(1, 2))
        return stored[0], stored[1]


@dataclass
class Prefix:
    """Keys and values (layers, 2, tokens, heads, head size) of the start of a prompt."""

    adapter: str | None
    ids: Ids
    kv: Tensor


class PrefixStore:
    """Least recently used prompts whose beginnings later prompts reuse."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._bytes = 0
        self._prefixes: OrderedDict[tuple[str | None, bytes], Prefix] = OrderedDict()

    def longest(self, adapter: str | None, ids: Ids) -> tuple[int, Tensor | None]:
        """Length and keys/values of the longest stored beginning of `ids` under this adapter."""
        best, best_key = 0, None
        for key, prefix in self._prefixes.items():
            if prefix.adapter == adapter and (shared := common_prefix(prefix.ids, ids)) > best:
                best, best_key = shared, key
        if best_key is None:
            return 0, None
        self._prefixes.move_to_end(best_key)
        return best, self._prefixes[best_key].kv[:, :, :best]

    def add(self, prefix: Prefix) -> None:
        """Store a prefix, forgetting the least recently used ones beyond the limit of bytes."""
        key = (prefix.adapter, prefix.ids.tobytes())
        if key in self._prefixes or prefix.kv.nbytes > self._max_bytes:
            return
        self._prefixes[key] = prefix
        self._bytes += prefix.kv.nbytes
        while self._bytes > self._max_bytes:
            self._bytes -= self._prefixes.popitem(last=False)[1].kv.nbytes

    def forget(self, adapter: str | None) -> None:
        """Drop what was computed with this adapter."""
        for key in [key for key in self._prefixes if key[0] == adapter]:
            self._bytes -= self._prefixes.pop(key).kv.nbytes

    def clear(self) -> None:
        """Drop everything."""
        self._prefixes.clear()
        self._bytes = 0
