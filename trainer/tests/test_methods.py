"""Each method end to end on a tiny random model: what it learns, what it reports, what it publishes."""

import json
import math
from pathlib import Path

import pytest
import torch
from conftest import FUNCTION_CALL, metric, of_type, rows_for, run, write_rows
from datasets import Dataset
from peft import PeftModel
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification, AutoTokenizer
from trl import RewardConfig, RewardTrainer

from triad_trainer.contract import Manifest, RunEventBatch
from triad_trainer.errors import ExitCode
from triad_trainer.manifest import difference
from triad_trainer.scoring import Scorer, conversation_ids


def artefact_of(events, kind):
    (event,) = of_type(events, "artefact")
    assert event["kind"] == kind
    assert difference(Manifest.model_validate(event["manifest"]), Path(event["path"])) is None
    return Path(event["path"])


def check_protocol(code, events, outcome="succeeded"):
    RunEventBatch.model_validate({"contractVersion": 1, "attempt": 1, "events": events})
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
    assert events[-1]["type"] == "finished"
    assert (code, events[-1]["outcome"], events[-1]["error"]) == (ExitCode.SUCCEEDED, outcome, None)
    assert events[-1]["trainedTokens"] > 0
    assert events[-1]["cpuSeconds"] > 0
    steps = [event["step"] for event in of_type(events, "metrics") if "loss" in event["metrics"]]
    assert steps == list(range(1, events[-1]["step"] + 1))


def test_sft_learns_the_completions(make_spec):
    code, events = run(make_spec("sft", maxSteps=40, batchSize=8, checkpointEverySteps=40, evalEverySteps=20))
    check_protocol(code, events)
    loss, held_out = metric(events, "loss"), metric(events, "eval_loss")
    assert loss[40] < loss[1] / 2
    assert held_out[40] < held_out[20]
    assert metric(events, "mean_token_accuracy")[40] > 0.5
    adapter = artefact_of(events, "adapter")
    assert {path.name for path in adapter.iterdir()} == {"adapter_config.json", "adapter_model.safetensors"}
    (started,) = of_type(events, "started")
    assert (started["trainRows"], started["evalRows"], started["resumedFromStep"]) == (10, 6, 0)
    weights = load_file(adapter / "adapter_model.safetensors")
    assert started["trainableParameters"] == sum(value.numel() for value in weights.values())
    assert not any(".layers.0." in name for name in weights)
    assert {name.split(".")[-3] for name in weights} == {
        "q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"
    }  # fmt: skip


def test_sft_learns_nothing_of_the_prompt(make_spec, tiny_model):
    """The first step's loss is the mean cross-entropy of the completion's tokens alone."""
    spec = make_spec("sft", batchSize=10, maxSteps=1)
    _, events = run(spec)
    tokenizer = AutoTokenizer.from_pretrained(tiny_model)
    model = AutoModelForCausalLM.from_pretrained(tiny_model)
    total, count = 0.0, 0
    for row in rows_for("sft", 10):
        prompt = tokenizer.apply_chat_template(row["prompt"], add_generation_prompt=True, return_dict=True)["input_ids"]
        whole = tokenizer.apply_chat_template(row["prompt"] + row["completion"], return_dict=True)["input_ids"]
        with torch.no_grad():
            logp = model(torch.tensor([whole])).logits[0].log_softmax(-1)
        total -= sum(logp[at - 1, whole[at]].item() for at in range(len(prompt), len(whole)))
        count += len(whole) - len(prompt)
    assert metric(events, "loss")[1] == pytest.approx(total / count, abs=1e-4)


def test_an_adapter_is_trained_further_and_belongs_on_the_base_alone(make_spec, tiny_model, tiny_adapter):
    base = {"modelPath": str(tiny_model), "adapterPath": str(tiny_adapter)}
    _, events = run(make_spec("sft", base=base, learningRate=1e-9))
    before = load_file(tiny_adapter / "adapter_model.safetensors")
    after = load_file(artefact_of(events, "adapter") / "adapter_model.safetensors")
    assert before.keys() == after.keys()
    assert all(torch.allclose(before[name], after[name], atol=1e-6) for name in before)
    assert any(not torch.equal(before[name], after[name]) for name in before)


