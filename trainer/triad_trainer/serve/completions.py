"""Chat and text completions: from a request to sequences, and from their chunks to an answer or an event stream."""

from __future__ import annotations

import asyncio
import json
import random
import time
import uuid
from collections import defaultdict
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

from starlette.types import Message as AsgiMessage
from starlette.types import Receive, Scope, Send

from .catalog import Catalog, Entry
from .errors import ServeError
from .inputs import MAX_INPUTS, token_rows
from .schemas import ChatRequest, CompletionRequest

if TYPE_CHECKING:
    from .engine import Engine
    from .sampling import Sampling
    from .sequence import Chunk, Sequence


def prompt_rows(engine: Engine, request: ChatRequest | CompletionRequest) -> list[list[int]]:
    """Tokens of each prompt: the chat template with the opening of the answer, or the texts as they are."""
    if isinstance(request, CompletionRequest):
        return token_rows(engine.tokenizer, engine.vocabulary, request.prompt, "prompt")
    return [chat_ids(engine.tokenizer, [m.plain() for m in request.messages], add_generation_prompt=True)]


def chat_ids(tokenizer: Any, messages: list[dict[str, str]], *, add_generation_prompt: bool) -> list[int]:
    """Tokens of a conversation, as TRL's trainers make them."""
    if not tokenizer.chat_template:
        _refuse("the model has no chat template; use /v1/completions", "messages")
    try:
        encoded = tokenizer.apply_chat_template(messages, add_generation_prompt=add_generation_prompt, return_dict=True)
    except Exception as error:  # a template may raise anything
        raise ServeError(400, f"messages: the chat template refused them: {error}", param="messages") from error
    return list(encoded["input_ids"])


def _refuse(message: str, param: str) -> Any:
    raise ServeError(400, message, param=param, code="invalid_value")


