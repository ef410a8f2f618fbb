import json
from enum import StrEnum
from typing import Any

import openai
import pytest
from conftest import Side
from openai import OpenAI
from pydantic import BaseModel

REFUSAL = "I'm sorry, I cannot assist with that request."


class Mode(StrEnum):
    warm = "warm"
    cold = "cold"


class Step(BaseModel):
    on: bool


class Light(BaseModel):
    room: str
    level: int
    mode: Mode
    steps: list[Step]


def tool(name: str, properties: dict[str, Any]) -> Any:
    parameters = {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }
    return {"type": "function", "function": {"name": name, "strict": True, "parameters": parameters}}


TOOLS = [
    tool("open_blind", {"room": {"type": "string"}}),
    tool("set_light", {"level": {"type": "integer", "minimum": 3}}),
]


def test_plain(side: Side, client: OpenAI) -> None:
    answer = client.chat.completions.create(model=side.model(), messages=side.messages)
    assert (answer.object, answer.model, answer.choices[0].message.content) == ("chat.completion", "gpt-x", "hello")
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens) == (10, 5)
    assert answer._request_id
    assert answer._request_id.startswith("req")


def test_raw_response(side: Side, client: OpenAI) -> None:
    raw = client.chat.completions.with_raw_response.create(model=side.model(), messages=side.messages)
    assert raw.headers["x-request-id"] == raw.request_id
    assert raw.headers["content-type"].startswith("application/json")
    assert raw.parse().choices[0].message.content == "hello"


def test_several_answers(side: Side, client: OpenAI) -> None:
    answer = client.chat.completions.create(
        model=side.model(),
        messages=side.messages,
        n=2,
        stop=["l"],
        logprobs=True,
        top_logprobs=2,
        seed=7,
        metadata={"a": "b"},
    )
    assert [choice.message.content for choice in answer.choices] == ["he", "he"]
    assert answer.choices[0].logprobs
    assert answer.choices[0].logprobs.content
    assert [len(each.top_logprobs) for each in answer.choices[0].logprobs.content] == [2, 2]


def test_pictures(side: Side, client: OpenAI) -> None:
    picture: Any = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}
    messages: Any = [{"role": "user", "content": [{"type": "text", "text": "a b"}, picture]}]
    answer = client.chat.completions.create(model=side.model(), messages=messages)
    assert answer.choices[0].message.content == "b a"
    assert answer.usage
    assert answer.usage.prompt_tokens == 95


def test_streamed(side: Side, client: OpenAI) -> None:
    stream = client.chat.completions.create(
        model=side.model(), messages=side.messages, stream=True, stream_options={"include_usage": True}
    )
    chunks = list(stream)
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices) == "hello"
    assert chunks[-1].usage
    assert chunks[-1].usage.completion_tokens == 5
    assert chunks[0].usage is None


def test_streaming_response(side: Side, client: OpenAI) -> None:
    create = client.chat.completions.with_streaming_response.create
    with create(model=side.model(), messages=side.messages, stream=True) as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        lines = [line for line in response.iter_lines() if line]
    assert lines[-1] == "data: [DONE]"
    assert all(json.loads(line.removeprefix("data: "))["object"] == "chat.completion.chunk" for line in lines[:-1])


def test_stream_context_manager(side: Side, client: OpenAI) -> None:
    deltas: list[str] = []
    with client.chat.completions.stream(model=side.model(), messages=side.messages) as stream:
        for event in stream:
            if event.type == "content.delta":
                deltas.append(event.delta)
        assert stream.get_final_completion().choices[0].message.content == "hello"
    assert "".join(deltas) == "hello"
    assert len(deltas) >= 5


def test_tools(side: Side, client: OpenAI) -> None:
    messages: list[Any] = [{"role": "user", "content": "open_blind and set_light"}]
    message = client.chat.completions.create(model=side.model(), messages=messages, tools=TOOLS).choices[0].message
    assert message.tool_calls
    assert message.content is None
    assert [call.function.name for call in message.tool_calls if call.type == "function"] == ["open_blind", "set_light"]
    results = [{"role": "tool", "tool_call_id": call.id, "content": "enod"} for call in message.tool_calls]
    answer = client.chat.completions.create(model=side.model(), messages=[*messages, message, *results], tools=TOOLS)
    assert answer.choices[0].message.content == "done"


def test_tools_streamed(side: Side, client: OpenAI) -> None:
    arguments = ["", ""]
    messages: list[Any] = [{"role": "user", "content": "open_blind and set_light"}]
    for chunk in client.chat.completions.create(model=side.model(), messages=messages, tools=TOOLS, stream=True):
        for call in chunk.choices[0].delta.tool_calls or []:
            assert call.function
            assert call.function.arguments is not None
            arguments[call.index] += call.function.arguments
    assert [json.loads(each) for each in arguments] == [{"room": "open_blind and set_light"}, {"level": 3}]
    with client.chat.completions.stream(model=side.model(), messages=messages, tools=TOOLS) as stream:
        calls = stream.get_final_completion().choices[0].message.tool_calls
    assert calls
    assert [call.function.parsed_arguments for call in calls] == [{"room": "open_blind and set_light"}, {"level": 3}]


def test_structured_output(side: Side, client: OpenAI) -> None:
    answer = client.chat.completions.parse(model=side.model(), messages=side.messages, response_format=Light)
    parsed = answer.choices[0].message.parsed
    assert parsed
    assert (parsed.room, parsed.mode, parsed.steps) == ("hello", Mode.warm, [Step(on=True)])
    with client.chat.completions.stream(model=side.model(), messages=side.messages, response_format=Light) as stream:
        assert stream.get_final_completion().choices[0].message.parsed == parsed
    call = client.chat.completions.parse(
        model=side.model(),
        messages=[{"role": "user", "content": "Light"}],
        tools=[openai.pydantic_function_tool(Light)],
    )
    calls = call.choices[0].message.tool_calls
    assert calls
    assert isinstance(calls[0].function.parsed_arguments, Light)


def test_refusal(side: Side, client: OpenAI) -> None:
    answer = client.chat.completions.parse(model=side.model("refuses"), messages=side.messages, response_format=Light)
    assert (answer.choices[0].message.parsed, answer.choices[0].message.refusal) == (None, REFUSAL)


def test_longest_answer(side: Side, client: OpenAI) -> None:
    with pytest.raises(openai.LengthFinishReasonError):
        client.chat.completions.parse(
            model=side.model(), messages=side.messages, response_format=Light, max_completion_tokens=3
        )


def test_registered_prompt(side: Side, client: OpenAI) -> None:
    if not side.through_triad:
        pytest.skip("an extension of Triad's")
    prompt = {"name": "house/call", "label": "production", "variables": {"mood": "brief", "sentence": "lights on"}}
    for stream in (False, True):
        answer: Any = client.chat.completions.create(
            model=side.model(), messages=[], stream=stream, extra_body={"prompt": prompt}
        )
        text = (
            "".join(each.choices[0].delta.content or "" for each in answer)
            if stream
            else answer.choices[0].message.content
        )
        assert text == "no sthgil"
    with pytest.raises(openai.BadRequestError) as refused:
        client.chat.completions.create(
            model=side.model(), messages=[], extra_body={"prompt": {**prompt, "variables": {"mood": "brief"}}}
        )
    assert refused.value.code == "undefined_variable"
    assert "sentence" in refused.value.message
