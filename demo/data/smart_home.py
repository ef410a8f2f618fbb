"""Demo data: what people say to a smart home, and the one call that does it.

    python demo/data/smart_home.py --out DIR [--seed N]

Source: the English sentence templates of Home Assistant's voice assistant, as published in the PyPI package
home-assistant-intents (Apache-2.0, https://github.com/OHF-Voice/intents), read with Home Assistant's own template
parser hassil (Apache-2.0). Templates look like `<close> [<the>] {area} {cover_classes:device_class}`: `[x]` optional,
`(a|b)` choice, `(a;b)` any order, `<rule>` expansion, `{slot}` a value. Rooms, items and numbers are this project's
(vocabulary.py); so are the names of the calls (SOURCES in grammar.py), whose meaning house.py defines.

Split rules
- Templates: within each function they are ranked by SHA-256; the first third is held out for test, the next sixth for
  dev, the rest is for train (at least one each). Where a function has only two, one is for test and the other for
  train, and dev uses that of train.
- Rooms and items: each of train, rl, dev and test has its own. rl and preferences use train's templates.
- A sentence is kept only when every template that can produce it (hassil reads it with the whole grammar) gives the
  same call and belongs to the same side of the template split. So the wording of a held-out sentence cannot be
  produced by a training template, whatever the room.
- No sentence occurs twice, within or across files.

Files: train.jsonl, rl.jsonl, preferences-synthetic.jsonl, dev.jsonl, test.jsonl, prompts.json, manifest.json. The same
seed gives the same bytes on every Python from 3.11 on.
"""

import argparse
import hashlib
import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from grammar import Grammar, Template, load_templates
from preferences import synthetic_pairs
from prompts import prompt_versions

ROWS = {"train": 600, "rl": 320, "preferences": 240, "dev": 160, "test": 160}
# Which rooms and which side of the template split each file uses.
ROOMS_OF = {"train": "train", "rl": "rl", "preferences": "rl", "dev": "dev", "test": "test"}
TEMPLATES_OF = {"train": "train", "rl": "train", "preferences": "train", "dev": "dev", "test": "test"}


@dataclass(frozen=True)
class Row:
    """A sentence, the call it means, Home Assistant's intent, and the templates that can produce it."""

    sentence: str
    call: str
    intent: str
    templates: frozenset[Template]


def sample_rows(split: str, templates: list[Template], seed: int, taken: set[str]) -> list[Row]:
    """ROWS[split] rows, evenly over the functions and over each one's templates; adds their sentences to `taken`."""
    rng = random.Random(f"{seed} {split}")
    grammar = Grammar(templates, ROOMS_OF[split])
    functions = sorted({t.function for t in templates})
    rows = []
    for number in range(ROWS[split]):
        own = usable([t for t in templates if t.function == functions[number % len(functions)]], TEMPLATES_OF[split])
        row = next(row for row in draw(grammar, own, rng) if row.sentence not in taken)
        taken.add(row.sentence)
        rows.append(row)
    rng.shuffle(rows)
    return rows


def usable(templates: list[Template], side: str) -> list[Template]:
    """One function's templates of a side; a function with too few for a dev side of its own uses train's there."""
    return [t for t in templates if t.side == side] or [t for t in templates if t.side == "train"]


def draw(grammar: Grammar, templates: list[Template], rng: random.Random) -> Iterator[Row]:
    """Random rows whose every reading is the same call and comes from the side of the template that was drawn."""
    for _ in range(1000):
        template = rng.choice(templates)
        sentence = grammar.sample(template, rng)
        readings = grammar.readings(sentence)
        if template not in readings:
            raise ValueError(f"hassil does not read back {sentence!r} with {template.text!r}")
        if len(set(readings.values())) == 1 and {t.side for t in readings} == {template.side}:
            yield Row(sentence, readings[template], template.intent, frozenset(readings))
    raise ValueError(f"no unambiguous sentence for {templates[0].function}; widen its vocabulary or lower ROWS")


def make_splits(seed: int) -> dict[str, list[Row]]:
    """All rows of all files, by name of split."""
    templates, taken = load_templates(), set[str]()
    return {split: sample_rows(split, templates, seed, taken) for split in ROWS}


def meanings(rows: list[Row]) -> list[tuple[str, str]]:
    return [(row.sentence, row.call) for row in rows]


def training_row(row: Row) -> dict[str, object]:
    return {"input": {"sentence": row.sentence}, "completion": row.call, "intent": row.intent}


def graded_row(row: Row) -> dict[str, object]:
    return {"input": {"sentence": row.sentence}, "expected": row.call, "intent": row.intent}


def write(out: Path, seed: int) -> dict[str, object]:
    """Write every file below `out` and return the manifest."""
    splits = make_splits(seed)
    contents = {
        "train.jsonl": [training_row(row) for row in splits["train"]],
        "rl.jsonl": [graded_row(row) for row in splits["rl"]],
        "preferences-synthetic.jsonl": synthetic_pairs(meanings(splits["preferences"]), random.Random(f"{seed} pairs")),
        "dev.jsonl": [graded_row(row) for row in splits["dev"]],
        "test.jsonl": [graded_row(row) for row in splits["test"]],
    }
    texts = {name: "".join(json.dumps(row) + "\n" for row in rows) for name, rows in contents.items()}
    texts["prompts.json"] = json.dumps(prompt_versions(meanings(splits["train"])), indent=2) + "\n"
    manifest = {
        "seed": seed,
        "source": {name: version(name) for name in ("home-assistant-intents", "hassil")},
        "licence": "Apache-2.0",
        "files": {
            name: {"rows": len(contents.get(name, [])), "sha256": hashlib.sha256(text.encode()).hexdigest()}
            for name, text in texts.items()
        },
    }
    out.mkdir(parents=True, exist_ok=True)
    for name, text in {**texts, "manifest.json": json.dumps(manifest, indent=2) + "\n"}.items():
        (out / name).write_text(text, encoding="utf-8", newline="\n")
    return manifest


def main() -> None:
    parser = argparse.ArgumentParser(description="Write the demo data of the smart-home task.")
    parser.add_argument("--out", type=Path, required=True, help="directory to write to")
    parser.add_argument("--seed", type=int, default=7)
    arguments = parser.parse_args()
    print(json.dumps(write(arguments.out, arguments.seed), indent=2))


if __name__ == "__main__":
    main()
