"""Embeddings of texts: the mean of the last hidden states over a text's tokens, scaled to length 1.

What a causal language model has to offer here: good enough to find near duplicates and to compare texts of one kind,
not a model that was trained to retrieve.
"""

from __future__ import annotations

import asyncio
import base64
from typing import TYPE_CHECKING, Any

import numpy as np
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from .catalog import Catalog, in_use
from .errors import ServeError
from .inputs import token_rows
from .schemas import EmbeddingRequest, parse

if TYPE_CHECKING:
    from .engine import Engine

BATCH_TOKENS = 1024


async def answer_embeddings(catalog: Catalog, request: Request) -> Response:
    """OpenAI's /v1/embeddings. It is computed between decoding steps, a small batch at a time."""
    body = parse(EmbeddingRequest, await request.body())
    with in_use(catalog.find(body.model, "generate")) as entry:
        engine: Engine = entry.model  # type: ignore[assignment]
        rows = token_rows(engine.tokenizer, engine.vocabulary, body.input, "input")
        _check_lengths(rows, engine.max_tokens)
        vectors: list[list[float]] = [[] for _ in rows]
        for batch in _batches(rows):
            # Nobody would read the rest.
            if await request.is_disconnected():
                return Response(status_code=499)

            def embed(batch: list[int] = batch) -> list[list[float]]:
                return engine.embed([rows[i] for i in batch], entry.adapter)

            found = await asyncio.wrap_future(catalog.worker.call(embed))
            for i, vector in zip(batch, found, strict=True):
                vectors[i] = vector
    tokens = sum(map(len, rows))
    data = [
        {"object": "embedding", "index": i, "embedding": _encoded(vector, body.encoding_format)}
        for i, vector in enumerate(vectors)
    ]
    usage = {"prompt_tokens": tokens, "total_tokens": tokens}
    return JSONResponse({"object": "list", "data": data, "model": body.model, "usage": usage})


def _check_lengths(rows: list[list[int]], limit: int) -> None:
    for i, row in enumerate(rows):
        if len(row) > limit:
            raise ServeError(
                400,
                f"input {i} has {len(row)} tokens; this model takes {limit}",
                param="input",
                code="context_length_exceeded",
            )


def _batches(rows: list[list[int]]) -> list[list[int]]:
    """Indices of rows of similar lengths, of at most BATCH_TOKENS padded tokens or one row."""
    batches: list[list[int]] = []
    for i in sorted(range(len(rows)), key=lambda i: len(rows[i])):
        if not batches or (len(batches[-1]) + 1) * len(rows[i]) > BATCH_TOKENS:
            batches.append([])
        batches[-1].append(i)
    return batches


def _encoded(vector: list[float], encoding: str) -> Any:
    """The numbers, or their bytes as float32 of the little end first, in base64."""
    return vector if encoding == "float" else base64.b64encode(np.asarray(vector, dtype="<f4").tobytes()).decode()
