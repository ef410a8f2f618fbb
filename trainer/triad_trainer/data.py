"""Training rows: JSON lines in TRL's conversational shapes, checked line by line."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from triad_trainer.errors import RunFailure

Method = Literal["sft", "dpo", "reward", "grpo"]


class Message(BaseModel):
    model_config = ConfigDict(extra="ignore")
    role: Literal["system", "developer", "user", "assistant", "tool"]
    content: str


Messages = Annotated[list[Message], Field(min_length=1)]


def _ends_with_assistant(messages: list[Message]) -> list[Message]:
    if messages[-1].role != "assistant":
        raise ValueError("the last message must be the assistant's")
    return messages


class CompletionRow(BaseModel):
    """A prompt and the answer to learn."""

    prompt: Messages
    completion: Messages

    check = field_validator("completion")(_ends_with_assistant)


class MessagesRow(BaseModel):
    """A conversation; its last message is the answer to learn."""

    messages: Annotated[list[Message], Field(min_length=2)]

    check = field_validator("messages")(_ends_with_assistant)


class PreferenceRow(BaseModel):
    """A prompt with a better and a worse answer."""

    prompt: Messages
    chosen: Messages
    rejected: Messages
    slice: str | None = None

    check = field_validator("chosen", "rejected")(_ends_with_assistant)


class PromptRow(BaseModel):
    """A prompt with the columns that graders name."""

    model_config = ConfigDict(extra="allow")
    prompt: Messages

    @field_validator("prompt")
    @classmethod
    def check(cls, messages: list[Message]) -> list[Message]:
        if messages[-1].role == "assistant":
            raise ValueError("the last message must not be the assistant's")
        return messages


@dataclass(frozen=True)
class Rows:
    """Rows of one file; `lines[i]` is the line number, from 1, of `rows[i]`."""

    path: Path
    rows: list[dict[str, Any]]
    lines: list[int]

    def failure(self, index: int, what: str) -> RunFailure:
        """A bad_data failure that names the file and line of row `index`."""
        return RunFailure("bad_data", f"{self.path.name}:{self.lines[index]}: {what}")


def read_rows(path: Path, method: Method) -> Rows:
    """Read and check the JSON lines of `path`; blank lines are skipped.

    sft rows come back as {prompt, completion}, whichever of the two shapes they had.

    Raises:
        RunFailure: bad_data, naming file and line.
    """
    result = Rows(path, [], [])
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                if line.strip():
                    result.lines.append(number)
                    result.rows.append(_parse(result, line, method))
    except FileNotFoundError as error:
        raise RunFailure("bad_data", f"{path}: no such file") from error
    if not result.rows:
        raise RunFailure("bad_data", f"{path.name}: no rows; at least one is needed")
    return result


def _parse(rows: Rows, line: bytes, method: Method) -> dict[str, Any]:
    shape: type[BaseModel] = PromptRow if method == "grpo" else PreferenceRow
    if method == "sft":
        shape = CompletionRow if b'"completion"' in line else MessagesRow
    try:
        row = shape.model_validate_json(line).model_dump()
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise rows.failure(-1, f"{where + ': ' if where else ''}{first['msg']}") from error
    if "messages" in row:
        return {"prompt": row["messages"][:-1], "completion": row["messages"][-1:]}
    return row
