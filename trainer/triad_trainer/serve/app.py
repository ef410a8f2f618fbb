"""The HTTP routes: vLLM's, and two of our own to load and unload models while running."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from math import exp
from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from .catalog import Catalog, Entry, Kind, in_use
from .completions import Completion, chat_ids
from .embeddings import answer_embeddings
from .errors import ServeError
from .schemas import (
    ChatRequest,
    ClassifyRequest,
    CompletionRequest,
    LoadAdapter,
    LoadModel,
    UnloadAdapter,
    UnloadModel,
    parse,
)
from .worker import Worker

if TYPE_CHECKING:
    from .classify import Scorer


class Routes:
    """The handlers, over one catalog."""

    def __init__(self, catalog: Catalog) -> None:
        self.catalog = catalog

    async def health(self, _request: Request) -> Response:
        alive = self.catalog.worker.is_alive()
        return JSONResponse({"status": "ok" if alive else "stopping"}, 200 if alive else 503)

    async def models(self, _request: Request) -> Response:
        entries = [_card(e) for e in self.catalog.entries.values() if not e.removing]
        return JSONResponse({"object": "list", "data": entries})

    async def chat(self, request: Request) -> Completion:
        return Completion(self.catalog, parse(ChatRequest, await request.body()))

    async def completion(self, request: Request) -> Completion:
        return Completion(self.catalog, parse(CompletionRequest, await request.body()))

    async def embeddings(self, request: Request) -> Response:
        return await answer_embeddings(self.catalog, request)

    async def classify(self, request: Request) -> Response:
        body = parse(ClassifyRequest, await request.body())
        with in_use(self.catalog.find(body.model, "reward")) as entry:
            scorer: Scorer = entry.model  # type: ignore[assignment]
            rows = _rows(scorer, body)
            scores = await self._score(scorer, rows)
        if body.use_activation is not False:
            scores = [_sigmoid(x) for x in scores]
        tokens = sum(map(len, rows))
        return JSONResponse(
            {
                "id": f"classify-{uuid.uuid4().hex}",
                "object": "list",
                "created": int(time.time()),
                "model": body.model,
                "data": [
                    {"index": i, "label": scorer.label, "probs": [x], "num_classes": 1} for i, x in enumerate(scores)
                ],
                "usage": {"prompt_tokens": tokens, "completion_tokens": 0, "total_tokens": tokens},
            }
        )

    async def _score(self, scorer: Scorer, rows: list[list[int]]) -> list[float]:
        from .classify import Item

        loop = asyncio.get_running_loop()
        results: list[asyncio.Future[float | ServeError]] = [loop.create_future() for _ in rows]
        items = [Item(ids, _settler(loop, future)) for ids, future in zip(rows, results, strict=True)]
        scorer.submit(items)
        self.catalog.worker.wake()
        try:
            answers = await asyncio.gather(*results)
        finally:
            for item in items:
                item.cancelled = True
        scores: list[float] = []
        for answer in answers:
            if isinstance(answer, ServeError):
                raise answer
            scores.append(answer)
        return scores

    async def load_adapter(self, request: Request) -> Response:
        body = parse(LoadAdapter, await request.body())
        await self.catalog.load_adapter(body.lora_name, body.lora_path, body.base_model_name)
        return PlainTextResponse(f"Success: LoRA adapter '{body.lora_name}' added successfully.")

    async def unload_adapter(self, request: Request) -> Response:
        body = parse(UnloadAdapter, await request.body())
        await self.catalog.unload(body.lora_name, adapter=True)
        return PlainTextResponse(f"Success: LoRA adapter '{body.lora_name}' removed successfully.")

    async def load_model(self, request: Request) -> Response:
        body = parse(LoadModel, await request.body())
        await self.catalog.load_model(body.model_name, body.model_path, body.kind)
        return PlainTextResponse(f"Success: model '{body.model_name}' loaded successfully.")

    async def unload_model(self, request: Request) -> Response:
        body = parse(UnloadModel, await request.body())
        await self.catalog.unload(body.model_name, adapter=False)
        return PlainTextResponse(f"Success: model '{body.model_name}' unloaded successfully.")


def create_app(worker: Worker, models: list[tuple[str, str, Kind]]) -> Starlette:
    """The application; it loads `models` (name, directory, kind) before it accepts requests."""
    catalog = Catalog(worker)
    routes = Routes(catalog)

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        worker.start()
        try:
            for model in models:
                await catalog.load_model(*model)
            yield
        finally:
            worker.stop()

    app = Starlette(
        routes=[
            Route("/health", routes.health),
            Route("/v1/models", routes.models),
            Route("/v1/chat/completions", routes.chat, methods=["POST"]),
            Route("/v1/completions", routes.completion, methods=["POST"]),
            Route("/v1/embeddings", routes.embeddings, methods=["POST"]),
            Route("/classify", routes.classify, methods=["POST"]),
            Route("/v1/load_lora_adapter", routes.load_adapter, methods=["POST"]),
            Route("/v1/unload_lora_adapter", routes.unload_adapter, methods=["POST"]),
            Route("/v1/load_model", routes.load_model, methods=["POST"]),
            Route("/v1/unload_model", routes.unload_model, methods=["POST"]),
        ],
        exception_handlers={ServeError: _answer_error, HTTPException: _answer_http_error, Exception: _answer_crash},
        lifespan=lifespan,
    )
    app.state.catalog = catalog
    return app


def _card(entry: Entry) -> dict[str, Any]:
    return {
        "id": entry.name,
        "object": "model",
        "created": entry.created,
        "owned_by": "triad",
        "root": entry.path,
        "parent": entry.parent.name if entry.parent else None,
        "max_model_len": entry.model.max_tokens,
        "kind": entry.kind,
    }


def _rows(scorer: Scorer, body: ClassifyRequest) -> list[list[int]]:
    """Token rows to score: TRL's RewardTrainer adds nothing after what the chat template gives."""
    if (body.messages is None) == (body.input is None):
        raise ServeError(400, "give either messages or input", param="messages", code="invalid_value")
    if body.messages is not None:
        rows = [chat_ids(scorer.tokenizer, [m.plain() for m in body.messages], add_generation_prompt=False)]
    else:
        texts = [body.input] if isinstance(body.input, str) else body.input or []
        rows = [list(scorer.tokenizer(text)["input_ids"]) for text in texts]
    for i, row in enumerate(rows):
        if not 0 < len(row) <= scorer.max_tokens:
            raise ServeError(
                400,
                f"text {i} has {len(row)} tokens; this model takes 1 to {scorer.max_tokens}",
                code="context_length_exceeded",
            )
    return rows


def _settler(loop: asyncio.AbstractEventLoop, future: asyncio.Future[float | ServeError]) -> Any:
    """A function for the worker's thread that settles a future of the event loop's."""

    def settle(result: float | ServeError) -> None:
        if not future.done():
            future.set_result(result)

    return lambda result: loop.call_soon_threadsafe(settle, result)


def _sigmoid(x: float) -> float:
    return 1 / (1 + exp(-x)) if x >= 0 else exp(x) / (1 + exp(x))


async def _answer_error(_request: Request, error: Exception) -> Response:
    assert isinstance(error, ServeError)
    return JSONResponse(error.body(), error.status, {"retry-after": "1"} if error.status == 503 else None)


async def _answer_http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    refusal = ServeError(error.status_code, f"{request.method} {request.url.path}: {error.detail}")
    return JSONResponse(refusal.body(), error.status_code, error.headers)


async def _answer_crash(_request: Request, error: Exception) -> Response:
    return JSONResponse(ServeError(500, f"Unexpected {type(error).__name__}: {error}").body(), 500)
