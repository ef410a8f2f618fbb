from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import datasets
import pytest
import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from .serving import Directories, Running

CONVERSATIONS = [
    [{"role": "user", "content": "open a"}, {"role": "assistant", "content": answer}]
    for answer in ("open(a)", "close(a)", "a much longer answer than the others " * 4, "x")
] + [
    [
        {"role": "system", "content": "You are short."},
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": "hello"},
        {"role": "user", "content": "bye"},
        {"role": "assistant", "content": "<|im_end|>"},
    ]
]


def classify(server: Running, **body: Any) -> Any:
    response = server.client.post("/classify", json={"model": "reward"} | body)
    assert response.status_code == 200, response.text
    return response.json()


def trained_on(directories: Directories, tmp_path: Any) -> list[list[int]]:
    """What TRL's RewardTrainer makes of the conversations."""
    from trl import RewardConfig, RewardTrainer

    rows = [{"prompt": c[:-1], "chosen": c[-1:], "rejected": c[-1:]} for c in CONVERSATIONS]
    trainer = RewardTrainer(
        model=AutoModelForSequenceClassification.from_pretrained(directories.reward),
        processing_class=AutoTokenizer.from_pretrained(directories.reward),
        args=RewardConfig(output_dir=str(tmp_path), report_to="none", use_cpu=True, max_length=None),
        train_dataset=datasets.Dataset.from_list(rows),
    )
    return [list(row["chosen_ids"]) for row in trainer.train_dataset]


def test_tokens_are_those_of_trl_and_scores_those_of_the_model(server, directories, tmp_path, monkeypatch):
    scored: list[list[int]] = []
    scorer = server.catalog.entries["reward"].model
    score = scorer._score
    monkeypatch.setattr(scorer, "_score", lambda rows: scored.extend(rows) or score(rows))
    with ThreadPoolExecutor(len(CONVERSATIONS)) as pool:
        bodies = list(pool.map(lambda c: classify(server, messages=c, use_activation=False), CONVERSATIONS))
    expected = trained_on(directories, tmp_path)
    assert sorted(scored) == sorted(expected)
    model = AutoModelForSequenceClassification.from_pretrained(directories.reward, dtype=torch.float32)
    with torch.inference_mode():
        alone = [model(input_ids=torch.tensor([ids])).logits.item() for ids in expected]
    assert [b["data"][0]["probs"][0] for b in bodies] == pytest.approx(alone, abs=1e-5)
    assert [b["usage"]["prompt_tokens"] for b in bodies] == [len(ids) for ids in expected]
    assert len({round(x, 3) for x in alone}) == len(alone)


def test_conversations_that_begin_alike_score_as_alone(server, monkeypatch):
    batches: list[int] = []
    scorer = server.catalog.entries["reward"].model
    score = scorer._score
    monkeypatch.setattr(scorer, "_score", lambda rows: batches.append(len(rows)) or score(rows))
    texts = [f"The same beginning of every text: {'ab' * i}" for i in range(9)]
    alone = [classify(server, input=text, use_activation=False)["data"][0]["probs"][0] for text in texts]
    assert batches == [1] * 9
    with_others = classify(server, input=[*texts, texts[0]], use_activation=False)["data"]
    assert batches[9:] == [10]
    assert [d["probs"][0] for d in with_others] == pytest.approx([*alone, alone[0]], abs=1e-5)


def test_the_answer_has_vllms_shape_and_a_sigmoid_by_default(server):
    raw = classify(server, messages=CONVERSATIONS[0], use_activation=False)["data"][0]["probs"][0]
    body = classify(server, messages=CONVERSATIONS[0])
    assert body["object"] == "list"
    assert body["model"] == "reward"
    assert body["data"] == [
        {"index": 0, "label": "LABEL_0", "num_classes": 1, "probs": [pytest.approx(1 / (1 + 2.718281828459045**-raw))]}
    ]


def test_plain_texts_are_scored_one_by_one(server):
    body = classify(server, input=["some text", "other", "some text"], use_activation=False)
    scores = [d["probs"][0] for d in body["data"]]
    assert [d["index"] for d in body["data"]] == [0, 1, 2]
    assert scores[0] == pytest.approx(scores[2])
    assert scores[0] != pytest.approx(scores[1])


def test_an_error_while_scoring_ends_its_requests_only(server, monkeypatch):
    scorer = server.catalog.entries["reward"].model
    score = scorer._score
    left = [1]

    def fail_once(rows: list[list[int]]) -> list[float]:
        if left:
            left.pop()
            raise RuntimeError("bad luck")
        return score(rows)

    monkeypatch.setattr(scorer, "_score", fail_once)
    failed = server.client.post("/classify", json={"model": "reward", "messages": CONVERSATIONS[0]})
    assert failed.status_code == 500
    assert "bad luck" in failed.json()["error"]["message"]
    assert classify(server, messages=CONVERSATIONS[0])["data"]


@pytest.mark.parametrize(
    "body",
    [
        {"model": "reward"},
        {"model": "reward", "messages": CONVERSATIONS[0], "input": "both"},
        {"model": "reward", "messages": []},
        {"model": "reward", "input": ""},
        {"model": "reward", "input": "x" * 3000},
        {"model": "base", "input": "x"},
    ],
)
def test_bad_requests_are_refused(server, body):
    response = server.client.post("/classify", json=body)
    assert response.status_code == 400
    assert response.json()["error"]["type"] == "invalid_request_error"
