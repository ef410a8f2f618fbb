"""What tests hold of a running server, and how they decide what is in flight together."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from triad_trainer.serve.catalog import Catalog
from triad_trainer.serve.engine import Engine


@dataclass(frozen=True)
class Directories:
    root: Path
    base: Path
    adapters: tuple[Path, Path]
    reward: Path


class Gate:
    """Holds the engine between steps, so that a test decides what is in flight together."""

    def __init__(self, engine: Engine) -> None:
        self._open = threading.Event()
        self._open.set()
        step = engine.step

        def gated() -> None:
            assert self._open.wait(60)
            step()

        engine.step = gated  # type: ignore[method-assign]

    def close(self) -> None:
        self._open.clear()

    def open(self) -> None:
        self._open.set()


@dataclass
class Running:
    client: httpx.Client
    url: str
    engine: Engine
    gate: Gate
    catalog: Catalog

    def chat(self, content: str, **parameters: Any) -> httpx.Response:
        body = {"model": "base", "messages": [{"role": "user", "content": content}], "temperature": 0} | parameters
        return self.client.post("/v1/chat/completions", json=body)


def wait_for(condition: Callable[[], bool]) -> None:
    """Return once the condition holds; the limit only ends a test that would hang."""
    done = threading.Event()
    for _ in range(6000):
        if condition():
            return
        done.wait(0.01)
    raise AssertionError("the condition did not come to hold within a minute")


def content(response: Any) -> str:
    assert response.status_code == 200, response.text
    return str(response.json()["choices"][0]["message"]["content"])


def together(server: Running, calls: list[dict[str, Any]]) -> list[Any]:
    """Send calls so that all of them are waiting when the engine takes its next step."""
    server.gate.close()
    with ThreadPoolExecutor(len(calls)) as pool:
        # The engine takes the first one into its hands while it stands at the gate.
        answers = [pool.submit(lambda c=c: server.chat(**c)) for c in calls]
        wanted = sum(c.get("n", 1) for c in calls)
        wait_for(lambda: len(server.engine._incoming) == wanted)
        server.gate.open()
        return [a.result() for a in answers]


def events(server: Running, body: dict[str, Any], path: str = "/v1/chat/completions") -> list[Any]:
    with server.client.stream("POST", path, json=body | {"stream": True}) as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        lines = [line for line in response.iter_lines() if line]
    assert all(line.startswith("data: ") for line in lines)
    assert lines[-1] == "data: [DONE]"
    return [json.loads(line[6:]) for line in lines[:-1]]
