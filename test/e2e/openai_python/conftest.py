"""The sides that openai-python.spec.ts has started: the fake of OpenAI, and Triad in front of it."""

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import openai
import pytest


@dataclass
class Side:
    name: str
    base_url: str
    api_key: str
    prefix: str
    through_triad: bool
    lacks: list[str]
    messages: list[Any] = field(default_factory=lambda: [{"role": "user", "content": "olleh"}])

    def model(self, name: str = "gpt-x") -> str:
        return self.prefix + name

    def client(self, **options: Any) -> openai.OpenAI:
        return openai.OpenAI(**{"base_url": self.base_url, "api_key": self.api_key, "max_retries": 0, **options})

    def async_client(self, **options: Any) -> openai.AsyncOpenAI:
        return openai.AsyncOpenAI(**{"base_url": self.base_url, "api_key": self.api_key, "max_retries": 0, **options})


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "route(name): a route that a side may lack")


SIDES = [Side(**side) for side in json.loads(os.environ["OPENAI_SIDES"])]


@pytest.fixture(params=SIDES, ids=lambda side: side.name)
def side(request: pytest.FixtureRequest) -> Side:
    route = request.node.get_closest_marker("route")
    if route and route.args[0] in request.param.lacks:
        pytest.skip(f"{request.param.name} does not serve {route.args[0]} yet")
    return request.param


@pytest.fixture
def client(side: Side) -> Iterator[openai.OpenAI]:
    with side.client() as client:
        yield client


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"
