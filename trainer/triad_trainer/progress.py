"""Callback that reports a training run as events and carries stop requests into it."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from typing import Any

from transformers import PrinterCallback, TrainerCallback, TrainerControl, TrainerState

from triad_trainer.contract import JobSpec, Manifest
from triad_trainer.errors import RunFailure
from triad_trainer.events import EventLog
from triad_trainer.model import device

ETA_WINDOW = 20
VERSIONS = ("torch", "transformers", "trl", "peft", "accelerate", "datasets", "safetensors")
# TRL's names on the left, the contract's on the right.
RENAMED = {"completions/mean_length": "completion_length"}


class Stopped(Exception):
    """The run was asked to stop before its first step."""


class AlreadyTrained(Exception):
    """The checkpoint resumed from is that of the last step."""


class Progress(TrainerCallback):  # type: ignore[misc]
    """Emit started, metrics and checkpoint events; stop with a checkpoint when `events.stop_requested` is set."""

    def __init__(self, events: EventLog, train_rows: int, eval_rows: int) -> None:
        self.events = events
        self.rows = {"trainRows": train_rows, "evalRows": eval_rows}
        self.step = 0
        self.stopped = False
        self.guard_stopped = False
        self.trained_tokens: int | None = None
        self._tokens_before = 0
        self._step_ends: deque[float] = deque(maxlen=ETA_WINDOW + 1)
        self._start: float | None = None
        self._metrics: dict[str, float | None] = {}

    @property
    def outcome(self) -> str:
        """The outcome of a run that did not fail."""
        if self.guard_stopped:
            return "guard_stopped"
        return "stopped" if self.stopped else "succeeded"

    def on_train_begin(self, args: Any, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        self.step = state.global_step
        if self.events.stop_requested.is_set():
            raise Stopped
        self._tokens_before = state.num_input_tokens_seen
        model = kwargs["model"]
        self.events.emit(
            "started",
            totalSteps=state.max_steps,
            resumedFromStep=state.global_step,
            trainableParameters=sum(value.numel() for value in model.parameters() if value.requires_grad),
            device=device(),
            versions={name: version(name) for name in VERSIONS},
            **self.rows,
        )
        if state.global_step >= state.max_steps:
            raise AlreadyTrained

    def on_step_begin(self, args: Any, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        if self._start is None:
            self._start = time.monotonic()
            self._step_ends.append(self._start)

    def on_step_end(self, args: Any, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        self.step = state.global_step
        self._step_ends.append(time.monotonic())
        if self.events.stop_requested.is_set() and state.global_step < state.max_steps:
            self.stopped = True
            control.should_save = True
            control.should_training_stop = True

    def on_log(
        self, args: Any, state: TrainerState, control: TrainerControl, logs: dict[str, Any] | None = None, **kwargs: Any
    ) -> None:
        logs = logs or {}
        if "train_runtime" in logs:
            return
        self.report(state, logs)
        if "loss" in logs:
            if "num_tokens" in logs:
                self.trained_tokens = int(logs["num_tokens"]) - self._tokens_before
            _refuse_divergence(state.global_step, logs)

    def report(self, state: TrainerState, values: Mapping[str, Any]) -> None:
        """Emit one metrics event; what is not finite becomes null."""
        metrics = {
            RENAMED.get(name, name): float(value) if math.isfinite(value) else None
            for name, value in values.items()
            if isinstance(value, (int, float)) and name != "epoch"
        }
        self._metrics = metrics
        self.events.emit(
            "metrics",
            step=state.global_step,
            totalSteps=state.max_steps,
            elapsedSeconds=0.0 if self._start is None else time.monotonic() - self._start,
            etaSeconds=self._eta(state),
            metrics=metrics,
        )

    def on_checkpoint(self, step: int, path: Path, manifest: Manifest) -> None:
        """Emit a checkpoint event, with the metrics reported last."""
        self.events.emit("checkpoint", step=step, path=str(path), manifest=manifest, metrics=self._metrics)

    def _eta(self, state: TrainerState) -> float | None:
        """Remaining steps times the mean duration of the last ETA_WINDOW steps, seconds."""
        if len(self._step_ends) < 2:
            return None
        seconds = (self._step_ends[-1] - self._step_ends[0]) / (len(self._step_ends) - 1)
        return seconds * int(state.max_steps - state.global_step)


def fit(trainer: Any, spec: JobSpec, progress: Progress, callbacks: Sequence[TrainerCallback] = ()) -> None:
    """Train from the start, or exactly on from spec.resumeFrom, until maxSteps or a stop; report to `progress`.

    `callbacks` are called after `progress`.
    """
    trainer.remove_callback(PrinterCallback)
    for callback in (progress, *callbacks):
        trainer.add_callback(callback)
    trainer.on_checkpoint = progress.on_checkpoint
    # Trainer would make one step too many from the checkpoint of the last one.
    with suppress(AlreadyTrained):
        trainer.train(resume_from_checkpoint=spec.resumeFrom)


def _refuse_divergence(step: int, logs: Mapping[str, Any]) -> None:
    for name in ("loss", "grad_norm"):
        if name in logs and not math.isfinite(logs[name]):
            raise RunFailure(
                "diverged",
                f"{name} was {logs[name]} at step {step}: the run diverged. Its last good checkpoint is kept. "
                "Lower learningRate, or add warmupSteps.",
            )
