import math
from typing import Any

import httpx
import openai
import pytest
from conftest import Side
from openai import OpenAI


def test_models(side: Side, client: OpenAI) -> None:
    assert side.through_triad or "gpt-x" in [model.id for model in client.models.list()]
    assert client.models.retrieve(side.model()).object == "model"
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("nowhere")


@pytest.mark.route("completions")
def test_completions(side: Side, client: OpenAI) -> None:
    model = side.model("gpt-3.5-turbo-instruct")
    answer = client.completions.create(model=model, prompt=["ba", "dc"], echo=True, logprobs=1)
    assert [choice.text for choice in answer.choices] == ["baab", "dccd"]
    assert answer.choices[0].logprobs
    assert answer.choices[0].logprobs.tokens == list("baab")
    assert client.completions.create(model=model, prompt=[98, 97]).choices[0].text == "ab"
    chunks = list(
        client.completions.create(model=model, prompt="olleh", stream=True, stream_options={"include_usage": True})
    )
    assert "".join(chunk.choices[0].text for chunk in chunks if chunk.choices) == "hello"
    assert chunks[-1].usage
    assert chunks[-1].usage.total_tokens == 10
    with pytest.raises(openai.BadRequestError) as refused:
        client.completions.create(model=model, prompt="a", logprobs=6)
    assert refused.value.param == "logprobs"


@pytest.mark.route("embeddings")
def test_embeddings(side: Side, client: OpenAI) -> None:
    def vectors(given: Any, **more: Any) -> list[list[float]]:
        model = side.model("text-embedding-3-small")
        return [each.embedding for each in client.embeddings.create(model=model, input=given, **more).data]

    by_base64, by_floats = (
        vectors(["one", "two"], dimensions=8),
        vectors(["one", "two"], dimensions=8, encoding_format="float"),
    )
    for ours, theirs in zip(by_base64, by_floats, strict=True):
        assert ours == pytest.approx(theirs)
        assert math.hypot(*ours) == pytest.approx(1)
    assert len(vectors("ab")[0]) == 1536
    assert vectors([97, 98]) == vectors([[97, 98]]) == vectors("ab")
    with pytest.raises(openai.BadRequestError):
        vectors("")


@pytest.mark.route("images")
def test_images(side: Side, client: OpenAI) -> None:
    answer = client.images.generate(model=side.model("dall-e-2"), prompt="a blind", n=2, size="256x256")
    assert answer.data
    assert len(answer.data) == 2
    assert answer.data[0].url
    assert httpx.get(answer.data[0].url).content.startswith(b"\x89PNG")
    data = client.images.generate(model=side.model("gpt-image-1"), prompt="a blind")
    assert data.data
    assert data.data[0].b64_json
    assert data.usage
    assert data.usage.total_tokens == 280
    events = list(
        client.images.generate(model=side.model("gpt-image-1"), prompt="a blind", stream=True, partial_images=1)
    )
    assert [event.type for event in events] == ["image_generation.partial_image", "image_generation.completed"]
