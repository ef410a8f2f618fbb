"""The demo's two prompt versions, as chat messages with the variable {{sentence}}."""

from collections.abc import Sequence

from house import parse

INSTRUCTION = "Answer with the one call that does what the user says."


def prompt_versions(train: Sequence[tuple[str, str]]) -> list[dict[str, object]]:
    """v1: the instruction alone. v2: the same with one training (sentence, call) per function as chat turns."""
    system = {"role": "system", "content": INSTRUCTION}
    user = {"role": "user", "content": "{{sentence}}"}
    examples: dict[str, tuple[str, str]] = {}
    for sentence, call in train:
        examples.setdefault(parse(call)[0], (sentence, call))
    turns = []
    for sentence, call in examples.values():
        turns += [{"role": "user", "content": sentence}, {"role": "assistant", "content": call}]
    return [
        {"version": "v1", "description": "instruction only", "messages": [system, user]},
        {"version": "v2", "description": "instruction and examples", "messages": [system, *turns, user]},
    ]
