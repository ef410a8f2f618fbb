"""Runs that cannot go on: the code, and what the user is told."""

import json
from pathlib import Path

import pytest
import torch
from conftest import FUNCTION_CALL, of_type, rows_for, run, write_rows

from triad_trainer.errors import ExitCode, failure_of
from triad_trainer.spec import parse_spec


def failure(spec):
    code, events = run(spec)
    (finished,) = of_type(events, "finished")
    assert finished["outcome"] == "failed"
    assert ExitCode[finished["error"]["code"].upper()] == code
    assert not of_type(events, "artefact")
    return code, finished["error"]["message"], events


def test_a_run_that_diverges_stops_and_keeps_its_last_good_checkpoint(make_spec):
    code, message, events = failure(make_spec("sft", learningRate=1e30, maxSteps=50, checkpointEverySteps=1))
    assert code == ExitCode.DIVERGED
    assert "Lower learningRate" in message
    step = events[-1]["step"]
    assert step <= 3
    assert [event["step"] for event in of_type(events, "checkpoint")] == list(range(1, step))
    assert None in of_type(events, "metrics")[-1]["metrics"].values()


def test_a_corrupt_line_is_named(make_spec):
    spec = make_spec("sft")
    lines = [json.dumps(row) for row in rows_for("sft", 5)]
    lines[2] = lines[2][:-10]
    Path(spec["data"]["trainPath"]).write_text("\n".join(lines) + "\n")
    code, message, _ = failure(spec)
    assert code == ExitCode.BAD_DATA
    assert message.startswith("sft-train.jsonl:3: ")


@pytest.mark.parametrize("method", ["sft", "dpo", "reward"])
def test_rows_that_are_all_too_long_are_bad_data(method, make_spec):
    code, message, _ = failure(make_spec(method, maxLength=16))
    assert code == ExitCode.BAD_DATA
    assert message.startswith(f"{method}-train.jsonl:1: all 10 rows ")
    assert "Raise maxLength" in message


def test_a_column_that_a_grader_needs_and_a_row_lacks_is_named(make_spec, tmp_path):
    spec = make_spec("grpo")
    spec["rl"]["reward"] = FUNCTION_CALL
    rows = rows_for("grpo", 3)
    del rows[1]["expected"]
    spec["data"]["trainPath"] = write_rows(tmp_path / "rows.jsonl", rows)
    code, message, _ = failure(spec)
    assert code == ExitCode.BAD_DATA
    assert message.startswith("rows.jsonl:2: the column 'expected' is missing")


@pytest.mark.parametrize("name", ["pytorch_model.bin", "weights.pt", "optimizer.pkl"])
def test_pickled_weights_are_refused_unopened(name, make_spec, tmp_path):
    directory = tmp_path / "pickled"
    directory.mkdir()
    (directory / name).write_bytes(b"cos\nsystem\n(S'exit 1'\ntR.")
    code, message, _ = failure(make_spec("sft", base={"modelPath": str(directory), "adapterPath": None}))
    assert code == ExitCode.BAD_MODEL
    assert name in message
    assert "Convert the weights to safetensors" in message


def test_an_absent_model_is_a_bad_model(make_spec, tmp_path):
    code, message, _ = failure(make_spec("sft", base={"modelPath": str(tmp_path / "absent"), "adapterPath": None}))
    assert code == ExitCode.BAD_MODEL
    assert message == f"{tmp_path}/absent: no such model directory."


@pytest.mark.parametrize(
    ("file", "damage"),
    [
        ("model.safetensors", lambda data: data[:1000]),
        ("model.safetensors", lambda data: b"\xff" * 7 + b"\x0f" + data[8:]),
        ("tokenizer.json", lambda data: data[: len(data) // 2]),
        ("config.json", lambda data: data.replace(b'"hidden_size": 32', b'"hidden_size": 64')),
        ("config.json", lambda _: b'{"auto_map": {"AutoConfig": "evil.Config"}, "model_type": "evil"}'),
    ],
    ids=["cut weights", "oversized header", "cut tokenizer", "weights of another size", "own code"],
)
def test_a_damaged_or_hostile_model_is_a_bad_model(file, damage, make_spec, tiny_model, tmp_path):
    damaged = tmp_path / "damaged"
    damaged.mkdir()
    for path in tiny_model.iterdir():
        data = path.read_bytes()
        (damaged / path.name).write_bytes(damage(data) if path.name == file else data)
    code, message, _ = failure(make_spec("sft", base={"modelPath": str(damaged), "adapterPath": None}))
    assert code == ExitCode.BAD_MODEL
    assert str(damaged) in message


def test_an_adapter_of_another_model_is_a_bad_model(make_spec, tiny_model, tmp_path, tiny_adapter):
    other = tmp_path / "other"
    other.mkdir()
    config = json.loads((tiny_adapter / "adapter_config.json").read_text())
    (other / "adapter_config.json").write_text(json.dumps({**config, "r": 16}))
    (other / "adapter_model.safetensors").write_bytes((tiny_adapter / "adapter_model.safetensors").read_bytes())
    base = {"modelPath": str(tiny_model), "adapterPath": str(other)}
    code, message, _ = failure(make_spec("dpo", base=base))
    assert code == ExitCode.BAD_MODEL
    assert "does not fit the base model" in message


def test_an_allocation_beyond_the_memory_is_out_of_memory():
    with pytest.raises(RuntimeError) as caught:
        torch.empty(2**60, dtype=torch.uint8)
    assert failure_of(caught.value).code == "out_of_memory"
    assert failure_of(MemoryError()).code == "out_of_memory"


def change(spec, path, value):
    *parents, last = path.split(".")
    for name in parents:
        spec = spec[name]
    spec[last] = value


@pytest.mark.parametrize(
    ("method", "path", "value", "says"),
    [
        ("sft", "hyperparameters.maxSteps", 0, "hyperparameters.maxSteps: "),
        ("sft", "hyperparameters.gradientAccumulationSteps", 3, "must be a multiple of gradientAccumulationSteps (3)"),
        ("sft", "lora.firstLayer", 4, "lora.firstLayer is 4, but the model has 4 layers"),
        ("reward", "reward", {"layers": 9}, "reward.layers is 9, but the model has 4 layers"),
        ("dpo", "hyperparameters.beta", 0, "hyperparameters.beta must be above 0 for dpo"),
        ("grpo", "data.evalPath", None, "data.evalPath is needed"),
        ("grpo", "rl", None, "field rl"),
        ("grpo", "rl.groupSize", 3, "must be a multiple of rl.groupSize (3)"),
        ("grpo", "rl.gold", {"type": "length", "input": "x", "per": 1}, "rl.gold may not be a length grader"),
        ("grpo", "rl.reward", {"type": "reward_model", "modelVersionId": "m"}, "rl.reward.modelPath is missing"),
        ("grpo", "rl.reward", {**FUNCTION_CALL, "input": "{{sample.tokens}}"}, "a sample has only output_text"),
    ],
)
def test_a_bad_spec_names_the_field(method, path, value, says, make_spec):
    spec = make_spec(method)
    if method == "grpo":
        spec["rl"]["gold"] = FUNCTION_CALL
    change(spec, path, value)
    code, message, _ = failure(spec)
    assert code == ExitCode.BAD_SPEC
    assert says in message


def test_an_optional_field_may_be_absent(make_spec):
    spec = make_spec("grpo")
    assert parse_spec(spec).rl.guards is None