class Completion:
    """An answer under way, as an ASGI application: it guards its model and evicts its rows when the client leaves."""

    def __init__(self, catalog: Catalog, request: ChatRequest | CompletionRequest) -> None:
        self._entry: Entry = catalog.find(request.model, "generate")
        self._engine: Engine = self._entry.model  # type: ignore[assignment]
        self._worker = catalog.worker
        self._request = request
        self._chat = isinstance(request, ChatRequest)
        self._id = f"{'chatcmpl' if self._chat else 'cmpl'}-{uuid.uuid4().hex}"
        self._created = int(time.time())
        self._chunks: asyncio.Queue[Chunk] = asyncio.Queue()
        self._offsets: defaultdict[int, int] = defaultdict(int)
        self._sequences = self._start()

    def _start(self) -> list[Sequence]:
        from .sampling import Sampling
        from .sequence import Sequence

        request = self._request
        prompts = prompt_rows(self._engine, request)
        if len(prompts) * request.n > MAX_INPUTS:
            raise ServeError(400, f"n: {len(prompts)} prompts give at most {MAX_INPUTS} answers at once", param="n")
        options = [self._options(self._limit(len(ids)), Sampling) for ids in prompts]
        loop = asyncio.get_running_loop()

        def sink(chunk: Chunk) -> None:
            loop.call_soon_threadsafe(self._chunks.put_nowait, chunk)

        def generator(index: int) -> random.Random:
            return random.Random() if request.seed is None else random.Random(f"{request.seed}/{index}")

        # Choices of the first prompt come first, as OpenAI numbers them.
        places = [(i, i // request.n) for i in range(len(prompts) * request.n)]
        return [
            Sequence(i, list(prompts[p]), self._entry.adapter, options[p], generator(i), request.stream, sink)
            for i, p in places
        ]

    def _limit(self, prompt_tokens: int) -> int:
        """Tokens that an answer may have; 400 when prompt and answer would not fit."""
        room = self._engine.max_tokens - prompt_tokens
        limit = getattr(self._request, "max_completion_tokens", None) or self._request.max_tokens
        if limit is None:
            limit = room if self._chat else min(room, 16)
        if room < 1 or limit > room:
            raise ServeError(
                400,
                f"This model's maximum context length is {self._engine.max_tokens} tokens; the prompt has "
                f"{prompt_tokens} and {limit} were asked for.",
                param="messages" if self._chat else "prompt",
                code="context_length_exceeded",
            )
        return int(limit)

    def _options(self, limit: int, sampling: type[Sampling]) -> Sampling:
        request = self._request
        stop = [request.stop] if isinstance(request.stop, str) else request.stop or []
        return sampling(
            temperature=1.0 if request.temperature is None else request.temperature,
            top_p=1.0 if request.top_p is None else request.top_p,
            max_tokens=limit,
            stop=tuple(stop),
            # Of a chat true, of a completion the number of alternatives, which is 0.
            logprobs=request.logprobs not in (None, False) or (not self._chat and request.logprobs == 0),
        )

    async def __call__(self, _scope: Scope, receive: Receive, send: Send) -> None:
        self._entry.acquire()
        gone = asyncio.create_task(_disconnected(receive))
        answer = asyncio.create_task(self._answer(send))
        try:
            await asyncio.wait({gone, answer}, return_when=asyncio.FIRST_COMPLETED)
            if answer.done():
                answer.result()
        finally:
            gone.cancel()
            answer.cancel()
            for sequence in self._sequences:
                sequence.cancelled = True
            self._worker.wake()
            self._entry.release()

    async def _answer(self, send: Send) -> None:
        self._engine.submit(self._sequences)
        self._worker.wake()
        if not self._request.stream:
            await _send_json(send, await self._whole())
            return
        first = await self._chunks.get()
        if first.error:
            raise first.error
        await send(_start_message(b"text/event-stream; charset=utf-8"))
        async for event in self._events(first):
            data = event if isinstance(event, str) else json.dumps(event, ensure_ascii=False)
            await send({"type": "http.response.body", "body": f"data: {data}\n\n".encode(), "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _whole(self) -> dict[str, Any]:
        """The answer in one piece."""
        choices: list[dict[str, Any]] = [{} for _ in self._sequences]
        while not all(choices):
            chunk = await self._chunks.get()
            if chunk.error:
                raise chunk.error
            body: dict[str, Any] = {"index": chunk.index}
            if self._chat:
                body["message"] = {"role": "assistant", "content": chunk.text, "refusal": None}
            else:
                body["text"] = chunk.text
            choices[chunk.index] = body | {"logprobs": self._logprobs(chunk), "finish_reason": chunk.finish_reason}
        return self._frame("chat.completion", choices) | {"usage": self._usage()}

    async def _events(self, chunk: Chunk) -> AsyncIterator[dict[str, Any] | str]:
        """Server-sent events from the first chunk on."""
        include_usage = bool(self._request.stream_options and self._request.stream_options.include_usage)
        extra: dict[str, Any] = {"usage": None} if include_usage else {}
        if self._chat:
            for i in range(len(self._sequences)):
                opening = {"index": i, "delta": {"role": "assistant", "content": ""}, "finish_reason": None}
                yield self._frame("chat.completion.chunk", [opening]) | extra
        running = len(self._sequences)
        while True:
            if chunk.error:
                yield chunk.error.body()
                break
            body: dict[str, Any] = {"index": chunk.index}
            body |= {"delta": {"content": chunk.text} if chunk.text else {}} if self._chat else {"text": chunk.text}
            body |= {"logprobs": self._logprobs(chunk), "finish_reason": chunk.finish_reason}
            yield self._frame("chat.completion.chunk", [body]) | extra
            running -= chunk.finish_reason is not None
            if not running:
                break
            chunk = await self._chunks.get()
        if include_usage and not running:
            yield self._frame("chat.completion.chunk", []) | {"usage": self._usage()}
        yield "[DONE]"

    def _frame(self, kind: str, choices: list[dict[str, Any]]) -> dict[str, Any]:
        return {
            "id": self._id,
            "object": kind if self._chat else "text_completion",
            "created": self._created,
            "model": self._request.model,
            "choices": choices,
        }

    def _logprobs(self, chunk: Chunk) -> dict[str, Any] | None:
        if not chunk.logprobs:
            return None
        tokens = [(self._engine.tokenizer.decode([token]), logprob) for token, logprob in chunk.logprobs]
        if not self._chat:
            return self._text_logprobs(chunk.index, tokens)
        return {
            "content": [
                {"token": text, "logprob": logprob, "bytes": list(text.encode()), "top_logprobs": []}
                for text, logprob in tokens
            ]
        }

    def _text_logprobs(self, index: int, tokens: list[tuple[str, float]]) -> dict[str, Any]:
        """In the older shape of text completions; offsets count the texts of the tokens, one after the other."""
        offsets = []
        for text, _ in tokens:
            offsets.append(self._offsets[index])
            self._offsets[index] += len(text)
        return {
            "tokens": [text for text, _ in tokens],
            "token_logprobs": [logprob for _, logprob in tokens],
            "top_logprobs": None,
            "text_offset": offsets,
        }

    def _usage(self) -> dict[str, Any]:
        """Tokens used; each prompt counts once, whatever n is."""
        first = self._sequences[:: self._request.n]
        prompt = sum(s.prompt_tokens for s in first)
        completion = sum(s.completion_tokens for s in self._sequences)
        return {
            "prompt_tokens": prompt,
            "completion_tokens": completion,
            "total_tokens": prompt + completion,
            "prompt_tokens_details": {"cached_tokens": sum(s.cached_tokens for s in first)},
        }


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _start_message(content_type: bytes) -> AsgiMessage:
    return {"type": "http.response.start", "status": 200, "headers": [(b"content-type", content_type)]}


async def _send_json(send: Send, body: dict[str, Any]) -> None:
    await send(_start_message(b"application/json"))
    await send({"type": "http.response.body", "body": json.dumps(body, ensure_ascii=False).encode()})
