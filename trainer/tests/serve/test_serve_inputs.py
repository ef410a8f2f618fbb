"""Completions of several prompts, and embeddings: by the official client, beside transformers' own forward pass."""

from __future__ import annotations

import base64
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
import torch
from openai import OpenAI
from peft import PeftModel
from transformers import AutoTokenizer, LlamaForCausalLM

from .serving import content, events


@pytest.fixture
def client(server):
    return OpenAI(base_url=f"{server.url}/v1", api_key="x", max_retries=0)


def test_several_prompts_give_each_its_choices_in_order(server, client):
    alone = [client.completions.create(model="base", prompt=p, temperature=0).choices[0].text for p in ("abc", "xyzw")]
    answer = client.completions.create(model="base", prompt=["abc", "xyzw"], n=2, temperature=0)
    assert [c.index for c in answer.choices] == [0, 1, 2, 3]
    assert [c.text for c in answer.choices] == [alone[0], alone[0], alone[1], alone[1]]
    assert answer.usage.prompt_tokens == 7
    body = {"model": "base", "prompt": ["abc", "xyzw"], "temperature": 0, "stream_options": {"include_usage": True}}
    streamed = events(server, body, "/v1/completions")
    for i in range(2):
        mine = [e["choices"][0] for e in streamed if e["choices"] and e["choices"][0]["index"] == i]
        assert "".join(c["text"] for c in mine) == alone[i]
    assert streamed[-1]["usage"]["prompt_tokens"] == 7


def test_tokens_are_a_prompt_as_well(server, client):
    ids = server.engine.tokenizer("abc def")["input_ids"]
    text = client.completions.create(model="base", prompt="abc def", temperature=0).choices[0].text
    assert client.completions.create(model="base", prompt=ids, temperature=0).choices[0].text == text
    both = client.completions.create(model="base", prompt=[ids, ids[:3]], temperature=0)
    assert both.choices[0].text == text


def test_logprobs_of_completions_have_their_own_shape(client):
    answer = client.completions.create(model="base", prompt="abc", temperature=0, max_tokens=5, logprobs=0)
    found: Any = answer.choices[0].logprobs
    assert len(found.tokens) == len(found.token_logprobs) == len(found.text_offset) == answer.usage.completion_tokens
    assert found.text_offset[0] == 0
    assert found.text_offset[1] == len(found.tokens[0])
    assert client.completions.create(model="base", prompt="abc", temperature=0).choices[0].logprobs is None


def expected(directories, texts, adapter=None):
    """One text at a time, from PEFT's and transformers' own forward pass."""
    model: Any = LlamaForCausalLM.from_pretrained(directories.base, dtype=torch.float32)
    if adapter is not None:
        model = PeftModel.from_pretrained(model, directories.adapters[adapter])
    tokenizer = AutoTokenizer.from_pretrained(directories.base)
    vectors = []
    for text in texts:
        with torch.inference_mode():
            output = model(**tokenizer(text, return_tensors="pt"), output_hidden_states=True)
        mean = output.hidden_states[-1][0].mean(0)
        vectors.append((mean / mean.norm()).numpy())
    return np.stack(vectors)


TEXTS = ["a", "The lamp in the studio", "x" * 700, "Küche, bitte", "y" * 600]


def test_embeddings_are_the_mean_of_the_last_hidden_states(client, directories):
    answer = client.embeddings.create(model="base", input=TEXTS)
    found = np.array([e.embedding for e in answer.data])
    assert [e.index for e in answer.data] == list(range(len(TEXTS)))
    assert found.shape == (5, 32)
    assert np.allclose(np.linalg.norm(found, axis=1), 1, atol=1e-5)
    assert np.allclose(found, expected(directories, TEXTS), atol=1e-4)
    assert answer.usage.prompt_tokens == answer.usage.total_tokens == sum(len(t.encode()) for t in TEXTS)
    tuned = np.array([e.embedding for e in client.embeddings.create(model="tuned.1", input=TEXTS[:2]).data])
    assert np.allclose(tuned, expected(directories, TEXTS[:2], adapter=1), atol=1e-4)
    assert not np.allclose(tuned, found[:2], atol=1e-3)


def test_embeddings_as_numbers_as_bytes_and_of_tokens(server):
    def embed(**body: Any) -> Any:
        return server.client.post("/v1/embeddings", json={"model": "base"} | body).json()["data"][0]["embedding"]

    numbers = embed(input="abc")
    assert np.allclose(np.frombuffer(base64.b64decode(embed(input="abc", encoding_format="base64")), "<f4"), numbers)
    ids = server.engine.tokenizer("abc")["input_ids"]
    assert np.allclose(embed(input=ids), numbers, atol=1e-6)
    assert np.allclose(embed(input=[ids]), numbers, atol=1e-6)


def test_answers_and_embeddings_at_the_same_time_do_not_change_each_other(server):
    answer = content(server.chat("Say something.", max_tokens=40))
    body = {"model": "tuned.0", "input": TEXTS}
    vectors = server.client.post("/v1/embeddings", json=body).json()["data"]
    with ThreadPoolExecutor(8) as pool:
        chats = [pool.submit(server.chat, "Say something.", max_tokens=40) for _ in range(4)]
        others = [pool.submit(server.client.post, "/v1/embeddings", json=body) for _ in range(4)]
    assert {content(c.result()) for c in chats} == {answer}
    for other in others:
        for one, two in zip(other.result().json()["data"], vectors, strict=True):
            assert np.allclose(one["embedding"], two["embedding"], atol=1e-5)


@pytest.mark.parametrize(
    ("path", "change", "param", "code"),
    [
        ("completions", {"prompt": ""}, "prompt", "invalid_value"),
        ("completions", {"prompt": []}, "prompt", "invalid_value"),
        ("completions", {"prompt": ["a", ""]}, "prompt", "invalid_value"),
        ("completions", {"prompt": [5, 259]}, "prompt", "invalid_value"),
        ("completions", {"prompt": [5, -1]}, "prompt", "invalid_value"),
        ("completions", {"prompt": ["a"] * 100, "n": 128}, "n", None),
        ("completions", {"prompt": "a" * 3000}, "prompt", "context_length_exceeded"),
        ("completions", {"prompt": "a", "logprobs": 3}, "logprobs", "invalid_value"),
        ("embeddings", {"input": ""}, "input", "invalid_value"),
        ("embeddings", {"input": ["a"] * 2049}, "input", "invalid_value"),
        ("embeddings", {"input": "a" * 3000}, "input", "context_length_exceeded"),
        ("embeddings", {"input": "a", "dimensions": 8}, "dimensions", "unsupported_parameter"),
        ("embeddings", {"input": "a", "encoding_format": "int8"}, "encoding_format", "invalid_value"),
        ("embeddings", {"input": "a", "model": "reward"}, "model", "wrong_kind"),
        ("embeddings", {"input": "a", "model": "none"}, "model", "model_not_found"),
    ],
)
def test_what_cannot_be_is_refused_by_name(server, path, change, param, code):
    response = server.client.post(f"/v1/{path}", json={"model": "base"} | change)
    assert response.status_code == (404 if code == "model_not_found" else 400)
    assert (response.json()["error"]["param"], response.json()["error"]["code"]) == (param, code)
