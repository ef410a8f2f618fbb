from __future__ import annotations

import json
import random
import socket
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

from triad_trainer.serve import engine as engine_module

from .serving import content, events, together, wait_for


def test_greedy_equals_transformers_generate_in_a_changing_batch(server, reference, monkeypatch):
    monkeypatch.setattr(engine_module, "MAX_ROWS", 5)
    rng = random.Random(3)
    calls = [
        {"content": "".join(rng.choices("abcdef ghi", k=rng.randint(1, 90))), "max_tokens": rng.randint(1, 30)}
        for _ in range(16)
    ]
    answers = together(server, calls)
    assert [content(a) for a in answers] == [reference(c["content"], c["max_tokens"]) for c in calls]


def test_adapters_and_base_in_one_batch_answer_as_alone(server, reference, monkeypatch):
    batches = []
    forward = server.engine._forward
    monkeypatch.setattr(
        server.engine,
        "_forward",
        lambda first, i, p, adapters: batches.append(adapters) or forward(first, i, p, adapters),
    )
    models = ["base", "tuned.0", "tuned.1", "tuned.0", "base"]
    calls = [{"content": f"question {i}", "model": m, "max_tokens": 20} for i, m in enumerate(models)]
    answers = [content(a) for a in together(server, calls)]
    assert any(set(adapters) == {None, "adapter0", "adapter1"} for adapters in batches)
    adapters = {"base": None, "tuned.0": 0, "tuned.1": 1}
    assert answers == [reference(c["content"], 20, adapters[c["model"]]) for c in calls]
    assert len(set(answers)) == len(answers)


def test_a_seed_gives_the_same_answers_whatever_the_neighbours(server):
    call = {"content": "say", "temperature": 0.9, "seed": 11, "n": 3, "max_tokens": 24, "top_p": 0.95}
    alone = [c["message"]["content"] for c in server.chat(**call).json()["choices"]]
    others = [{"content": f"noise {i}", "temperature": 1.5, "max_tokens": 9 + i, "model": "tuned.1"} for i in range(6)]
    crowded = together(server, [*others[:3], call, *others[3:]])[3]
    assert [c["message"]["content"] for c in crowded.json()["choices"]] == alone
    assert len(set(alone)) == 3
    other_seed = server.chat(**call | {"seed": 12}).json()["choices"]
    assert [c["message"]["content"] for c in other_seed] != alone


def test_without_a_seed_samples_differ(server):
    call = {"content": "say", "temperature": 1.0, "max_tokens": 24}
    assert content(server.chat(**call)) != content(server.chat(**call))


def test_n_choices_share_one_prefill(server, monkeypatch):
    monkeypatch.setattr(server.engine, "_ends", frozenset())
    shapes = []
    forward = server.engine._forward
    monkeypatch.setattr(
        server.engine, "_forward", lambda first, ids, *rest: shapes.append(ids.shape) or forward(first, ids, *rest)
    )
    body = server.chat("hello", n=4, temperature=0.8, max_tokens=5).json()
    assert [c["index"] for c in body["choices"]] == [0, 1, 2, 3]
    prompt = body["usage"]["prompt_tokens"]
    assert shapes[0] == (1, prompt)
    assert all(tokens == 1 for _, tokens in shapes[1:])
    assert body["usage"]["completion_tokens"] == 20
    assert body["usage"]["total_tokens"] == prompt + 20


def test_a_shared_beginning_is_computed_once_and_changes_nothing(server, reference, monkeypatch):
    computed = []
    forward = server.engine._forward
    monkeypatch.setattr(
        server.engine, "_forward", lambda first, ids, *rest: computed.append(ids.size) or forward(first, ids, *rest)
    )
    shared = "The same long beginning of every prompt, with its examples. " * 5
    calls = [{"content": f"{shared}{i} {'x' * i}", "max_tokens": 1} for i in range(8)]
    answers = together(server, calls)
    assert [content(a) for a in answers] == [reference(c["content"], 1) for c in calls]
    usages = [a.json()["usage"] for a in answers]
    cached = sorted(u["prompt_tokens_details"]["cached_tokens"] for u in usages)
    assert cached[0] == 0
    assert cached[1] >= len(shared)
    longest = max(u["prompt_tokens"] for u in usages)
    assert sum(computed) < longest + 8 * (longest - len(shared))
    # An adapter has keys and values of its own.
    tuned = server.chat(**calls[0] | {"model": "tuned.0"})
    assert tuned.json()["usage"]["prompt_tokens_details"]["cached_tokens"] == 0
    assert content(tuned) == reference(calls[0]["content"], 1, 0)
    assert content(server.chat(**calls[7] | {"max_tokens": 12})) == reference(calls[7]["content"], 12)


