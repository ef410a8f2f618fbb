"""Group relative policy optimisation (Shao et al. 2024) with graders as rewards."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from datasets import Dataset
from transformers import TrainerCallback, TrainerControl, TrainerState
from trl import GRPOConfig, GRPOTrainer

from triad_trainer.arguments import common_arguments
from triad_trainer.artefact import save_adapter
from triad_trainer.checkpoint import ExactCheckpoints
from triad_trainer.contract import Grader, JobSpec, RlGuards, RlOptions
from triad_trainer.data import Rows
from triad_trainer.errors import RunFailure
from triad_trainer.generation import answer_greedily
from triad_trainer.graders import Sample, columns_of, make_grader
from triad_trainer.model import load_policy
from triad_trainer.progress import Progress, fit

DEFAULT_BETA = 0.04
# GRPOTrainer measures the KL only under a coefficient that is not 0; float32 adds nothing of this one to a loss.
MEASURING_BETA = 1e-30
LENGTH = "completions/mean_length"


class ExactGRPOTrainer(ExactCheckpoints, GRPOTrainer):  # type: ignore[misc]
    """GRPOTrainer with checkpoints as safetensors."""


def train_grpo(spec: JobSpec, train: Rows, held_out: Rows | None, progress: Progress) -> None:
    """Train an adapter on the rewards of sampled answers to {prompt, …columns} rows and publish it.

    The reference policy of the KL is the starting policy: given a PeftModel, GRPOTrainer copies its adapter
    as it is at the start, before a checkpoint is loaded. The KL is the mean per token of the estimator k3
    (Schulman 2020).

    Raises:
        RunFailure: bad_data when a row lacks a column that a grader names, and whatever loading raises.
    """
    rl = spec.rl
    assert rl is not None
    for grader, rows in ((rl.reward, train), (rl.gold, held_out)):
        if grader is not None and rows is not None:
            _check_columns(grader, rows)
    model, tokenizer = load_policy(spec)
    trainer = ExactGRPOTrainer(
        model=model,
        processing_class=tokenizer,
        reward_funcs=_reward_function(rl.reward),
        args=_arguments(spec, rl),
        train_dataset=Dataset.from_list(
            [{"prompt": row["prompt"], "item": json.dumps(_item(row))} for row in train.rows]
        ),
    )
    # Gold comes after Progress in the order of callbacks, so that `started` is the first event of training.
    callbacks: list[TrainerCallback] = [Guards(rl.guards or RlGuards(), progress)]
    if rl.gold is not None and held_out is not None:
        callbacks.append(Gold(make_grader(rl.gold), held_out, rl.maxNewTokens, tokenizer, spec, progress))
    fit(trainer, spec, progress, callbacks)
    if not progress.stopped:
        save_adapter(trainer.model, spec, progress.events)


def _arguments(spec: JobSpec, rl: RlOptions) -> GRPOConfig:
    beta = spec.hyperparameters.beta
    return GRPOConfig(
        num_generations=rl.groupSize,
        max_completion_length=rl.maxNewTokens,
        temperature=rl.temperature,
        beta=(DEFAULT_BETA if beta is None else beta) or MEASURING_BETA,
        **common_arguments(spec),
    )


def _item(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name != "prompt"}


def _check_columns(grader: Grader, rows: Rows) -> None:
    try:
        columns = columns_of(grader)
    except ValueError as error:
        raise RunFailure("bad_spec", f"{error}.") from error
    for index, row in enumerate(rows.rows):
        if missing := sorted(columns - row.keys()):
            raise rows.failure(index, f"the column {missing[0]!r} is missing, which a grader's template names.")


def _reward_function(grader: Grader) -> Callable[..., list[float]]:
    grade = make_grader(grader)

    def reward(prompts: list[Any], completions: list[Any], item: list[str], **_: Any) -> list[float]:
        return grade(
            [
                Sample(prompt, json.loads(columns), completion[0]["content"])
                for prompt, completion, columns in zip(prompts, completions, item, strict=True)
            ]
        )

    return reward


class Guards(TrainerCallback):  # type: ignore[misc]
    """Warn the first time the policy drifts too far or its answers grow too long; stop the run when asked to."""

    def __init__(self, guards: RlGuards, progress: Progress) -> None:
        self._guards = guards
        self._progress = progress
        self._warned: set[str] = set()

    def on_log(
        self, args: Any, state: TrainerState, control: TrainerControl, logs: dict[str, Any] | None = None, **kwargs: Any
    ) -> None:
        if logs is None or "kl" not in logs:
            return
        first = next(row for row in state.log_history if LENGTH in row)[LENGTH]
        passed = {
            "kl": ("KL to the starting policy", logs["kl"], self._guards.maxKl),
            "length": (
                "mean completion length over the first step's",
                logs[LENGTH] / first,
                self._guards.maxLengthRatio,
            ),
        }
        for name, (what, value, limit) in passed.items():
            if limit is None or value <= limit or name in self._warned:
                continue
            self._warned.add(name)
            self._progress.events.log("warn", f"Step {state.global_step}: {what} is {value:.3g}, over {limit:g}.")
            if self._guards.stop and state.global_step < state.max_steps:
                self._progress.guard_stopped = True
                control.should_save = True
                control.should_training_stop = True


class Gold(TrainerCallback):  # type: ignore[misc]
    """Measure the gold grader on the held-out rows, at the start, every evalEverySteps and at the end."""

    def __init__(
        self,
        grade: Callable[[list[Sample]], list[float]],
        rows: Rows,
        max_new_tokens: int,
        tokenizer: Any,
        spec: JobSpec,
        progress: Progress,
    ) -> None:
        self._grade, self._rows, self._tokenizer, self._progress = grade, rows.rows, tokenizer, progress
        self._max_new_tokens = max_new_tokens
        self._every = spec.hyperparameters.evalEverySteps

    def on_train_begin(self, args: Any, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        if state.global_step == 0:
            self._measure(state, kwargs["model"])

    def on_step_end(self, args: Any, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        due = self._every is not None and state.global_step % self._every == 0
        if due or state.global_step == state.max_steps:
            self._measure(state, kwargs["model"])

    def _measure(self, state: TrainerState, model: Any) -> None:
        prompts = [row["prompt"] for row in self._rows]
        outputs = answer_greedily(model, self._tokenizer, prompts, self._max_new_tokens)
        samples = [Sample(row["prompt"], _item(row), output) for row, output in zip(self._rows, outputs, strict=True)]
        scores = self._grade(samples)
        self._progress.report(state, {"gold": sum(scores) / len(scores), "gold_n": len(scores)})
