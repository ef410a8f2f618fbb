"""Reading a job spec and checking what its JSON Schema cannot say."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from triad_trainer.contract import JobSpec, LengthGrader, RewardModelGrader, RlOptions
from triad_trainer.errors import RunFailure


def read_json(path: Path) -> dict[str, Any]:
    """Read the JSON object in `path`.

    Raises:
        RunFailure: bad_spec.
    """
    try:
        document = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise RunFailure("bad_spec", f"{path}: not a readable JSON file: {error}") from error
    if not isinstance(document, dict):
        raise RunFailure("bad_spec", f"{path}: expected a JSON object.")
    return document


def parse_spec(document: dict[str, Any]) -> JobSpec:
    """Validate a job spec (contracts/job-spec.schema.json).

    Raises:
        RunFailure: bad_spec, naming the field.
    """
    try:
        spec = JobSpec.model_validate(document)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise RunFailure("bad_spec", f"Job spec, field {where}: {first['msg']}.") from error
    problem = _problem(spec)
    if problem:
        raise RunFailure("bad_spec", problem)
    return spec


def _problem(spec: JobSpec) -> str | None:
    hyper = spec.hyperparameters
    if hyper.batchSize % hyper.gradientAccumulationSteps:
        return (
            f"hyperparameters.batchSize ({hyper.batchSize}) must be a multiple of "
            f"gradientAccumulationSteps ({hyper.gradientAccumulationSteps})."
        )
    if spec.method == "dpo" and hyper.beta == 0:
        return "hyperparameters.beta must be above 0 for dpo: at 0 nothing is learnt."
    if spec.method != "grpo":
        return None
    if spec.rl is None:
        return "Method grpo needs the field rl."
    if spec.rl.gold is not None and spec.data.evalPath is None:
        return "rl.gold is measured on held-out rows, so data.evalPath is needed."
    return _rl_problem(hyper.batchSize, spec.rl)


def _rl_problem(batch_size: int, rl: RlOptions) -> str | None:
    if batch_size % rl.groupSize:
        return f"hyperparameters.batchSize ({batch_size}) must be a multiple of rl.groupSize ({rl.groupSize})."
    if rl.gold is not None and isinstance(rl.gold.root, LengthGrader):
        return "rl.gold may not be a length grader: it measures nothing worth having."
    for name, grader in (("reward", rl.reward), ("gold", rl.gold)):
        if grader is not None and isinstance(grader.root, RewardModelGrader) and grader.root.modelPath is None:
            return f"rl.{name}.modelPath is missing: the gateway fills it in when it hands out a spec."
    return None
