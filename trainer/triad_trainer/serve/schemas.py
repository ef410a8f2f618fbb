"""Request bodies, as OpenAI's and vLLM's clients send them."""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from .errors import ServeError
from .inputs import Input

B = TypeVar("B", bound=BaseModel)
Name = Annotated[str, Field(min_length=1, max_length=512)]

# Parameters that would change the answer and are not supported, with the values at which they change nothing.
NEUTRAL: dict[str, tuple[object, ...]] = {
    "tools": (None, []),
    "functions": (None, []),
    "tool_choice": (None, "none"),
    "response_format": (None, {"type": "text"}),
    "top_logprobs": (None, 0),
    "logit_bias": (None, {}),
    "frequency_penalty": (None, 0),
    "presence_penalty": (None, 0),
    "repetition_penalty": (None, 1),
    "top_k": (None, 0, -1),
    "min_p": (None, 0),
    "min_tokens": (None, 0),
    "ignore_eos": (None, False),
    "stop_token_ids": (None, []),
    "best_of": (None, 1),
    "echo": (None, False),
    "suffix": (None, ""),
    "dimensions": (None,),
    "use_beam_search": (None, False),
}


class StreamOptions(BaseModel):
    include_usage: bool = False


class TextPart(BaseModel):
    type: Literal["text"]
    text: str


class Message(BaseModel):
    role: Literal["system", "developer", "user", "assistant"]
    content: str | list[TextPart]

    def plain(self) -> dict[str, str]:
        """What chat templates take."""
        text = self.content if isinstance(self.content, str) else "".join(part.text for part in self.content)
        return {"role": self.role, "content": text}


class Generate(BaseModel):
    """What chat and text completions have in common."""

    model_config = ConfigDict(extra="allow")

    model: Name
    n: int = Field(1, ge=1, le=128)
    temperature: float | None = Field(None, ge=0, le=100)
    top_p: float | None = Field(None, gt=0, le=1)
    max_tokens: int | None = Field(None, ge=1)
    stop: Annotated[str, Field(min_length=1)] | list[Annotated[str, Field(min_length=1)]] | None = None
    seed: int | None = None
    stream: bool = False
    stream_options: StreamOptions | None = None


class ChatRequest(Generate):
    messages: list[Message] = Field(min_length=1)
    max_completion_tokens: int | None = Field(None, ge=1)
    logprobs: bool | None = None


class CompletionRequest(Generate):
    prompt: Input
    # Of the tokens chosen; alternatives are not kept.
    logprobs: Literal[0] | None = None


class EmbeddingRequest(BaseModel):
    model_config = ConfigDict(extra="allow")

    model: Name
    input: Input
    encoding_format: Literal["float", "base64"] = "float"


class ClassifyRequest(BaseModel):
    """vLLM's /classify: `input` as it is, or `messages` as one whole conversation."""

    model: Name
    messages: list[Message] | None = Field(None, min_length=1)
    input: str | list[str] | None = None
    use_activation: bool | None = None


class LoadAdapter(BaseModel):
    lora_name: Name
    lora_path: Name
    base_model_name: str | None = None


class UnloadAdapter(BaseModel):
    lora_name: Name


class LoadModel(BaseModel):
    model_config = ConfigDict(protected_namespaces=())

    model_name: Name
    model_path: Name
    kind: Literal["generate", "reward"]


class UnloadModel(BaseModel):
    model_config = ConfigDict(protected_namespaces=())

    model_name: Name


def parse(body: type[B], raw: bytes) -> B:
    """Validate a JSON body; 400 in OpenAI's shape, naming the first bad field and any unsupported parameter."""
    try:
        value = body.model_validate_json(raw)
    except ValidationError as error:
        first: Any = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        message = f"{where or 'body'}: {first['msg']}"
        raise ServeError(400, message, param=where or None, code="invalid_value") from error
    for name, given in (value.model_extra or {}).items():
        if name in NEUTRAL and given not in NEUTRAL[name]:
            raise ServeError(
                400,
                f"{name} is not supported by the embedded runtime; leave it out, or serve with vLLM",
                param=name,
                code="unsupported_parameter",
            )
    return value
