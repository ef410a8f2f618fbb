"""Graders: programs that score answers (contracts/grader.schema.json, examples in contracts/fixtures/graders.json)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from triad_trainer.contract import FunctionCallGrader, Grader, LengthGrader, RewardModelGrader, StringCheckGrader

PLACEHOLDER = re.compile(r"\{\{\s*(?:sample\.(?P<sample>\w+)|item\.(?P<item>[^{}\s]+))\s*\}\}")
CALL = re.compile(r"\s*(?P<name>[^\s(),]+)\s*\((?P<arguments>[^()]*)\)\s*")


@dataclass(frozen=True)
class Sample:
    """One answer to grade: the prompt's messages, the row's other columns, and the text of the answer."""

    prompt: list[dict[str, str]]
    item: dict[str, Any]
    output: str


def make_grader(grader: Grader) -> Callable[[list[Sample]], list[float]]:
    """Return the function that scores samples; a reward model is loaded once, here.

    Raises:
        RunFailure: bad_model when the reward model cannot be loaded.
    """
    rule = grader.root
    if not isinstance(rule, RewardModelGrader):
        return lambda samples: [_grade_text(rule, sample) for sample in samples]
    from triad_trainer.scoring import Scorer

    scorer = Scorer(Path(str(rule.modelPath)))
    return lambda samples: scorer.score(
        [[*sample.prompt, {"role": "assistant", "content": sample.output}] for sample in samples]
    )


def columns_of(grader: Grader) -> set[str]:
    """Names of the item columns that the grader's templates use.

    Raises:
        ValueError: a template names something other than sample.output_text and item columns.
    """
    columns = set()
    for template in _templates(grader):
        for match in PLACEHOLDER.finditer(template):
            if match["item"] is not None:
                columns.add(match["item"])
            elif match["sample"] != "output_text":
                raise ValueError(f"a grader's template uses {match[0]}; a sample has only output_text")
    return columns


def _templates(grader: Grader) -> Iterator[str]:
    for name in ("input", "reference"):
        if (template := getattr(grader.root, name, None)) is not None:
            yield template


def render(template: str, sample: Sample) -> str:
    """Fill in a template in one pass, so that braces in an answer stay text."""

    def value(match: re.Match[str]) -> str:
        if match["item"] is None:
            return sample.output
        found = sample.item[match["item"]]
        return found if isinstance(found, str) else _plain(found)

    return PLACEHOLDER.sub(value, template)


def _plain(value: Any) -> str:
    """A JSON scalar as JavaScript's String() writes it, so that both languages fill in the same text."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None:
        return "null"
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _grade_text(rule: StringCheckGrader | FunctionCallGrader | LengthGrader, sample: Sample) -> float:
    text = render(rule.input, sample)
    if isinstance(rule, LengthGrader):
        return min(len(text.split()) / rule.per, rule.max)
    reference = render(rule.reference, sample)
    if isinstance(rule, StringCheckGrader):
        return float(_compare(rule.operation, text, reference))
    return grade_call(text, reference, partial=rule.partial)


def _compare(operation: str, text: str, reference: str) -> bool:
    if operation == "like":
        return reference in text
    if operation == "ilike":
        return reference.casefold() in text.casefold()
    same = text.strip() == reference.strip()
    return same if operation == "eq" else not same


def grade_call(text: str, reference: str, *, partial: bool) -> float:
    """Score the function call in `text` against the one in `reference`, in [0, 1].

    Raises:
        ValueError: the reference is not a function call.
    """
    right = parse_call(reference)
    if right is None:
        raise ValueError(f"the reference {reference!r} is not a function call")
    call = parse_call(text)
    if call is None:
        return 0.0
    if call == right:
        return 1.0
    if not partial:
        return 0.0
    (name, arguments), (right_name, right_arguments) = call, right
    if name != right_name:
        return 0.1
    longest = max(len(arguments), len(right_arguments))
    agreeing = sum(a == b for a, b in zip(arguments, right_arguments, strict=False))
    return 0.3 + 0.5 * (agreeing / longest if longest else 1.0)


def parse_call(text: str) -> tuple[str, list[str]] | None:
    """Parse `name(arg, arg, …)` from the first non-empty line into normalised name and arguments."""
    line = next((line for line in text.splitlines() if line.strip()), "")
    match = CALL.fullmatch(line)
    if match is None:
        return None
    arguments = match["arguments"]
    return _normal(match["name"]), [_normal(part) for part in arguments.split(",")] if arguments.strip() else []


def _normal(text: str) -> str:
    return " ".join(text.lower().split())
