"""Preference pairs made without a model: for each sentence one easy and one hard wrong answer."""

import random
from collections.abc import Sequence

from house import parse

Values = dict[tuple[str, int], list[str]]


def synthetic_pairs(meanings: Sequence[tuple[str, str]], rng: random.Random) -> list[dict[str, object]]:
    """Two pairs per (sentence, call): `slice` easy (another function, or no call) and hard (one argument wrong).

    Every wrong value is one that other calls of the same split have in that place, so no value gives a wrong answer
    away by being foreign to the split.
    """
    calls = [call for _, call in meanings]
    values = argument_values(calls)
    pairs: list[dict[str, object]] = []
    for sentence, call in meanings:
        for name, rejected in (("easy", easy(sentence, call, calls, rng)), ("hard", hard(call, values, rng))):
            pairs.append({"input": {"sentence": sentence}, "chosen": call, "rejected": rejected, "slice": name})
    return pairs


def argument_values(calls: Sequence[str]) -> Values:
    """Values seen at each argument place (see `place_of`), sorted."""
    seen: dict[tuple[str, int], set[str]] = {}
    for call in calls:
        name, arguments = parse(call)
        for place, value in enumerate(arguments):
            seen.setdefault(place_of(name, place), set()).add(value)
    return {place: sorted(values) for place, values in seen.items()}


def place_of(function: str, place: int) -> tuple[str, int]:
    """Name of an argument place; the room, always first, is one place for all functions that have one."""
    return ("room", 0) if place == 0 and function not in ("start_timer", "add_item") else (function, place)


def hard(call: str, values: Values, rng: random.Random) -> str:
    """The same function with exactly one argument wrong."""
    name, arguments = parse(call)
    place = rng.randrange(len(arguments))
    wrong = rng.choice([value for value in values[place_of(name, place)] if value != arguments[place]])
    return f"{name}({', '.join([*arguments[:place], wrong, *arguments[place + 1 :]])})"


def easy(sentence: str, call: str, calls: Sequence[str], rng: random.Random) -> str:
    """Another row's call of another function, or text that is no call or an empty one."""
    name, arguments = parse(call)
    other = rng.choice([c for c in calls if parse(c)[0] != name])
    return rng.choice([other, other, sentence, f"{name} {' '.join(arguments)}", f"okay, {sentence}", f"{name}()"])
