"""Rows that are too long to learn from are left out, and the user is told which."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from triad_trainer.data import Rows
from triad_trainer.events import EventLog
from triad_trainer.scoring import conversation_ids


def without_long_prompts(rows: Rows, tokenizer: Any, limit: int, events: EventLog) -> Rows:
    """Leave out rows whose prompt alone fills `limit` tokens: nothing of the answer would be left to learn.

    Raises:
        RunFailure: bad_data when no row is left.
    """

    def fits(row: dict[str, Any]) -> bool:
        return len(conversation_ids(tokenizer, row["prompt"], answer_follows=True)) < limit

    return _keep(rows, fits, f"have a prompt that alone fills maxLength ({limit} tokens)", events)


def without_long_pairs(rows: Rows, tokenizer: Any, limit: int, events: EventLog) -> Rows:
    """Leave out pairs with an answer that ends beyond `limit` tokens: a cut answer would be judged unfairly.

    Raises:
        RunFailure: bad_data when no pair is left.
    """

    def fits(row: dict[str, Any]) -> bool:
        answers = (row["chosen"], row["rejected"])
        return all(len(conversation_ids(tokenizer, row["prompt"] + answer)) <= limit for answer in answers)

    return _keep(rows, fits, f"are longer than maxLength ({limit} tokens)", events)


def _keep(rows: Rows, fits: Callable[[dict[str, Any]], bool], what: str, events: EventLog) -> Rows:
    fitting = [fits(row) for row in rows.rows]
    kept = [index for index, fit in enumerate(fitting) if fit]
    if not kept:
        raise rows.failure(0, f"all {len(rows.rows)} rows {what}, from this line on. Raise maxLength.")
    if len(kept) == len(rows.rows):
        return rows
    events.log(
        "warn",
        f"{rows.path.name}: {len(rows.rows) - len(kept)} of {len(rows.rows)} rows {what} and are left out, the first "
        f"at line {rows.lines[fitting.index(False)]}.",
    )
    return Rows(rows.path, [rows.rows[index] for index in kept], [rows.lines[index] for index in kept])
