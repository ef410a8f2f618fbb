import asyncio
from typing import Any

import openai
import pytest
from conftest import Side
from test_chat import TOOLS, Light

pytestmark = pytest.mark.anyio


async def test_plain_and_streamed(side: Side) -> None:
    async with side.async_client() as client:
        answer = await client.chat.completions.create(model=side.model(), messages=side.messages)
        assert answer.choices[0].message.content == "hello"
        assert answer._request_id
        stream = await client.chat.completions.create(model=side.model(), messages=side.messages, stream=True)
        assert "".join([chunk.choices[0].delta.content or "" async for chunk in stream]) == "hello"


async def test_helpers(side: Side) -> None:
    async with side.async_client() as client:
        messages: Any = [{"role": "user", "content": "open_blind"}]
        async with client.chat.completions.stream(model=side.model(), messages=messages, tools=TOOLS) as stream:
            kinds = [event.type async for event in stream]
            calls = (await stream.get_final_completion()).choices[0].message.tool_calls
        assert "tool_calls.function.arguments.done" in kinds
        assert calls
        assert calls[0].function.name == "open_blind"
        parsed = await client.chat.completions.parse(model=side.model(), messages=side.messages, response_format=Light)
        assert parsed.choices[0].message.parsed
        assert parsed.choices[0].message.parsed.room == "hello"
        create = client.chat.completions.with_streaming_response.create
        async with create(model=side.model(), messages=side.messages) as response:
            assert (await response.parse()).choices[0].message.content == "hello"


async def test_many_at_once(side: Side) -> None:
    async with side.async_client() as client:

        async def ask(word: str) -> str:
            stream = await client.chat.completions.create(
                model=side.model(), messages=[{"role": "user", "content": word[::-1]}], stream=True
            )
            return "".join([chunk.choices[0].delta.content or "" async for chunk in stream])

        words = [f"word {index}" for index in range(30)]
        assert await asyncio.gather(*map(ask, words)) == words


async def test_errors(side: Side) -> None:
    async with side.async_client() as client:
        with pytest.raises(openai.BadRequestError):
            await client.chat.completions.create(model=side.model(), messages=side.messages, temperature=3)
        with pytest.raises(openai.NotFoundError):
            await client.chat.completions.create(model=side.model("nowhere"), messages=side.messages, stream=True)


async def test_leaving(side: Side) -> None:
    async with side.async_client() as client:
        asked = asyncio.ensure_future(
            client.chat.completions.create(model=side.model("never-answers"), messages=side.messages)
        )
        with pytest.raises((asyncio.TimeoutError, TimeoutError)):
            await asyncio.wait_for(asked, 0.5)
        stream = await client.chat.completions.create(
            model=side.model("falls-silent"), messages=side.messages, stream=True
        )
        async for _ in stream:
            break
        await stream.close()
