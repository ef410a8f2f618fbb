"""A real model on the embedded runtime, by a registered name."""

from typing import Any

import openai
import pytest
from conftest import Side
from openai import OpenAI

# Whose answers are longer than what is asked for.
SAMPLING: dict[str, Any] = {"temperature": 0.7, "seed": 4}


def test_chat(side: Side, client: OpenAI) -> None:
    answer = client.chat.completions.create(
        model=side.model("@latest"), messages=side.messages, max_completion_tokens=12, **SAMPLING
    )
    assert answer.choices[0].finish_reason == "length"
    assert answer.usage
    assert answer.usage.completion_tokens == 12
    stream = client.chat.completions.create(
        model=side.model("/1"), messages=side.messages, max_completion_tokens=12, **SAMPLING, stream=True
    )
    text = "".join(chunk.choices[0].delta.content or "" for chunk in stream if chunk.choices)
    assert text == answer.choices[0].message.content


def test_helper(side: Side, client: OpenAI) -> None:
    with (
        pytest.raises(openai.LengthFinishReasonError) as cut,
        client.chat.completions.stream(
            model=side.model("@latest"),
            messages=side.messages,
            max_tokens=8,
            stream_options={"include_usage": True},
            **SAMPLING,
        ) as stream,
    ):
        stream.get_final_completion()
    assert cut.value.completion.usage
    assert cut.value.completion.usage.completion_tokens == 8


@pytest.mark.route("completions")
def test_completion(side: Side, client: OpenAI) -> None:
    answer = client.completions.create(model=side.model("@latest"), prompt="Once", max_tokens=5, temperature=0)
    assert answer.object == "text_completion"
    assert answer.usage
    assert answer.usage.completion_tokens == 5


def test_errors(side: Side, client: OpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as too_long:
        client.chat.completions.create(model=side.model("@latest"), messages=side.messages, max_tokens=100_000)
    assert too_long.value.code == "context_length_exceeded"
    with pytest.raises(openai.NotFoundError):
        client.chat.completions.create(model=side.model("@nobody"), messages=side.messages)


@pytest.mark.anyio
async def test_async(side: Side) -> None:
    async with side.async_client() as client:
        stream = await client.chat.completions.create(
            model=side.model("@latest"), messages=side.messages, max_tokens=400, temperature=1, stream=True
        )
        async for _ in stream:
            break
        await stream.close()
        answer = await client.chat.completions.create(
            model=side.model("@latest"), messages=side.messages, max_tokens=3, **SAMPLING
        )
        assert answer.choices[0].finish_reason == "length"
