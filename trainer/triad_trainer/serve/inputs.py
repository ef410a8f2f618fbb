"""Texts or token ids, one or several, as completions and embeddings take them."""

from __future__ import annotations

from typing import Any

from .errors import ServeError

# A text, several, a text's tokens, or those of several: OpenAI's four forms.
Input = str | list[str] | list[int] | list[list[int]]
MAX_INPUTS = 2048


def token_rows(tokenizer: Any, vocabulary: int, given: Input, param: str) -> list[list[int]]:
    """Token ids of each input; 400 for an empty one, for too many, and for ids that the model does not have."""
    inputs: list[Any] = [given] if isinstance(given, str) or (given and isinstance(given[0], int)) else list(given)
    if not 0 < len(inputs) <= MAX_INPUTS:
        raise _refusal(param, f"holds {len(inputs)} inputs; 1 to {MAX_INPUTS} are taken")
    rows = [list(tokenizer(each)["input_ids"]) if isinstance(each, str) else each for each in inputs]
    for i, row in enumerate(rows):
        if not row:
            raise _refusal(param, f"input {i} is empty")
        if not all(0 <= token < vocabulary for token in row):
            raise _refusal(param, f"input {i} holds a token id that the model does not have; it has {vocabulary}")
    return rows


def _refusal(param: str, message: str) -> ServeError:
    return ServeError(400, f"{param}: {message}", param=param, code="invalid_value")
