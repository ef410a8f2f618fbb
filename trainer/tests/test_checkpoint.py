"""Checkpoints: exact, verified, without pickle, and gone or whole."""

import resource
from pathlib import Path

import pytest
import torch
from conftest import metric, of_type, run
from safetensors.torch import load_file

from triad_trainer.errors import ExitCode, RunFailure
from triad_trainer.model import PICKLES

ADAPTER = "adapter_model.safetensors"
CHANGES = {"sft": {}, "dpo": {"beta": 0.5}, "reward": {"reward": {"layers": 2}}, "grpo": {}}
COMPARED = {"sft": "loss", "dpo": "rewards/margins", "reward": "margin", "grpo": "kl"}


@pytest.mark.parametrize("method", CHANGES)
@pytest.mark.parametrize("accumulation", [1, 2])
def test_a_resumed_run_goes_on_exactly(method, accumulation, make_spec, tiny_adapter):
    base = make_spec(method)["base"] | {"adapterPath": str(tiny_adapter)}
    changes = {"base": base, "gradientAccumulationSteps": accumulation, "maxSteps": 6, **CHANGES[method]}
    whole_code, whole = run(make_spec(method, **changes))
    first_spec = make_spec(method, **changes)
    run(first_spec)
    checkpoint = Path(first_spec["outputDir"]) / "checkpoints" / "step-4"
    resumed_code, resumed = run(make_spec(method, **changes, resumeFrom=str(checkpoint), attempt=2))
    assert whole_code == resumed_code == ExitCode.SUCCEEDED
    assert of_type(resumed, "started")[0]["resumedFromStep"] == 4
    for name in ("loss", "grad_norm", COMPARED[method]):
        expected = {step: value for step, value in metric(whole, name).items() if step > 4}
        assert metric(resumed, name) == pytest.approx(expected, abs=1e-5)
    assert list(metric(resumed, "loss")) == [5, 6]
    assert metric(whole, COMPARED[method])[6] != 0


def test_the_checkpoint_of_the_last_step_needs_no_more_training(make_spec):
    """A run killed between its last checkpoint and its artefact only publishes what it has."""
    spec = make_spec("sft", maxSteps=3, checkpointEverySteps=3)
    _, whole = run(spec)
    checkpoint = Path(spec["outputDir"]) / "checkpoints" / "step-3"
    code, resumed = run(make_spec("sft", maxSteps=3, resumeFrom=str(checkpoint)))
    assert code == ExitCode.SUCCEEDED
    assert metric(resumed, "loss") == {}
    assert (resumed[-1]["step"], of_type(resumed, "started")[0]["resumedFromStep"]) == (3, 3)
    weights = [load_file(Path(of_type(events, "artefact")[0]["path"], ADAPTER)) for events in (whole, resumed)]
    assert all(torch.equal(value, weights[1][name]) for name, value in weights[0].items())


def test_no_pickle_is_written_and_the_last_two_checkpoints_are_kept(make_spec):
    spec = make_spec("sft", maxSteps=5, checkpointEverySteps=1)
    _, events = run(spec)
    output = Path(spec["outputDir"])
    assert [event["step"] for event in of_type(events, "checkpoint")] == [1, 2, 3, 4, 5]
    names = sorted(path.name for path in (output / "checkpoints").iterdir())
    assert names == ["step-4", "step-4.manifest.json", "step-5", "step-5.manifest.json"]
    files = {path.suffix for path in output.rglob("*") if path.is_file()}
    assert files == {".json", ".jsonl", ".safetensors"}
    assert files.isdisjoint(PICKLES)


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (lambda path: path.write_bytes(path.read_bytes()[:-1]), "bytes, expected"),
        (lambda path: path.write_bytes(path.read_bytes()[:-1] + b"!"), "has SHA-256"),
        (lambda path: path.unlink(), "is missing"),
        (lambda path: (path.parent / "extra.bin").write_bytes(b""), "does not belong there"),
    ],
)
@pytest.mark.parametrize("file", ["adapter_model.safetensors", "optimizer.safetensors", "random.json"])
def test_a_damaged_checkpoint_is_refused_by_name(file, damage, says, make_spec):
    spec = make_spec("sft", maxSteps=1, checkpointEverySteps=1)
    run(spec)
    checkpoint = Path(spec["outputDir"]) / "checkpoints" / "step-1"
    damage(checkpoint / file)
    code, events = run(make_spec("sft", resumeFrom=str(checkpoint)))
    assert code == ExitCode.BAD_CHECKPOINT
    error = of_type(events, "finished")[0]["error"]
    assert error["code"] == "bad_checkpoint"
    assert says in error["message"]
    assert file in error["message"] or "extra.bin" in error["message"]


def test_a_checkpoint_of_another_adapter_is_refused(make_spec):
    spec = make_spec("sft", maxSteps=1, checkpointEverySteps=1)
    run(spec)
    checkpoint = Path(spec["outputDir"]) / "checkpoints" / "step-1"
    code, events = run(make_spec("sft", resumeFrom=str(checkpoint), lora={"r": 4, "alpha": 4}))
    assert code == ExitCode.BAD_CHECKPOINT
    assert "does not fit" in of_type(events, "finished")[0]["error"]["message"]


def test_a_full_disk_leaves_the_earlier_checkpoint_whole(make_spec, monkeypatch):
    """The limit on file size stands in for the disk: the same write fails with the same kind of error."""
    from triad_trainer import checkpoint as module

    save = module._save_optimizer
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)

    def save_on_a_full_disk(optimizer, scheduler, directory):
        if directory.name == ".step-4.partial":
            resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))
        save(optimizer, scheduler, directory)

    monkeypatch.setattr(module, "_save_optimizer", save_on_a_full_disk)
    spec = make_spec("sft", maxSteps=6)
    try:
        code, events = run(spec)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert code == ExitCode.DISK_FULL
    assert of_type(events, "finished")[0]["error"]["code"] == "disk_full"
    checkpoints = Path(spec["outputDir"]) / "checkpoints"
    assert sorted(path.name for path in checkpoints.iterdir()) == ["step-2", "step-2.manifest.json"]
    assert module.verify_checkpoint(checkpoints / "step-2") == 2


def test_a_checkpoint_without_its_manifest_is_refused(tmp_path):
    from triad_trainer.checkpoint import verify_checkpoint

    (tmp_path / "step-1").mkdir()
    with pytest.raises(RunFailure, match=r"step-1\.manifest\.json"):
        verify_checkpoint(tmp_path / "step-1")