@pytest.mark.parametrize("adapted", [False, True])
def test_the_reference_of_dpo_is_the_starting_policy(adapted, make_spec, tiny_model, tiny_adapter):
    base = {"modelPath": str(tiny_model), "adapterPath": str(tiny_adapter) if adapted else None}
    code, events = run(make_spec("dpo", base=base, maxSteps=20, evalEverySteps=20, learningRate=0.02))
    check_protocol(code, events)
    assert metric(events, "loss")[1] == pytest.approx(math.log(2), abs=1e-6)
    assert metric(events, "rewards/margins")[1] == pytest.approx(0, abs=1e-6)
    assert metric(events, "rewards/margins")[20] > 0
    assert metric(events, "eval_loss")[20] < math.log(2)
    weights = load_file(artefact_of(events, "adapter") / "adapter_model.safetensors")
    assert not any("ref" in name for name in weights)
    assert of_type(events, "started")[0]["trainableParameters"] == sum(value.numel() for value in weights.values())


@pytest.mark.parametrize("adapted", [False, True])
@pytest.mark.parametrize("beta", [0, 0.04])
def test_the_reference_of_grpo_is_the_starting_policy(adapted, beta, make_spec, tiny_model, tiny_adapter):
    base = {"modelPath": str(tiny_model), "adapterPath": str(tiny_adapter) if adapted else None}
    code, events = run(make_spec("grpo", base=base, beta=beta, maxSteps=6, batchSize=8, learningRate=0.02))
    check_protocol(code, events)
    kl = metric(events, "kl")
    assert kl[1] == pytest.approx(0, abs=1e-9)
    assert kl[6] > 1e-4
    assert metric(events, "completion_length")[1] > 0
    assert {"reward", "reward_std"} <= of_type(events, "metrics")[0]["metrics"].keys()
    artefact_of(events, "adapter")


def test_grpo_raises_its_reward_and_the_guard_on_length_sees_a_bad_one(make_spec):
    spec = make_spec("grpo", maxSteps=20, batchSize=32, learningRate=0.05, beta=0, scheduler="constant")
    spec["rl"] |= {"groupSize": 16, "reward": {"type": "length", "input": "{{sample.output_text}}", "per": 1}}
    spec["rl"]["guards"] = {"maxKl": None, "maxLengthRatio": 0.5}
    code, events = run(spec)
    reward = list(metric(events, "reward").values())
    assert sum(reward[-5:]) > 1.5 * sum(reward[:5])
    (warning,) = (event["message"] for event in of_type(events, "log") if event["level"] == "warn")
    assert "mean completion length" in warning
    assert code == ExitCode.SUCCEEDED


def test_gold_is_measured_at_the_start_every_few_steps_and_at_the_end(make_spec):
    spec = make_spec("grpo", maxSteps=5, evalEverySteps=2)
    spec["rl"]["gold"] = FUNCTION_CALL
    code, events = run(spec)
    check_protocol(code, events)
    gold = metric(events, "gold")
    assert list(gold) == [0, 2, 4, 5]
    assert set(metric(events, "gold_n").values()) == {6}
    without = make_spec("grpo", maxSteps=5, evalEverySteps=2)
    assert metric(run(without)[1], "reward") == metric(events, "reward")


def test_gold_of_a_policy_that_was_taught_the_answers_is_high(make_spec, tiny_model):
    """Greedy decoding of the held-out rows finds what SFT taught."""
    taught = make_spec("sft", maxSteps=150, batchSize=10, learningRate=0.02, checkpointEverySteps=150)
    adapter = artefact_of(run({**taught, "lora": {"r": 8, "alpha": 16}})[1], "adapter")
    base = {"modelPath": str(tiny_model), "adapterPath": str(adapter)}
    spec = make_spec("grpo", maxSteps=1, base=base)
    spec["data"]["evalPath"] = spec["data"]["trainPath"]
    spec["rl"] |= {"gold": {**FUNCTION_CALL, "partial": False}, "maxNewTokens": 16}
    assert metric(run(spec)[1], "gold")[0] > 0.8


def test_a_guard_warns_once_and_stops_with_an_artefact(make_spec):
    spec = make_spec("grpo", maxSteps=30, batchSize=8, learningRate=0.05, beta=0, checkpointEverySteps=30)
    spec["rl"]["guards"] = {"maxKl": 0.001, "maxLengthRatio": None, "stop": True}
    code, events = run(spec)
    assert code == ExitCode.GUARD_STOPPED
    assert events[-1]["outcome"] == "guard_stopped"
    assert events[-1]["step"] < 30
    warnings = [event["message"] for event in of_type(events, "log") if event["level"] == "warn"]
    assert len(warnings) == 1
    assert "KL to the starting policy" in warnings[0]
    assert [event["step"] for event in of_type(events, "checkpoint")] == [events[-1]["step"]]
    artefact_of(events, "adapter")


