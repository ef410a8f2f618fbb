from typing import Any

import openai
import pytest
from conftest import Side
from openai import OpenAI


@pytest.mark.parametrize(
    ("param", "more", "code"),
    [
        ("temperature", {"temperature": 3}, "decimal_above_max_value"),
        ("n", {"n": 1.5}, "invalid_type"),
        ("messages[0].role", {"messages": [{"role": "robot", "content": "x"}]}, "invalid_value"),
        ("stream_options", {"stream_options": {"include_usage": True}}, None),
        (None, {"extra_body": {"no_such_field": 1}}, None),
    ],
)
def test_bad_request(side: Side, client: OpenAI, param: str | None, more: Any, code: str | None) -> None:
    with pytest.raises(openai.BadRequestError) as raised:
        client.chat.completions.create(**{"model": side.model(), "messages": side.messages, **more})
    assert (raised.value.param, raised.value.code, raised.value.type) == (param, code, "invalid_request_error")
    assert raised.value.request_id
    assert raised.value.request_id.startswith("req")


def test_wrong_key(side: Side) -> None:
    with pytest.raises(openai.AuthenticationError) as raised:
        side.client(api_key="sk-wrong").chat.completions.create(model=side.model(), messages=side.messages)
    assert raised.value.code == "invalid_api_key"


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("model", "error", "code"),
    [
        ("nowhere", openai.NotFoundError, "model_not_found"),
        ("limits-rate", openai.RateLimitError, "rate_limit_exceeded"),
        ("has-no-quota", openai.RateLimitError, "insufficient_quota"),
        ("has-a-fault", openai.InternalServerError, None),
    ],
)
def test_refused(
    side: Side, client: OpenAI, model: str, error: type[openai.APIStatusError], code: str | None, stream: bool
) -> None:
    with pytest.raises(error) as raised:
        client.chat.completions.create(model=side.model(model), messages=side.messages, stream=stream)
    assert raised.value.code == code
    assert model != "limits-rate" or raised.value.response.headers["retry-after"] == "7"


def test_retries(side: Side) -> None:
    client = side.client(max_retries=1)
    answer = client.chat.completions.create(model=side.model("limits-rate-once"), messages=side.messages)
    assert answer.choices[0].message.content == "hello"


@pytest.mark.parametrize("model", ["fails-midway", "dies-midway", "ends-early"])
def test_broken_stream(side: Side, client: OpenAI, model: str) -> None:
    text = ""
    raises = pytest.raises((openai.APIError, Exception)) if side.through_triad or model != "ends-early" else None
    stream = client.chat.completions.create(model=side.model(model), messages=side.messages, stream=True)

    def read() -> None:
        nonlocal text
        for chunk in stream:
            text += chunk.choices[0].delta.content or ""

    if raises is None:  # the client takes a stream that just ends for a whole one: Triad says otherwise
        read()
    else:
        with raises as raised:
            read()
        assert not side.through_triad or isinstance(raised.value, openai.APIError)
    assert text == "he"


def test_time_out_and_leaving(side: Side) -> None:
    with pytest.raises(openai.APITimeoutError):
        side.client(timeout=0.5).chat.completions.create(model=side.model("never-answers"), messages=side.messages)
    stream = side.client().chat.completions.create(
        model=side.model("falls-silent"), messages=side.messages, stream=True
    )
    next(iter(stream))
    stream.close()
