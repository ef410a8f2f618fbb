from __future__ import annotations

import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import torch

from .serving import content, wait_for

CHAT = {"model": "base", "messages": [{"role": "user", "content": "x"}], "max_tokens": 4}


def post(server: Any, route: str, **body: Any) -> Any:
    return server.client.post(f"/v1/{route}", json=body)


def names(server: Any) -> dict[str, Any]:
    return {m["id"]: m for m in server.client.get("/v1/models").json()["data"]}


def test_models_are_listed_with_their_parents(server):
    listed = names(server)
    assert {name: m["parent"] for name, m in listed.items()} == {
        "base": None,
        "reward": None,
        "tuned.0": "base",
        "tuned.1": "base",
    }
    assert all(m["object"] == "model" and m["created"] > 0 for m in listed.values())
    assert server.client.get("/health").status_code == 200


def test_loading_again_is_a_success_and_another_path_an_error(server, directories):
    first, second = map(str, directories.adapters)
    assert post(server, "load_lora_adapter", lora_name="tuned.0", lora_path=first).status_code == 200
    clash = post(server, "load_lora_adapter", lora_name="tuned.0", lora_path=second)
    assert clash.status_code == 400
    assert first in clash.json()["error"]["message"]
    again = post(server, "load_model", model_name="reward", model_path=str(directories.reward), kind="reward")
    assert again.status_code == 200
    other = post(server, "load_model", model_name="reward", model_path=str(directories.base), kind="reward")
    assert other.status_code == 400


def test_an_adapter_in_use_is_unloaded_after_its_last_answer(server, reference):
    server.gate.close()
    with ThreadPoolExecutor(2) as pool:
        answer = pool.submit(server.chat, "running", model="tuned.0", max_tokens=6)
        wait_for(lambda: len(server.engine._incoming) == 1)
        unload = pool.submit(post, server, "unload_lora_adapter", lora_name="tuned.0")
        wait_for(lambda: "tuned.0" not in names(server))
        refused = server.chat("new", model="tuned.0")
        assert refused.status_code == 404
        assert refused.json()["error"]["code"] == "model_not_found"
        assert not unload.done()
        server.gate.open()
        assert content(answer.result()) == reference("running", 6, 0)
        assert unload.result().status_code == 200
    assert content(server.chat("still", model="tuned.1", max_tokens=6)) == reference("still", 6, 1)
    assert post(server, "unload_lora_adapter", lora_name="tuned.0").status_code == 404


def test_an_adapter_can_come_back_under_its_name_with_other_weights(server, directories, reference):
    call = {"content": "same prompt", "model": "tuned.0", "max_tokens": 6}
    assert content(server.chat(**call)) == reference("same prompt", 6, 0)
    assert post(server, "unload_lora_adapter", lora_name="tuned.0").status_code == 200
    path = str(directories.adapters[1])
    assert post(server, "load_lora_adapter", lora_name="tuned.0", lora_path=path).status_code == 200
    assert content(server.chat(**call)) == reference("same prompt", 6, 1)


def test_models_come_and_go(server, directories):
    path = str(directories.base)
    assert post(server, "load_model", model_name="second", model_path=path, kind="generate").status_code == 200
    assert content(server.chat("hi", model="second", max_tokens=5)) == content(server.chat("hi", max_tokens=5))
    adapter = {"lora_name": "of-second", "lora_path": str(directories.adapters[0])}
    ambiguous = post(server, "load_lora_adapter", **adapter)
    assert ambiguous.status_code == 400
    assert ambiguous.json()["error"]["param"] == "base_model_name"
    assert post(server, "load_lora_adapter", **adapter, base_model_name="second").status_code == 200
    assert names(server)["of-second"]["parent"] == "second"
    assert post(server, "unload_lora_adapter", lora_name="second").status_code == 404
    assert post(server, "unload_model", model_name="second").status_code == 200
    assert {"second", "of-second"}.isdisjoint(names(server))
    assert server.chat("hi", model="of-second").status_code == 404
    assert content(server.chat("hi", max_tokens=5))


def test_the_reward_model_used_longest_ago_makes_room(server, directories, monkeypatch):
    monkeypatch.setattr("triad_trainer.serve.catalog.MAX_REWARD_MODELS", 2)
    path = str(directories.reward)
    assert post(server, "load_model", model_name="second", model_path=path, kind="reward").status_code == 200
    assert server.client.post("/classify", json={"model": "reward", "input": "x"}).status_code == 200
    assert post(server, "load_model", model_name="third", model_path=path, kind="reward").status_code == 200
    assert {name for name, m in names(server).items() if m["kind"] == "reward"} == {"reward", "third"}


def test_missing_paths_are_named(server):
    for route, body in (
        ("load_lora_adapter", {"lora_name": "x", "lora_path": "/not/there"}),
        ("load_model", {"model_name": "x", "model_path": "/not/there", "kind": "generate"}),
    ):
        response = post(server, route, **body)
        assert response.status_code == 404
        assert "/not/there" in response.json()["error"]["message"]


