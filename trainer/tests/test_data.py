"""Rows are checked line by line, and a failure names file and line."""

import json

import pytest

from triad_trainer.data import read_rows
from triad_trainer.errors import RunFailure

USER = {"role": "user", "content": "open a"}
ANSWER = {"role": "assistant", "content": "open(a)"}
GOOD = {
    "sft": {"prompt": [USER], "completion": [ANSWER]},
    "dpo": {"prompt": [USER], "chosen": [ANSWER], "rejected": [ANSWER]},
    "reward": {"prompt": [USER], "chosen": [ANSWER], "rejected": [ANSWER], "slice": "a"},
    "grpo": {"prompt": [USER], "expected": "open(a)"},
}


def write(tmp_path, *lines: bytes):
    path = tmp_path / "train.jsonl"
    path.write_bytes(b"\n".join(lines) + b"\n")
    return path


@pytest.mark.parametrize("method", GOOD)
def test_good_rows_are_read(method, tmp_path):
    rows = read_rows(write(tmp_path, json.dumps(GOOD[method]).encode(), b"", json.dumps(GOOD[method]).encode()), method)
    assert rows.lines == [1, 3]
    assert GOOD[method].items() <= rows.rows[1].items()


def test_a_conversation_becomes_prompt_and_completion(tmp_path):
    row = {"messages": [USER, ANSWER, USER, ANSWER]}
    rows = read_rows(write(tmp_path, json.dumps(row).encode()), "sft")
    assert rows.rows == [{"prompt": [USER, ANSWER, USER], "completion": [ANSWER]}]


@pytest.mark.parametrize(
    ("method", "line", "says"),
    [
        ("sft", b"{not json", "Invalid JSON"),
        ("sft", b'{"prompt": [{"role": "user", "content": "\xff"}], "completion": []}', "Invalid JSON"),
        ("sft", b'\xef\xbb\xbf{"messages": []}', "Invalid JSON"),
        ("sft", b'{"messages": [{"role": "user", "content": "\\ud800"}]}', "Invalid JSON"),
        ("sft", b"[1, 2]", "Input should be an object"),
        ("sft", b'{"text": "plain"}', "messages: Field required"),
        ("sft", json.dumps({"prompt": [USER], "completion": [USER]}).encode(), "completion: .*must be the assistant's"),
        ("sft", json.dumps({"prompt": [], "completion": [ANSWER]}).encode(), "prompt: .*at least 1 item"),
        ("sft", b'{"messages": [{"role": "robot", "content": "x"}, 1]}', r"messages\.0\.role: "),
        ("dpo", json.dumps({"prompt": [USER], "chosen": [ANSWER]}).encode(), "rejected: Field required"),
        ("grpo", json.dumps({"prompt": [USER, ANSWER]}).encode(), "prompt: .*must not be the assistant's"),
    ],
)
def test_a_bad_row_is_named(method, line, says, tmp_path):
    path = write(tmp_path, json.dumps(GOOD[method]).encode(), line)
    with pytest.raises(RunFailure, match=r"^train\.jsonl:2: .*" + says) as caught:
        read_rows(path, method)
    assert caught.value.code == "bad_data"


def test_no_rows_and_no_file_are_bad_data(tmp_path):
    with pytest.raises(RunFailure, match="no rows"):
        read_rows(write(tmp_path, b""), "sft")
    with pytest.raises(RunFailure, match="no such file"):
        read_rows(tmp_path / "absent.jsonl", "sft")
