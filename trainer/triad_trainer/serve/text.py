"""Tokens to text as they come, and stop strings."""

from __future__ import annotations

from collections.abc import Callable

Decode = Callable[[list[int]], str]


class TextStream:
    """Text of a growing token sequence, cut before the first stop string.

    Text that could still become part of a character or of a stop string is held back until it is settled.
    """

    def __init__(self, decode: Decode, stop: tuple[str, ...]) -> None:
        self._decode = decode
        self._stop = stop
        self._hold = max((len(s) for s in stop), default=1) - 1
        self._ids: list[int] = []
        self._context = 0
        self._decoded = 0
        self._text = ""
        self._sent = 0

    def push(self, token: int) -> bool:
        """Add a token; true when a stop string is complete (the text then ends before it)."""
        self._ids.append(token)
        # Decoding a token needs those before it (spaces, merged bytes): decode with and without, take the difference.
        before = self._decode(self._ids[self._context : self._decoded])
        after = self._decode(self._ids[self._context :])
        if after.endswith("�"):
            return False
        self._context, self._decoded = self._decoded, len(self._ids)
        return self._append(after[len(before) :])

    def _append(self, piece: str) -> bool:
        start = max(0, len(self._text) - self._hold)
        self._text += piece
        found = [at for s in self._stop if (at := self._text.find(s, start)) >= 0]
        if found:
            self._text = self._text[: min(found)]
            self._decoded = len(self._ids)
        return bool(found)

    def finish(self) -> None:
        """No token follows: settle what was held back."""
        if self._decoded < len(self._ids):
            before = self._decode(self._ids[self._context : self._decoded])
            self._append(self._decode(self._ids[self._context :])[len(before) :])
        self._hold = 0

    def take(self) -> str:
        """The settled text not taken before."""
        end = max(self._sent, len(self._text) - self._hold)
        piece = self._text[self._sent : end]
        self._sent = end
        return piece