def test_pickles_and_wrong_weights_are_refused(server, directories, tmp_path):
    pickled = tmp_path / "pickled"
    shutil.copytree(directories.base, pickled)
    (pickled / "model.safetensors").unlink()
    torch.save({}, pickled / "pytorch_model.bin")
    fewer = tmp_path / "fewer"
    shutil.copytree(directories.base, fewer)
    config = json.loads((fewer / "config.json").read_text()) | {"num_hidden_layers": 1}
    (fewer / "config.json").write_text(json.dumps(config))
    broken = tmp_path / "broken"
    shutil.copytree(directories.base, broken)
    (broken / "model.safetensors").write_bytes(b"\xff" * 100)
    for path, kind, hint in (
        (broken, "generate", "cannot be loaded"),
        (pickled, "generate", "pytorch_model.bin is a pickle"),
        (fewer, "generate", "left over"),
        (directories.base, "reward", "score.weight"),
        (tmp_path, "generate", "config.json"),
    ):
        response = post(server, "load_model", model_name="x", model_path=str(path), kind=kind)
        assert response.status_code == 400
        assert hint in response.json()["error"]["message"]
    assert "x" not in names(server)


def test_adapters_that_do_not_fit_are_refused_and_leave_nothing(server, directories, tmp_path, reference):
    def variant(name: str, **changes: Any) -> str:
        shutil.copytree(directories.adapters[0], tmp_path / name)
        config = tmp_path / name / "adapter_config.json"
        config.write_text(json.dumps(json.loads(config.read_text()) | changes))
        return str(tmp_path / name)

    broken = variant("broken")
    (tmp_path / "broken" / "adapter_model.safetensors").write_bytes(b"\xff" * 100)
    for path, hint in (
        (broken, "does not fit"),
        (variant("dora", use_dora=True), "use_dora"),
        (variant("rank", r=2), "size mismatch"),
        (variant("layer", layers_to_transform=[0]), "left over"),
        (variant("target", target_modules=["nothing"]), "nothing"),
        (variant("kind", peft_type="IA3"), "IA3"),
    ):
        response = post(server, "load_lora_adapter", lora_name="x", lora_path=path)
        assert response.status_code == 400, path
        assert hint in response.json()["error"]["message"]
    assert "x" not in names(server)
    assert content(server.chat("fine", model="tuned.0", max_tokens=6)) == reference("fine", 6, 0)


@pytest.mark.parametrize(
    ("change", "status", "param"),
    [
        ({"model": "nobody"}, 404, "model"),
        ({"model": "reward"}, 400, "model"),
        ({"messages": []}, 400, "messages"),
        ({"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {}}]}]}, 400, None),
        ({"messages": [{"role": "alien", "content": "x"}]}, 400, "messages.0.role"),
        ({"temperature": -1}, 400, "temperature"),
        ({"n": 0}, 400, "n"),
        ({"stop": ""}, 400, None),
        ({"tools": [{"type": "function"}]}, 400, "tools"),
        ({"response_format": {"type": "json_object"}}, 400, "response_format"),
        ({"logit_bias": {"5": 1}}, 400, "logit_bias"),
        ({"max_tokens": 5000}, 400, "messages"),
        ({"messages": [{"role": "user", "content": "x" * 3000}], "max_tokens": None}, 400, "messages"),
    ],
)
def test_bad_requests_have_openais_error_shape(server, change, status, param):
    response = server.client.post("/v1/chat/completions", json=CHAT | change)
    assert response.status_code == status
    error = response.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert error["type"] == "invalid_request_error"
    assert param is None or error["param"] == param


def test_neutral_values_and_unknown_fields_are_accepted(server):
    extra = {"tools": None, "response_format": {"type": "text"}, "frequency_penalty": 0.0, "user": "me", "top_k": -1}
    parts = [{"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}]
    response = server.client.post("/v1/chat/completions", json=CHAT | extra | {"messages": parts, "temperature": 0})
    assert content(response) == content(server.chat("ab", max_tokens=4))


def test_other_errors_have_the_same_shape(server):
    for response, status in (
        (server.client.get("/v1/nothing"), 404),
        (server.client.get("/v1/chat/completions"), 405),
        (server.client.post("/v1/chat/completions", content=b"{"), 400),
    ):
        assert response.status_code == status
        assert response.json()["error"]["type"] == "invalid_request_error"


def test_a_full_queue_answers_503(server, monkeypatch):
    monkeypatch.setattr("triad_trainer.serve.engine.MAX_WAITING", 2)
    response = server.chat("x", n=3)
    assert response.status_code == 503
    assert response.headers["retry-after"]
    assert response.json()["error"]["code"] == "overloaded"