def test_rows_beyond_the_memory_wait_or_go_back_to_the_queue(server, reference, monkeypatch):
    monkeypatch.setattr(server.engine, "_budget", 300)
    preempted = []
    preempt = server.engine._preempt

    def count() -> None:
        before = len(server.engine.rows)
        preempt()
        preempted.append(before - len(server.engine.rows))

    monkeypatch.setattr(server.engine, "_preempt", count)
    calls = [{"content": f"prompt {i}", "max_tokens": 40} for i in range(6)]
    answers = together(server, calls)
    assert sum(preempted) > 0
    assert [content(a) for a in answers] == [reference(c["content"], 40) for c in calls]


def test_short_prompts_that_join_leave_a_long_row_whole(server, reference):
    long = {"content": "a long prompt " * 20, "max_tokens": 200}
    with ThreadPoolExecutor() as pool:
        first = pool.submit(lambda: server.chat(**long))
        wait_for(lambda: bool(server.engine.rows))
        calls = [{"content": f"{i}", "max_tokens": 5} for i in range(12)]
        answers = together(server, calls)
        assert content(first.result()) == reference(**long)
    assert [content(a) for a in answers] == [reference(c["content"], 5) for c in calls]


def test_stop_strings_end_the_text_before_them(server):
    whole = server.chat("tell", max_tokens=40).json()["choices"][0]
    assert whole["finish_reason"] == "length"
    text = whole["message"]["content"]
    stop = text[12:15]
    cut = server.chat("tell", max_tokens=40, stop=["never there", stop]).json()
    assert cut["choices"][0]["finish_reason"] == "stop"
    assert cut["choices"][0]["message"]["content"] == text[: text.index(stop)]
    assert cut["usage"]["completion_tokens"] < 40
    streamed = events(
        server,
        {"model": "base", "messages": [{"role": "user", "content": "tell"}], "temperature": 0, "stop": stop}
        | {"max_tokens": 40},
    )
    assert "".join(e["choices"][0]["delta"].get("content", "") for e in streamed) == text[: text.index(stop)]


def test_the_end_token_ends_the_answer(server, monkeypatch):
    appended = []
    append = server.engine._append
    monkeypatch.setattr(server.engine, "_append", lambda s, token: appended.append(token) or append(s, token))
    assert server.chat("tell", max_tokens=20).json()["choices"][0]["finish_reason"] == "length"
    end = appended[6]
    monkeypatch.setattr(server.engine, "_ends", frozenset([end]))
    body = server.chat("tell", max_tokens=20).json()
    before = appended[: appended.index(end)]
    assert body["choices"][0]["finish_reason"] == "stop"
    assert body["usage"]["completion_tokens"] == len(before) + 1
    assert content(server.chat("tell", max_tokens=20)) == server.engine.tokenizer.decode(before)


def test_streams_add_up_to_the_whole_answer(server):
    body = {"model": "base", "messages": [{"role": "user", "content": "go on"}], "temperature": 0.7, "seed": 5, "n": 2}
    body |= {"max_tokens": 30, "stream_options": {"include_usage": True}}
    whole = server.client.post("/v1/chat/completions", json=body | {"stream_options": None}).json()
    streamed = events(server, body)
    assert {e["object"] for e in streamed} == {"chat.completion.chunk"}
    assert len({e["id"] for e in streamed}) == 1
    assert streamed[-1]["choices"] == []
    assert streamed[-1]["usage"]["completion_tokens"] == whole["usage"]["completion_tokens"]
    assert all(e["usage"] is None for e in streamed[:-1])
    for choice in whole["choices"]:
        mine = [e["choices"][0] for e in streamed[:-1] if e["choices"][0]["index"] == choice["index"]]
        assert mine[0]["delta"] == {"role": "assistant", "content": ""}
        assert "".join(c["delta"].get("content", "") for c in mine) == choice["message"]["content"]
        assert [c["finish_reason"] for c in mine if c["finish_reason"]] == [choice["finish_reason"]]