@pytest.mark.parametrize("adapted", [False, True])
def test_a_reward_model_is_self_contained_and_reported_on(adapted, make_spec, tiny_model, tiny_adapter):
    base = {"modelPath": str(tiny_model), "adapterPath": str(tiny_adapter) if adapted else None}
    spec = make_spec("reward", base=base, reward={"layers": 2}, maxSteps=30, learningRate=0.02, evalEverySteps=30)
    code, events = run(spec)
    check_protocol(code, events)
    assert metric(events, "accuracy")[30] == 1
    directory = artefact_of(events, "reward_model")
    config = json.loads((directory / "config.json").read_text())
    assert (config["num_hidden_layers"], config["pad_token_id"]) == (2, 0)
    model, info = AutoModelForSequenceClassification.from_pretrained(directory, output_loading_info=True)
    assert model.config.num_labels == 1
    assert not info["missing_keys"]
    assert not info["unexpected_keys"]
    assert AutoTokenizer.from_pretrained(directory).chat_template
    (report,) = (event["report"] for event in of_type(events, "report"))
    # The report comes from the published directory, eval_loss from the model in training: they see the same tokens.
    assert report["nll"] == pytest.approx(metric(events, "eval_loss")[30], abs=1e-5)
    assert report["accuracy"]["value"] == pytest.approx(metric(events, "eval_accuracy")[30])
    assert (report["pairs"], report["prompts"]) == (6, 6)
    assert [part["name"] for part in report["slices"]] == ["close", "open"]


def test_a_reward_model_starts_from_the_merged_adapter(make_spec, tiny_model, tiny_adapter):
    """With nothing learnt, the published backbone is the base with the adapter merged in."""
    base = {"modelPath": str(tiny_model), "adapterPath": str(tiny_adapter)}
    _, events = run(make_spec("reward", base=base, maxSteps=1, learningRate=1e-12))
    published = load_file(artefact_of(events, "reward_model") / "model.safetensors")
    causal = AutoModelForCausalLM.from_pretrained(tiny_model)
    merged = PeftModel.from_pretrained(causal, str(tiny_adapter)).merge_and_unload().state_dict()
    assert len(published) == len([name for name in merged if name != "lm_head.weight"]) + 1
    for name, value in published.items():
        if name != "score.weight":
            assert torch.allclose(value, merged[name], atol=1e-5)


def test_scoring_reads_the_tokens_that_trl_trains_on(tiny_reward_model, tmp_path):
    rows = rows_for("reward", 6)
    tokenizer = AutoTokenizer.from_pretrained(tiny_reward_model)
    trainer = RewardTrainer(
        model=AutoModelForSequenceClassification.from_pretrained(tiny_reward_model),
        processing_class=tokenizer,
        args=RewardConfig(output_dir=str(tmp_path), report_to="none", use_cpu=True, bf16=False),
        train_dataset=Dataset.from_list(rows),
    )
    for row, seen in zip(rows, trainer.train_dataset, strict=True):
        assert conversation_ids(tokenizer, row["prompt"] + row["chosen"]) == seen["chosen_ids"]
        assert conversation_ids(tokenizer, row["prompt"] + row["rejected"]) == seen["rejected_ids"]


def test_scores_do_not_depend_on_the_batch(tiny_reward_model):
    scorer = Scorer(tiny_reward_model)
    conversations = [row["prompt"] + row["rejected"] for row in rows_for("reward", 70)] + [
        [{"role": "user", "content": "a much longer prompt than the others " * 2}]
    ]
    together = scorer.score(conversations)
    assert together == pytest.approx([scorer.score([conversation])[0] for conversation in conversations], abs=1e-5)


@pytest.mark.parametrize(
    ("method", "part", "limit", "says"),
    [
        ("reward", "rejected", 60, "are longer than maxLength (60 tokens)"),
        ("sft", "prompt", 48, "have a prompt that alone fills maxLength (48 tokens)"),
        ("dpo", "prompt", 48, "have a prompt that alone fills maxLength (48 tokens)"),
    ],
)
def test_rows_that_are_too_long_are_left_out_with_a_warning(method, part, limit, says, make_spec, tmp_path):
    spec = make_spec(method, maxLength=limit, maxSteps=1)
    rows = rows_for(method, 8)
    rows[3][part][0]["content"] *= 5
    spec["data"]["trainPath"] = write_rows(tmp_path / "long.jsonl", rows)
    code, events = run(spec)
    assert code == ExitCode.SUCCEEDED
    (warning,) = (event["message"] for event in of_type(events, "log") if event["level"] == "warn")
    assert warning == f"long.jsonl: 1 of 8 rows {says} and are left out, the first at line 4."
