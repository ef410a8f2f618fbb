"""Shared fixtures: a tiny random model with a byte-level tokenizer, rows, specs, a gateway, and warm trainers."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from triad_trainer.environment import prepare_environment

prepare_environment()

import torch  # noqa: E402
from gateway import Gateway  # noqa: E402
from peft import LoraConfig, get_peft_model  # noqa: E402
from tokenizers import Tokenizer, decoders, models, pre_tokenizers  # noqa: E402
from transformers import (  # noqa: E402
    LlamaConfig,
    LlamaForCausalLM,
    LlamaForSequenceClassification,
    PreTrainedTokenizerFast,
)

from triad_trainer.environment import import_libraries  # noqa: E402
from triad_trainer.errors import ExitCode  # noqa: E402
from triad_trainer.events import EventLog  # noqa: E402
from triad_trainer.run import Attempt  # noqa: E402

TRAINER = Path(__file__).parent.parent
FIXTURES = TRAINER.parent / "contracts" / "fixtures"
CHAT_TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
FUNCTION_CALL = {
    "type": "function_call",
    "input": "{{sample.output_text}}",
    "reference": "{{item.expected}}",
    "partial": True,
}


def make_tokenizer() -> PreTrainedTokenizerFast:
    """One token per byte, and three special tokens."""
    special = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    vocabulary = special + sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(models.BPE({token: index for index, token in enumerate(vocabulary)}, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token="<|im_start|>",
        eos_token="<|im_end|>",
        pad_token="<|endoftext|>",
        chat_template=CHAT_TEMPLATE,
    )


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Directory of a random Llama of 4 layers with its tokenizer."""
    import_libraries()
    directory = tmp_path_factory.mktemp("model")
    tokenizer = make_tokenizer()
    torch.manual_seed(0)
    LlamaForCausalLM(tiny_config(tokenizer, 4)).save_pretrained(directory)
    tokenizer.save_pretrained(directory)
    return directory


@pytest.fixture(scope="session")
def tiny_reward_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Directory of a random reward model of 2 layers, whose scores differ from answer to answer."""
    import_libraries()
    directory = tmp_path_factory.mktemp("reward")
    tokenizer = make_tokenizer()
    torch.manual_seed(2)
    config = tiny_config(tokenizer, 2)
    config.num_labels = 1
    LlamaForSequenceClassification(config).save_pretrained(directory)
    tokenizer.save_pretrained(directory)
    return directory


def tiny_config(tokenizer: PreTrainedTokenizerFast, layers: int) -> LlamaConfig:
    return LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=layers,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=256,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        initializer_range=0.2,
    )


@pytest.fixture(scope="session")
def tiny_adapter(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Directory of an adapter for the tiny model that changes what it says."""
    directory = tmp_path_factory.mktemp("adapter")
    torch.manual_seed(1)
    model = get_peft_model(
        LlamaForCausalLM.from_pretrained(tiny_model),
        LoraConfig(
            task_type="CAUSAL_LM",
            r=2,
            lora_alpha=4,
            target_modules=["q_proj", "v_proj", "down_proj"],
            layers_to_transform=[1, 2, 3],
            init_lora_weights=False,
        ),
    )
    model.save_pretrained(directory)
    return directory


def _message(role: str, content: str) -> list[dict[str, str]]:
    return [{"role": role, "content": content}]


