"""A tiny random model with everything a real one has, and the real server on a real socket."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import torch
import uvicorn
from peft import LoraConfig, PeftModel, get_peft_model
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import (
    AutoTokenizer,
    LlamaConfig,
    LlamaForCausalLM,
    LlamaForSequenceClassification,
    PreTrainedTokenizerFast,
)

from triad_trainer.serve.app import create_app
from triad_trainer.serve.worker import Worker

from .serving import Directories, Gate, Running, wait_for

CHATML = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
LINEAR = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]


def tiny_config(layers: int, **extra: Any) -> LlamaConfig:
    return LlamaConfig(
        vocab_size=259,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=layers,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=2048,
        pad_token_id=0,
        bos_token_id=1,
        eos_token_id=2,
        # Wide enough that the most likely token wins clearly, whatever the order of summation.
        initializer_range=0.3,
        tie_word_embeddings=True,
        **extra,
    )


def save_tokenizer(directory: Path) -> None:
    alphabet = {token: i for i, token in enumerate([*SPECIAL, *sorted(pre_tokenizers.ByteLevel.alphabet())])}
    tokenizer = Tokenizer(models.BPE(vocab=alphabet, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(SPECIAL)
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token=SPECIAL[0],
        bos_token=SPECIAL[1],
        eos_token=SPECIAL[2],
        chat_template=CHATML,
    )
    fast.save_pretrained(directory)


@pytest.fixture(scope="session")
def directories(tmp_path_factory: pytest.TempPathFactory) -> Directories:
    root = tmp_path_factory.mktemp("models")
    torch.manual_seed(0)
    base = LlamaForCausalLM(tiny_config(2))
    base.save_pretrained(root / "base")
    adapters = (root / "adapter0", root / "adapter1")
    for seed, path in enumerate(adapters):
        torch.manual_seed(seed + 1)
        config = LoraConfig(r=4, lora_alpha=8, target_modules=LINEAR, layers_to_transform=[1], init_lora_weights=False)
        tuned = get_peft_model(base, config)
        tuned.save_pretrained(path)
        base = tuned.unload()
    torch.manual_seed(7)
    LlamaForSequenceClassification(tiny_config(1, num_labels=1)).save_pretrained(root / "reward")
    for name in ("base", "reward"):
        save_tokenizer(root / name)
    return Directories(root, root / "base", adapters, root / "reward")


@pytest.fixture
def server(directories: Directories) -> Iterator[Running]:
    worker = Worker(threads=1)
    app = create_app(
        worker, [("base", str(directories.base), "generate"), ("reward", str(directories.reward), "reward")]
    )
    listener = socket.create_server(("127.0.0.1", 0))
    uvicorn_server = uvicorn.Server(uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=1))
    thread = threading.Thread(target=uvicorn_server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    wait_for(lambda: uvicorn_server.started or not thread.is_alive())
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    engine = app.state.catalog.entries["base"].model
    gate = Gate(engine)
    with httpx.Client(base_url=url, timeout=60) as client:
        for i, path in enumerate(directories.adapters):
            body = {"lora_name": f"tuned.{i}", "lora_path": str(path)}
            assert client.post("/v1/load_lora_adapter", json=body).status_code == 200
        yield Running(client, url, engine, gate, app.state.catalog)
    gate.open()
    uvicorn_server.should_exit = True
    thread.join(30)
    assert not thread.is_alive()


@pytest.fixture(scope="session")
def reference(directories: Directories) -> Callable[..., str]:
    """What transformers' own generate answers: greedy, one prompt at a time, PEFT's own forward."""
    tokenizer = AutoTokenizer.from_pretrained(directories.base)

    def answer(content: str, max_tokens: int, adapter: int | None = None) -> str:
        model: Any = LlamaForCausalLM.from_pretrained(directories.base, dtype=torch.float32)
        if adapter is not None:
            model = PeftModel.from_pretrained(model, directories.adapters[adapter])
        inputs = tokenizer.apply_chat_template(
            [{"role": "user", "content": content}], add_generation_prompt=True, return_tensors="pt", return_dict=True
        )
        with torch.inference_mode():
            output = model.generate(**inputs, max_new_tokens=max_tokens, do_sample=False)
        return str(tokenizer.decode(output[0, inputs["input_ids"].shape[1] :], skip_special_tokens=True))

    return answer
