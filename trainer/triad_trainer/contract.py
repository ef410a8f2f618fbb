"""Generated from contracts/*.schema.json by trainer/generate_contract.py; do not edit."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import (
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    RootModel,
    StrictBool,
    StrictFloat,
    StrictInt,
    StrictStr,
)


class BaseRef(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
    )
    modelPath: StrictStr
    """
    Directory of the base model (safetensors, tokenizer).
    """
    adapterPath: StrictStr | None
    """
    Adapter to start from. sft, dpo and grpo go on training this very adapter (so that the result still belongs on the base alone); reward merges it into the backbone first.
    """


class DataRef(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
    )
    trainPath: StrictStr
    """
    JSONL in TRL's conversational shapes: sft {prompt: messages, completion: messages} or {messages}, whose last message is the completion; dpo and reward {prompt: messages, chosen: messages, rejected: messages, slice?: string}; grpo {prompt: messages, …columns that graders name}.
    """
    evalPath: StrictStr | None
    """
    Held-out rows of the same shape.
    """


class Hyperparameters(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
    )
    maxSteps: Annotated[StrictInt, Field(ge=1)]
    """
    Optimiser steps.
    """
    batchSize: Annotated[StrictInt, Field(ge=1)]
    """
    Rows per optimiser step (grpo: completions per optimiser step, a multiple of groupSize).
    """
    gradientAccumulationSteps: Annotated[StrictInt, Field(ge=1)] = 1
    """
    Into how many forward passes a batch is cut; batchSize must be a multiple.
    """
    learningRate: Annotated[StrictFloat, Field(gt=0.0)]
    scheduler: Literal["constant", "linear", "cosine"] = "linear"
    warmupSteps: Annotated[StrictInt, Field(ge=0)] = 0
    weightDecay: Annotated[StrictFloat, Field(ge=0.0)] = 0
    maxLength: Annotated[StrictInt, Field(ge=8)] = 512
    """
    Tokens of prompt + answer. Longer rows: sft and dpo cut them at the end, reward leaves them out with a warning; grpo does not use it (maxNewTokens bounds the answer).
    """
    checkpointEverySteps: Annotated[StrictInt, Field(ge=1)]
    evalEverySteps: Annotated[StrictInt | None, Field(ge=1)] = None
    beta: Annotated[StrictFloat | None, Field(ge=0.0)] = None
    """
    dpo: strength of the implicit KL (null: 0.1). grpo: KL coefficient (null: 0.04).
    """


class Lora(BaseModel):
    """
    The adapter to make. sft, dpo and grpo with an adapterPath train that adapter with its own settings instead.
    """

    model_config = ConfigDict(
        extra="forbid",
    )
    r: Annotated[StrictInt, Field(ge=1)]
    alpha: Annotated[StrictInt, Field(ge=1)]
    dropout: Annotated[StrictFloat, Field(ge=0.0, le=1.0)] = 0
    firstLayer: Annotated[StrictInt, Field(ge=0)] = 0
    """
    Adapt the linear layers of transformer layers firstLayer … last; lower ones stay frozen, which stops the backward pass early.
    """


class RewardModelOptions(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
    )
    layers: Annotated[StrictInt | None, Field(ge=1)] = None
    """
    Keep only the first n transformer layers of the backbone; null keeps all.
    """


class RlGuards(BaseModel):
    """
    Alarms; each is reported as an event of level warn the first time it is passed. stop=true ends the run with outcome guard_stopped after a checkpoint.
    """

    model_config = ConfigDict(
        extra="forbid",
    )
    maxKl: StrictFloat | None = 0.15
    """
    Mean KL per token to the starting policy, nats.
    """
    maxLengthRatio: StrictFloat | None = 1.5
    """
    Mean completion length over that of the first step.
    """
    stop: StrictBool = False


class StringCheckGrader(BaseModel):
    """
    OpenAI's string_check: 1 when the comparison holds, else 0. eq and ne compare exactly after trimming white space at both ends; like asks whether input contains reference, ilike the same without case.
    """

    model_config = ConfigDict(
        extra="forbid",
    )
    type: Literal["string_check"]
    operation: Literal["eq", "ne", "like", "ilike"]
    input: StrictStr
    reference: StrictStr


class FunctionCallGrader(BaseModel):
    """
    Parses `name(arg, arg, …)` from the first non-empty line of input and of reference and compares them after trimming, lower-casing and collapsing inner white space. Argument order counts. Score 1 when name and all arguments agree. With partial=true an answer that is not right gets 0.1 for parsing, 0.2 more for the right name, and 0.5 times the share of argument positions that agree (of the longer list; 1 when both are empty), the arguments counting only under the right name. An input that does not parse, or has anything but white space after the closing parenthesis on its line, scores 0.
    """

    model_config = ConfigDict(
        extra="forbid",
    )
    type: Literal["function_call"]
    input: StrictStr
    reference: StrictStr
    partial: StrictBool = False


class LengthGrader(BaseModel):
    """
    Number of white-space separated words in input divided by `per`, capped at `max`. A deliberately bad reward for showing reward hacking; never a gold score.
    """

    model_config = ConfigDict(
        extra="forbid",
    )
    type: Literal["length"]
    input: StrictStr
    per: Annotated[StrictFloat, Field(gt=0.0)]
    max: Annotated[StrictFloat, Field(gt=0.0)] = 10


class RewardModelGrader(BaseModel):
    """
    The scalar of a registered reward model for the conversation (prompt + answer). modelPath is filled in by the gateway when it hands a spec to a trainer.
    """

    model_config = ConfigDict(
        extra="forbid",
    )
    type: Literal["reward_model"]
    modelVersionId: StrictStr
    modelPath: StrictStr | None = None


class Grader(RootModel[StringCheckGrader | FunctionCallGrader | LengthGrader | RewardModelGrader]):
    root: Annotated[
        StringCheckGrader | FunctionCallGrader | LengthGrader | RewardModelGrader,
        Field(discriminator="type", title="Grader"),
    ]
    """
    A program that scores one answer. Used as the gold score of an evaluation suite and as a reward in RL. Templates may use {{sample.output_text}} and {{item.<column>}}; both are plain text substitution.
    """


class ManifestFile(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
    )
    path: Annotated[StrictStr, Field(min_length=1)]
    sha256: Annotated[StrictStr, Field(pattern="^[0-9a-f]{64}$")]
    bytes: Annotated[StrictInt, Field(ge=0)]


class Manifest(BaseModel):
    """
    What a directory of files is, byte for byte. sha256 is the SHA-256 of the lines `<file sha256>  <bytes>  <path>\\n` in ascending order of path (by code point); paths are relative, use '/', and never leave the directory.
    """

    model_config = ConfigDict(
        extra="forbid",
    )
    sha256: Annotated[StrictStr, Field(pattern="^[0-9a-f]{64}$")]
    bytes: Annotated[StrictInt, Field(ge=0)]
    files: Annotated[list[ManifestFile], Field(min_length=1)]


class Estimate(BaseModel):
    """
    A mean with its 95% percentile-bootstrap interval (10,000 seeded resamples, clustered by prompt).
    """

    model_config = ConfigDict(
        extra="forbid",
    )
    value: StrictFloat
    low: StrictFloat
    high: StrictFloat


class SliceReport(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
    )
    name: StrictStr
    pairs: StrictInt
    accuracy: Estimate


class RewardReport(BaseModel):
    """
    Held-out evidence for a reward model, computed on data.evalPath (prompts not seen in training). accuracy is the share of pairs with r(chosen) > r(rejected), a tie counting one half.
    """

    model_config = ConfigDict(
        extra="forbid",
    )
    pairs: Annotated[StrictInt, Field(ge=0)]
    prompts: Annotated[StrictInt, Field(ge=0)]
    accuracy: Estimate
    slices: list[SliceReport]
    """
    One entry per value of the rows' `slice` column, in order of name.
    """
    lengthBaselineAccuracy: StrictFloat
    """
    Accuracy of the better of the two rules 'the longer answer wins' and 'the shorter answer wins' (tokens, tie one half).
    """
    lengthSpearman: StrictFloat | None
    """
    Spearman's rank correlation of reward with answer length in tokens, over all answers; null when either is constant.
    """
    ece: StrictFloat
    """
    Expected calibration error of p = sigmoid(r_chosen - r_rejected), 15 equal-width bins, pairs in seeded random order.
    """
    nll: StrictFloat
    """
    Mean -ln sigmoid(r_chosen - r_rejected); ln 2 = 0.6931 is chance.
    """


class StartedEvent(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
    )
    seq: Annotated[StrictInt, Field(ge=1)]
    at: AwareDatetime
    type: Literal["started"]
    totalSteps: StrictInt
    resumedFromStep: Annotated[StrictInt, Field(ge=0)]
    """
    0 for a fresh start.
    """
    trainRows: StrictInt
    evalRows: StrictInt
    trainableParameters: StrictInt
    device: StrictStr
    versions: dict[str, StrictStr]


class MetricsEvent(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
    )
    seq: Annotated[StrictInt, Field(ge=1)]
    at: AwareDatetime
    type: Literal["metrics"]
    step: Annotated[StrictInt, Field(ge=0)]
    totalSteps: Annotated[StrictInt, Field(ge=1)]
    elapsedSeconds: Annotated[StrictFloat, Field(ge=0.0)]
    """
    Since this attempt's first step.
    """
    etaSeconds: Annotated[StrictFloat | None, Field(ge=0.0)]
    metrics: dict[str, StrictFloat | None]
    """
    Standard names: loss, learning_rate, grad_norm, mean_token_accuracy, eval_loss; rl: reward, reward_std, kl, completion_length, gold, gold_n. A value that is not finite is null.
    """


class LogEvent(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
    )
    seq: Annotated[StrictInt, Field(ge=1)]
    at: AwareDatetime
    type: Literal["log"]
    level: Literal["info", "warn", "error"]
    message: Annotated[StrictStr, Field(max_length=4000)]


class CheckpointEvent(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
    )
    seq: Annotated[StrictInt, Field(ge=1)]
    at: AwareDatetime
    type: Literal["checkpoint"]
    step: Annotated[StrictInt, Field(ge=0)]
    path: StrictStr
    manifest: Manifest
    metrics: dict[str, StrictFloat | None]


class ReportEvent(BaseModel):
    """
    The held-out report of a reward model.
    """

    model_config = ConfigDict(
        extra="forbid",
    )
    seq: Annotated[StrictInt, Field(ge=1)]
    at: AwareDatetime
    type: Literal["report"]
    report: RewardReport


class ArtefactEvent(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
    )
    seq: Annotated[StrictInt, Field(ge=1)]
    at: AwareDatetime
    type: Literal["artefact"]
    path: StrictStr
    kind: Literal["adapter", "reward_model"]
    """
    adapter: a PEFT adapter for base.modelPath alone. reward_model: a self-contained sequence-classification checkpoint with one label.
    """
    manifest: Manifest


class RunError(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
    )
    code: Literal[
        "bad_spec", "bad_data", "bad_model", "bad_checkpoint", "out_of_memory", "disk_full", "diverged", "internal"
    ]
    message: Annotated[StrictStr, Field(max_length=4000)]


class FinishedEvent(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
    )
    seq: Annotated[StrictInt, Field(ge=1)]
    at: AwareDatetime
    type: Literal["finished"]
    outcome: Literal["succeeded", "stopped", "guard_stopped", "failed"]
    error: RunError | None
    step: Annotated[StrictInt, Field(ge=0)]
    seconds: Annotated[StrictFloat, Field(ge=0.0)]
    cpuSeconds: Annotated[StrictFloat, Field(ge=0.0)]
    trainedTokens: Annotated[StrictInt | None, Field(ge=0)]
    """
    Tokens of prompt and answer that this attempt trained on (grpo: also generated).
    """
    peakMemoryBytes: Annotated[StrictInt, Field(ge=0)]


class RlOptions(BaseModel):
    """
    reward is what the policy is trained on.
    """

    model_config = ConfigDict(
        extra="forbid",
    )
    groupSize: Annotated[StrictInt, Field(ge=2)]
    """
    Rollouts per prompt.
    """
    temperature: Annotated[StrictFloat, Field(gt=0.0)]
    maxNewTokens: Annotated[StrictInt, Field(ge=1)]
    reward: Grader
    gold: Grader | None
    """
    Independent measure, never trained on: on the held-out rows every evalEverySteps, greedy decoding.
    """
    guards: Annotated[RlGuards | None, Field(title="RlGuards")] = None
    """
    Alarms; each is reported as an event of level warn the first time it is passed. stop=true ends the run with outcome guard_stopped after a checkpoint.
    """


class JobSpec(BaseModel):
    """
    Everything a trainer needs for one attempt at one fine-tune job. It holds no secret: the one-run token travels beside it.
    """

    model_config = ConfigDict(
        extra="forbid",
    )
    contractVersion: Literal[1]
    jobId: StrictStr
    attempt: Annotated[StrictInt, Field(ge=1)]
    method: Literal["sft", "dpo", "reward", "grpo"]
    base: Annotated[BaseRef, Field(title="BaseRef")]
    data: Annotated[DataRef, Field(title="DataRef")]
    outputDir: StrictStr
    """
    Directory of this attempt. The trainer writes checkpoints/step-<n>/, artefact/ and spool/ below it.
    """
    resumeFrom: StrictStr | None
    """
    Checkpoint directory to go on from, exactly (weights, optimiser, scheduler, RNG, data position).
    """
    seed: Annotated[StrictInt, Field(ge=0)]
    hyperparameters: Annotated[Hyperparameters, Field(title="Hyperparameters")]
    lora: Annotated[Lora, Field(title="Lora")]
    """
    The adapter to make. sft, dpo and grpo with an adapterPath train that adapter with its own settings instead.
    """
    reward: Annotated[RewardModelOptions | None, Field(title="RewardModelOptions")] = None
    rl: Annotated[RlOptions | None, Field(title="RlOptions")] = None
    """
    reward is what the policy is trained on.
    """
    eventsUrl: StrictStr | None
    """
    Where event batches are posted (run-events.schema.json); null writes them to the spool only (for use without a gateway).
    """


class RunEvent(
    RootModel[StartedEvent | MetricsEvent | LogEvent | CheckpointEvent | ReportEvent | ArtefactEvent | FinishedEvent]
):
    root: Annotated[
        StartedEvent | MetricsEvent | LogEvent | CheckpointEvent | ReportEvent | ArtefactEvent | FinishedEvent,
        Field(discriminator="type", title="RunEvent"),
    ]


class RunEventBatch(BaseModel):
    """
    Body of POST {eventsUrl}, with Authorization: Bearer <one-run token>. Events are numbered from 1 within an attempt without gaps; the gateway stores each (attempt, seq) once, so a batch may be sent again; while there is nothing new the last event is sent again every 10 s as a sign of life. Answer 200 {"acknowledged": <highest seq stored>, "stop": <true when the run was asked to stop>}. 409 means that the run is over: stop without writing. 401: the token is not that of the run's current attempt (another attempt took over): stop without writing. Anything else: keep in the spool and retry with back-off.
    """

    model_config = ConfigDict(
        extra="forbid",
    )
    contractVersion: Literal[1]
    attempt: Annotated[StrictInt, Field(ge=1)]
    events: Annotated[list[RunEvent], Field(max_length=500, min_length=1)]