def rows_for(method: str, count: int, rooms: str = "abcdefgh") -> list[dict[str, Any]]:
    """Rows of a method's shape: open or close something in a room."""
    rows = []
    for index in range(count):
        verb, room = ("open", "close")[index % 2], rooms[index // 2 % len(rooms)]
        prompt, right, wrong = _message("user", f"{verb} {room}"), f"{verb}({room})", f"stop({room}, now)"
        if method == "sft":
            rows.append({"prompt": prompt, "completion": _message("assistant", right)})
        elif method == "grpo":
            rows.append({"prompt": prompt, "expected": right})
        else:
            better, worse = _message("assistant", right), _message("assistant", wrong)
            rows.append({"prompt": prompt, "chosen": better, "rejected": worse, "slice": verb})
    return rows


def write_rows(path: Path, rows: list[dict[str, Any]]) -> str:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


SpecMaker = Callable[..., dict[str, Any]]


@pytest.fixture
def make_spec(tiny_model: Path, tiny_reward_model: Path, tmp_path: Path) -> SpecMaker:
    """Return a function that makes a small spec; keyword arguments replace hyperparameters or top-level fields."""

    def make(method: str, **changes: Any) -> dict[str, Any]:
        number = len(list(tmp_path.glob("out-*")))
        output = tmp_path / f"out-{number}"
        output.mkdir()
        spec: dict[str, Any] = {
            "contractVersion": 1,
            "jobId": "job_test",
            "attempt": 1,
            "method": method,
            "base": {"modelPath": str(tiny_model), "adapterPath": None},
            "data": {
                "trainPath": write_rows(tmp_path / f"{method}-train.jsonl", rows_for(method, 10)),
                "evalPath": write_rows(tmp_path / f"{method}-eval.jsonl", rows_for(method, 6, "wxyz")),
            },
            "outputDir": str(output),
            "resumeFrom": None,
            "seed": 7,
            "hyperparameters": {"maxSteps": 4, "batchSize": 4, "learningRate": 0.01, "checkpointEverySteps": 2},
            "lora": {"r": 2, "alpha": 4, "firstLayer": 1},
            "eventsUrl": None,
        }
        if method == "grpo":
            reward = {"type": "reward_model", "modelVersionId": "mv_test", "modelPath": str(tiny_reward_model)}
            spec["rl"] = {"groupSize": 2, "temperature": 1.0, "maxNewTokens": 8, "reward": reward, "gold": None}
        for name, value in changes.items():
            (spec if name in spec or name in ("rl", "reward") else spec["hyperparameters"])[name] = value
        return spec

    return make


def run(spec: dict[str, Any], token: str = "token") -> tuple[ExitCode, list[dict[str, Any]]]:
    """Run one attempt in this process; return its exit code and its events."""
    fenced: list[str] = []
    events = EventLog(Path(spec["outputDir"]), spec["eventsUrl"], spec["attempt"], token, on_fenced=fenced.append)
    code = Attempt(spec, events).run()
    assert events.close(10)
    return code, spooled(spec)


def spooled(spec: dict[str, Any]) -> list[dict[str, Any]]:
    """All whole events in the spool."""
    path = Path(spec["outputDir"]) / "spool" / "events.jsonl"
    lines = path.read_bytes().splitlines(keepends=True) if path.exists() else []
    return [json.loads(line) for line in lines if line.endswith(b"\n")]


def of_type(events: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [event for event in events if event["type"] == kind]


def metric(events: list[dict[str, Any]], name: str) -> dict[int, float]:
    """A metric by step."""
    return {e["step"]: e["metrics"][name] for e in of_type(events, "metrics") if name in e["metrics"]}


@pytest.fixture
def gateway() -> Iterator[Gateway]:
    gateway = Gateway()
    yield gateway
    gateway.close()


def start_trainer(*arguments: str, **environment: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "triad_trainer", *arguments],
        cwd=TRAINER,
        env={**os.environ, **environment},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def hand_over(trainer: subprocess.Popen[bytes], spec: dict[str, Any]) -> None:
    """Wait until a warm trainer is ready and give it a spec."""
    assert trainer.stdout is not None
    assert trainer.stdin is not None
    assert trainer.stdout.readline() == b"ready\n"
    path = Path(spec["outputDir"]) / "spec.json"
    path.write_text(json.dumps(spec))
    trainer.stdin.write(json.dumps({"spec": str(path), "token": "secret"}).encode() + b"\n")
    trainer.stdin.flush()


@pytest.fixture
def warm_trainer() -> Iterator[subprocess.Popen[bytes]]:
    """A `run -` process that is importing its libraries."""
    trainer = start_trainer("run", "-", "--stop-on-stdin-eof", TRIAD_TRAINER_FLUSH_SECONDS="20")
    yield trainer
    trainer.kill()
    trainer.wait()
    for pipe in (trainer.stdin, trainer.stdout, trainer.stderr):
        assert pipe is not None
        pipe.close()