def test_text_completions(server):
    body = {"model": "base", "prompt": "abc def", "temperature": 0}
    answer = server.client.post("/v1/completions", json=body).json()
    assert answer["object"] == "text_completion"
    assert answer["usage"]["prompt_tokens"] == 7
    assert answer["usage"]["completion_tokens"] <= 16
    streamed = events(server, body, "/v1/completions")
    assert "".join(e["choices"][0]["text"] for e in streamed) == answer["choices"][0]["text"]


def test_logprobs_are_the_models_own(server):
    choice = server.chat("x", max_tokens=6, logprobs=True).json()["choices"][0]
    sampled = server.chat("x", max_tokens=6, logprobs=True, temperature=2.0, seed=4).json()["choices"][0]
    for c in (choice, sampled):
        assert len(c["logprobs"]["content"]) == 6
        assert all(t["logprob"] <= 0 for t in c["logprobs"]["content"])
    # Greedy takes the likeliest first token, so no other first token has a higher probability.
    assert choice["logprobs"]["content"][0]["logprob"] >= sampled["logprobs"]["content"][0]["logprob"]
    assert np.exp(choice["logprobs"]["content"][0]["logprob"]) >= 1 / 259


@pytest.mark.parametrize("stream", [True, False])
def test_a_client_that_leaves_takes_its_rows_along(server, stream, monkeypatch):
    monkeypatch.setattr(server.engine, "_ends", frozenset())
    server.gate.close()
    body = {"model": "base", "messages": [{"role": "user", "content": "on"}], "max_tokens": 1500, "n": 2}
    raw = json.dumps(body | {"stream": stream}).encode()
    host, port = server.url.removeprefix("http://").split(":")
    connection = socket.create_connection((host, int(port)))
    connection.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n" % len(raw) + raw)
    wait_for(lambda: len(server.engine._incoming) == 2)
    sequences = list(server.engine._incoming)
    server.gate.open()
    wait_for(lambda: all(s.completion_tokens > 3 for s in sequences))
    connection.close()
    wait_for(lambda: not server.engine.busy)
    assert all(s.cancelled and not s.finished for s in sequences)
    assert all(s.completion_tokens < 1500 for s in sequences)
    assert content(server.chat("still here", max_tokens=3))


def test_an_engine_error_fails_its_requests_and_not_the_next(server, reference, monkeypatch):
    monkeypatch.setattr(engine_module, "MAX_ROWS", 2)
    forward = server.engine._forward
    left = [1]

    def fail_once(*arguments: Any) -> Any:
        if left and len(server.engine.rows) == 2:
            left.pop()
            raise RuntimeError("out of luck")
        return forward(*arguments)

    monkeypatch.setattr(server.engine, "_forward", fail_once)
    calls = [{"content": f"call {i}", "max_tokens": 8} for i in range(5)]
    answers = together(server, calls)
    failed = [a for a in answers if a.status_code == 500]
    assert len(failed) == 2
    assert "out of luck" in failed[0].json()["error"]["message"]
    assert failed[0].json()["error"]["type"] == "server_error"
    for call, answer in zip(calls, answers, strict=True):
        if answer.status_code == 200:
            assert content(answer) == reference(call["content"], 8)
    assert content(server.chat("afterwards", max_tokens=5)) == reference("afterwards", 5)


def test_an_engine_error_in_a_stream_is_an_event(server, monkeypatch):
    monkeypatch.setattr(server.engine, "_ends", frozenset())
    forward = server.engine._forward

    def fail_later(*arguments: Any) -> Any:
        if server.engine.rows and server.engine.rows[0].completion_tokens == 5:
            raise RuntimeError("half way")
        return forward(*arguments)

    monkeypatch.setattr(server.engine, "_forward", fail_later)
    streamed = events(server, {"model": "base", "messages": [{"role": "user", "content": "a"}], "max_tokens": 9})
    assert "half way" in streamed[-1]["error"]["message"]
