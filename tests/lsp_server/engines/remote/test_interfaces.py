"""What services are asked and what they say: their own answers, and some that none should give."""

import json
from typing import Any

import pytest

from lsp_server.engines.remote.interfaces import INTERFACES, is_model
from lsp_server.engines.remote.options import RemoteOptions
from lsp_server.engines.remote.service import Ask, Event, Interface, Piece, ServiceFault

URL = "http://127.0.0.1:1"
ASK = Ask(prefix="a = 1\nb = ", suffix="\nc\n", path="x.py", max_tokens=8, min_probability=0.3)


def interface(api: str, **options: Any) -> Interface:
    model = "" if api in ("llama.cpp", "lory") else "m"
    return INTERFACES[api](RemoteOptions(url=URL, api=api, **{"model": model, **options}))


LLAMA_CPP = (
    '{"index":0,"content":"x","tokens":[104],"stop":false,"id_slot":-1,"tokens_predicted":1,'
    '"tokens_evaluated":3,"completion_probabilities":[{"id":104,"token":"x","bytes":[120],'
    '"logprob":-0.6123303771018982,"top_logprobs":[{"id":104,"token":"x","bytes":[120],"logprob":'
    '-0.6123303771018982},{"id":81,"token":"a","bytes":[97],"logprob":-2.32382869720459}]}]}'
)
LLAMA_CPP_END = (
    '{"index":0,"content":"","tokens":[],"id_slot":1,"stop":true,"model":"/m/SmolLM2.gguf",'
    '"tokens_predicted":2,"tokens_evaluated":3,"stop_type":"limit","stopping_word":"",'
    '"tokens_cached":4,"timings":{"cache_n":0,"prompt_n":3}}'
)
OLLAMA = (
    '{"model":"qwen2.5-coder:1.5b","created_at":"2026-03-02T10:11:12.1Z","response":" self",'
    '"done":false,"logprobs":[{"token":" self","logprob":-0.25,"bytes":[32,115,101,108,102],'
    '"top_logprobs":[{"token":" self","logprob":-0.25},{"token":" cls","logprob":-2.5}]}]}'
)
OLLAMA_END = (
    '{"model":"qwen2.5-coder:1.5b","created_at":"2026-03-02T10:11:12.2Z","response":"",'
    '"done":true,"done_reason":"stop","context":[1,2],"total_duration":4883583458,'
    '"load_duration":1334875,"prompt_eval_count":26,"eval_count":7,"eval_duration":4535599000}'
)
VLLM = (
    '{"id":"cmpl-7f2","object":"text_completion","created":1775000000,"model":"m","choices":['
    '{"index":0,"text":" self","logprobs":{"text_offset":[0],"token_logprobs":[-0.25],"tokens":'
    '[" self"],"top_logprobs":[{" self":-0.25," cls":-2.5}]},"finish_reason":null,'
    '"stop_reason":null}],"usage":null}'
)
VLLM_END = (
    '{"id":"cmpl-7f2","object":"text_completion","created":1775000000,"model":"m","choices":['
    '{"index":0,"text":"","logprobs":null,"finish_reason":"stop","stop_reason":null}],"usage":null}'
)
LM_STUDIO = (
    '{"id":"cmpl-1","object":"text_completion","created":1775000000,"model":"m","choices":'
    '[{"index":0,"text":" self","logprobs":null,"finish_reason":null}]}'
)
SELF = Piece(" self", -0.25, ((" self", -0.25), (" cls", -2.5)))


@pytest.mark.parametrize(
    ("api", "recorded", "event"),
    [
        (
            "llama.cpp",
            LLAMA_CPP,
            Event(
                (
                    Piece(
                        "x",
                        -0.6123303771018982,
                        (("x", -0.6123303771018982), ("a", -2.32382869720459)),
                    ),
                )
            ),
        ),
        ("llama.cpp", LLAMA_CPP_END, Event((), False, "/m/SmolLM2.gguf")),
        ("ollama", OLLAMA, Event((SELF,), False, "qwen2.5-coder:1.5b")),
        ("ollama", OLLAMA_END, Event((), True, "qwen2.5-coder:1.5b")),
        ("openai", VLLM, Event((SELF,), False, "m")),
        ("openai", VLLM_END, Event((), True, "m")),
        ("openai", LM_STUDIO, Event((Piece(" self"),), False, "m")),
    ],
)
def test_recorded_answers_are_understood(api: str, recorded: str, event: Event) -> None:
    assert interface(api).read(json.loads(recorded)) == event


@pytest.mark.parametrize(
    ("api", "message"),
    [
        ("openai", []),
        ("openai", {"choices": "many"}),
        ("openai", {"choices": [7]}),
        ("openai", {"choices": [{"text": 7}]}),
        (
            "openai",
            {"choices": [{"text": "a", "logprobs": {"tokens": ["a"], "token_logprobs": []}}]},
        ),
        (
            "openai",
            {"choices": [{"text": "a", "logprobs": {"tokens": ["a"], "token_logprobs": ["?"]}}]},
        ),
        ("openai", {"error": {"message": "no such model\nhere"}}),
        ("ollama", {"error": "model 'm' not found"}),
        ("ollama", {"response": {}}),
        ("llama.cpp", {"content": None, "completion_probabilities": [{"token": 1}]}),
        ("llama.cpp", {"content": "a", "completion_probabilities": [{"token": "a"}]}),
        ("llama.cpp", "text"),
    ],
)
def test_an_answer_of_another_shape_is_a_fault_of_one_line(api: str, message: Any) -> None:
    with pytest.raises(ServiceFault) as caught:
        interface(api).read(message)
    assert "\n" not in str(caught.value)


def test_probabilities_of_another_text_than_the_one_written_are_not_taken() -> None:
    event = json.loads(VLLM)
    event["choices"][0]["text"] = " other"
    assert interface("openai").read(event).pieces == (Piece(" other"),)


def test_each_service_is_asked_as_it_wants_to_be() -> None:
    path, body = interface("llama.cpp").request(ASK)
    assert path == "/infill"
    assert (body["input_prefix"], body["prompt"], body["input_suffix"]) == (
        "a = 1\n",
        "b = ",
        "\nc\n",
    )
    path, body = interface("ollama").request(ASK)
    assert (path, body["prompt"], body["suffix"]) == ("/api/generate", ASK.prefix, ASK.suffix)
    path, body = interface("ollama", prompt="codestral").request(ASK)
    assert (body["prompt"], body["raw"]) == ("[SUFFIX]\nc\n[PREFIX]a = 1\nb = ", True)
    path, body = interface("openai", prompt="qwen").request(ASK)
    assert path == "/v1/completions"
    assert body["prompt"] == "<|fim_prefix|><|fim_suffix|>\nc\n<|fim_middle|>a = 1\nb = "
    assert "suffix" not in body  # vLLM answers 400 to it
    path, body = interface("lory").request(ASK)
    assert (body["suffix"], body["path"], body["min_probability"]) == (ASK.suffix, "x.py", 0.3)


@pytest.mark.parametrize(
    ("wanted", "found", "same"),
    [
        ("qwen2.5-coder", "qwen2.5-coder:1.5b", True),
        ("SmolLM2", "/models/SmolLM2.gguf", True),
        ("instruct", "instruct-2024-01-01", True),
        ("qwen2.5-coder", "llama3", False),
        ("qwen", "qwenx", False),
    ],
)
def test_a_model_is_known_by_its_name(wanted: str, found: str, same: bool) -> None:
    assert is_model(wanted, found) is same
