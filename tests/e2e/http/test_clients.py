"""Clients themselves, as people have them, against a real service with the model that ships."""

from collections.abc import Iterator
from contextlib import ExitStack

import ollama
import openai
import pytest

from lsp_server.http.people.keys import add_key
from tests.http_service import RunningService

BEFORE = """import os


def names(folder):
    return sorted(os.listdir(folder))


def paths(folder):
    return sorted(os.lis"""
AFTER = "\n\n\nprint(names('.'))\n"
EXPECTED = "tdir(folder"


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """The address of a service, and a key to it."""
    state = tmp_path_factory.mktemp("state")
    key = add_key(state / "keys.json", "ann")
    with ExitStack() as stack:
        service = RunningService(state, "--engines", "1")
        stack.callback(service.end)
        service.wait_ready()
        yield f"http://127.0.0.1:{service.port}", key


def test_openais_library_completes_streams_and_lists(asked: tuple[str, str]) -> None:
    address, key = asked
    with openai.OpenAI(base_url=f"{address}/v1", api_key=key, max_retries=0) as client:
        (model,) = client.models.list().data
        found = client.completions.create(model=model.id, prompt=BEFORE, suffix=AFTER)
        assert found.choices[0].text.startswith(EXPECTED)
        assert found.usage is not None
        assert found.usage.total_tokens == found.usage.prompt_tokens + found.usage.completion_tokens
        stream = client.completions.create(
            model=model.id, prompt=BEFORE, suffix=AFTER, stream=True, temperature=0, seed=1
        )
        parts = list(stream)
        assert "".join(part.choices[0].text for part in parts).startswith(EXPECTED)
        assert parts[-1].choices[0].finish_reason == "stop"


def test_openais_library_understands_why_it_is_refused(asked: tuple[str, str]) -> None:
    address, key = asked
    stranger = openai.OpenAI(base_url=f"{address}/v1", api_key="wrong", max_retries=0)
    with stranger, pytest.raises(openai.AuthenticationError):
        stranger.models.list()
    ann = openai.OpenAI(base_url=f"{address}/v1", api_key=key, max_retries=0)
    with ann, pytest.raises(openai.BadRequestError):
        ann.completions.create(model="any", prompt="a", echo=True)


def test_ollamas_library_completes_streams_lists_and_shows(asked: tuple[str, str]) -> None:
    address, key = asked
    client = ollama.Client(host=address, headers={"Authorization": f"Bearer {key}"})
    (model,) = client.list().models
    name = str(model.model)
    assert "insert" in (client.show(name).capabilities or [])
    assert str(client.generate(name, BEFORE, AFTER).response).startswith(EXPECTED)
    parts = list(client.generate(name, BEFORE, AFTER, stream=True))
    assert "".join(part.response or "" for part in parts).startswith(EXPECTED)
    assert parts[-1].done
    with pytest.raises(ollama.ResponseError):
        client.pull(name)
    client._client.close()
