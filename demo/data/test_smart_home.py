"""The data is what smart_home.py's docstring says it is."""

import itertools
import json
import os
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import house
import pytest
import smart_home
import vocabulary as words
from grammar import Grammar, Template, load_templates
from smart_home import Row

HERE = Path(__file__).parent
ALL_ROOMS = [room for rooms in words.ROOMS.values() for room in rooms]
HOUSES = [house.new_house(ALL_ROOMS, busy=False), house.new_house(ALL_ROOMS, busy=True, items=["milk"])]


@pytest.fixture(scope="module")
def splits() -> dict[str, list[Row]]:
    return smart_home.make_splits(seed=7)


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("data")
    smart_home.write(directory, seed=7)
    return directory


def read(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def effect(call: str) -> list[list[tuple[object, object]]]:
    """What the call changes in each of HOUSES."""
    return [[(k, v) for k, v in house.apply(start, call).items() if start[k] != v] for start in HOUSES]


def test_every_expected_call_is_canonical_and_changes_the_house(splits: dict[str, list[Row]]) -> None:
    for row in itertools.chain(*splits.values()):
        name, arguments = house.parse(row.call)
        assert row.call == f"{name}({', '.join(arguments)})"
        assert any(effect(row.call)), row.call


def test_calls_are_equal_exactly_when_they_do_the_same(splits: dict[str, list[Row]]) -> None:
    calls = sorted({row.call for rows in splits.values() for row in rows})
    effects = {call: effect(call) for call in random.Random(1).sample(calls, 400)}
    for one, other in itertools.combinations(effects, 2):
        assert effects[one] != effects[other], (one, other)
    for call, does in effects.items():
        sloppy = "\n  " + call.upper().replace(", ", " ,  ").replace("(", " ( ") + " \nthat is all"
        assert house.parse(sloppy) == house.parse(call)
        assert effect(sloppy) == does


def test_calls_are_read_as_the_function_call_grader_reads_them() -> None:
    fixtures = HERE.parents[1] / "contracts" / "fixtures" / "graders.json"
    cases = [c for c in json.loads(fixtures.read_text()) if c["grader"]["type"] == "function_call"]
    exact = [c for c in cases if not c["grader"].get("partial") and c["grader"]["input"] == "{{sample.output_text}}"]
    assert exact
    for case in exact:
        reference = case["grader"]["reference"]
        for column, value in case["item"].items():
            reference = reference.replace(f"{{{{item.{column}}}}}", value)
        try:
            same = house.parse(case["output"]) == house.parse(reference)
        except ValueError:
            same = False
        assert same == (case["score"] == 1), case


@pytest.mark.parametrize(
    "call",
    [
        *("", "close studio", "close(studio, blind) now", "dance(kitchen)", "close(kitchen)", "close(nowhere, blind)"),
        *("set_position(kitchen, blind, 100)", "set_brightness(kitchen, 05)", "start_timer(60, seconds)", "add_item()"),
    ],
)
def test_the_house_refuses_what_is_not_a_canonical_call(call: str) -> None:
    with pytest.raises(ValueError, match=r"not a call|no room|knows no|whole number"):
        house.apply(HOUSES[0], call)


def test_held_out_wordings_cannot_be_produced_by_training_templates(splits: dict[str, list[Row]]) -> None:
    """Checked without the split of sample_rows: hassil reads each test sentence with the templates that train used."""
    used = sorted({t for row in splits["train"] for t in row.templates}, key=lambda t: (t.call, t.text))
    grammar = Grammar(used, "test")
    assert not [row.sentence for row in splits["test"] if grammar.readings(row.sentence)]
    own = Grammar(used, "train")
    assert all(set(own.readings(row.sentence).values()) == {row.call} for row in splits["train"])


def test_a_third_of_the_templates_is_held_out_and_every_function_is_tested(splits: dict[str, list[Row]]) -> None:
    templates = load_templates()
    assert 0.28 <= sum(t.side == "test" for t in templates) / len(templates) <= 0.36

    def functions(side: str) -> set[str]:
        return {t.function for t in templates if t.side == side}

    assert len(functions("train")) == 16
    assert functions("train") == functions("test") == {house.parse(row.call)[0] for row in splits["test"]}


def test_every_row_comes_from_its_own_side_of_the_split(splits: dict[str, list[Row]]) -> None:
    for split, rows in splits.items():
        sides = {t.side for row in rows for t in row.templates}
        assert sides == ({"dev", "train"} if split == "dev" else {smart_home.TEMPLATES_OF[split]})


def test_sentences_rooms_and_items_are_disjoint(splits: dict[str, list[Row]]) -> None:
    sentences = [row.sentence for rows in splits.values() for row in rows]
    assert len(sentences) == len(set(sentences))
    for names in (words.ROOMS, words.ITEMS):
        for (one, mine), (other, others) in itertools.permutations(names.items(), 2):
            for a, b in itertools.product(mine, others):
                assert f" {a} " not in f" {b} ", (one, a, other, b)


def test_expansion_uses_every_choice_of_a_template_and_nothing_else() -> None:
    """A tiny grammar against its language written out by hand."""
    text = "(a;[b]) (c|d) {timer_half}"
    template = Template("HassX", "none", text, "x({timer_half})", "train")
    grammar = Grammar([template], "train")
    rng = random.Random(0)
    starts = ["a", "a b", "b a"]
    language = {f"{s} {c} {h}" for s in starts for c in "cd" for h in ("half", "1/2")}
    assert {grammar.sample(template, rng) for _ in range(500)} == language
    assert {call for s in language for call in grammar.readings(s).values()} == {"x(30)"}


def test_pairs_prefer_the_right_call_and_hard_ones_miss_one_argument(out: Path) -> None:
    rows = read(out / "preferences-synthetic.jsonl")
    by_slice = {name: [row for row in rows if row["slice"] == name] for name in ("easy", "hard")}
    assert len(by_slice["easy"]) == len(by_slice["hard"]) == smart_home.ROWS["preferences"]
    known = {value for row in rows for value in house.parse(str(row["chosen"]))[1]}
    for row in by_slice["hard"]:
        (name, good), (other, bad) = house.parse(str(row["chosen"])), house.parse(str(row["rejected"]))
        assert name == other
        assert sum(a != b for a, b in zip(good, bad, strict=True)) == 1
        assert set(bad) <= known
        assert effect(str(row["chosen"])) != effect(str(row["rejected"]))
    for row in by_slice["easy"]:
        try:
            wrong = house.parse(str(row["rejected"]))
        except ValueError:
            continue
        assert wrong[0] != house.parse(str(row["chosen"]))[0] or not wrong[1]


def test_examples_of_the_second_prompt_are_training_rows_of_every_function(out: Path) -> None:
    train = {(row["input"]["sentence"], row["completion"]) for row in read(out / "train.jsonl")}
    plain, examples = json.loads((out / "prompts.json").read_text())
    assert plain["messages"] == [examples["messages"][0], examples["messages"][-1]]
    contents = [m["content"] for m in examples["messages"][1:-1]]
    pairs = list(zip(contents[::2], contents[1::2], strict=True))
    assert set(pairs) <= train
    assert {house.parse(call)[0] for _, call in pairs} == {house.parse(call)[0] for _, call in train}


def test_the_same_seed_gives_the_same_bytes_in_another_process(out: Path, tmp_path: Path) -> None:
    command = [sys.executable, str(HERE / "smart_home.py"), "--out", str(tmp_path), "--seed", "7"]
    subprocess.run(command, check=True, env={**os.environ, "PYTHONHASHSEED": "123"}, stdout=subprocess.DEVNULL)
    names = sorted(path.name for path in out.iterdir())
    assert names == sorted(path.name for path in tmp_path.iterdir())
    for name in names:
        assert (out / name).read_bytes() == (tmp_path / name).read_bytes(), name
    other = smart_home.make_splits(seed=8)
    assert [row.sentence for row in other["test"]] != [row["input"]["sentence"] for row in read(out / "test.jsonl")]
