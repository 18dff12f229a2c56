"""An engine for tests that answers by rules from a JSON file.

The script is a list of rules such as `{"after": "import ", "completion": "os", "logprob": -0.1}`.
The first rule whose `after` ends the text before the cursor answers; without one there is no
candidate. Stop rules, token limits, probabilities and cancelling count as for a model.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from time import sleep

import cattrs
from tokenizers import Tokenizer

from lsp_server.contract.bundles.bundle import Bundle
from lsp_server.contract.bundles.manifest import strict_converter
from lsp_server.contract.prompt import Prompt, Sentinel, decode, load_tokenizer
from lsp_server.engines import Candidate, Limits, StopReason
from lsp_server.engines.decoding.writer import CandidateWriter
from lsp_server.errors import EngineError

POLL = 0.005
"""Seconds between two looks at a rule's file."""
TOKEN = re.compile(r"\w+|\s+|[^\w\s]+")


@dataclass(frozen=True, slots=True)
class Rule:
    """One answer."""

    after: str
    """What the text before the cursor ends with; "" always answers."""
    completion: str = ""
    logprob: float = 0.0
    """Of the whole completion; its tokens share it evenly."""
    delay_ms: int = 0
    """Time to think before the first token."""
    deaf: bool = False
    """Think on when cancelled."""
    until: str = ""
    """A file to wait for before the first token."""
    error: str = ""
    """Raise EngineError with this text instead of answering."""


@dataclass(frozen=True, slots=True)
class Request:
    """What the engine was asked, as its log records it."""

    path: str
    prefix: str
    """Up to the cursor, the piece to heal included."""
    suffix: str


class ScriptedEngine:
    """Answers by rules; appends each request to `log`, if given, as a line of JSON."""

    name = "scripted"

    def __init__(self, rules: Sequence[Rule], tokenizer: Tokenizer, log: Path | None) -> None:
        self._rules = rules
        self._tokenizer = tokenizer
        self._log = log

    def complete(self, prompt: Prompt, limits: Limits, cancelled: Event) -> list[Candidate]:
        """The candidate of the first rule that fits; raises EngineError where the rule says so."""
        request = read_request(self._tokenizer, prompt)
        self._record(request)
        rule = next((rule for rule in self._rules if request.prefix.endswith(rule.after)), None)
        if rule is None:
            return []
        writer = CandidateWriter(limits)
        if not wait(rule, cancelled):
            return [writer.finish(StopReason.CANCELLED)]
        if rule.error:
            raise EngineError(rule.error)
        return [writer.finish(write(rule, writer, limits))]

    def _record(self, request: Request) -> None:
        if self._log is not None:
            with self._log.open("a", encoding="utf-8") as file:
                file.write(json.dumps(strict_converter().unstructure(request)) + "\n")


def wait(rule: Rule, cancelled: Event) -> bool:
    """Let a rule's time go by, and wait for its file; False where the request is cancelled."""
    if rule.deaf:
        sleep(rule.delay_ms / 1000)
        return True
    over = cancelled.wait(rule.delay_ms / 1000)
    while rule.until and not over and not Path(rule.until).exists():
        over = cancelled.wait(POLL)
    return not over


def write(rule: Rule, writer: CandidateWriter, limits: Limits) -> StopReason:
    """Give the rule's completion to `writer` word by word."""
    tokens = TOKEN.findall(rule.completion)
    for token in tokens[: limits.max_tokens]:
        if reason := writer.add(token.encode(), rule.logprob / len(tokens)):
            return reason
    return StopReason.END if len(tokens) <= limits.max_tokens else StopReason.LENGTH


def read_request(tokenizer: Tokenizer, prompt: Prompt) -> Request:
    """Path, prefix and suffix out of a served prompt's ids."""
    parts: dict[int, list[int]] = {sentinel: [] for sentinel in Sentinel}
    part = parts[Sentinel.FILE]
    for token in prompt.ids:
        if token in parts:
            part = parts[token]
        else:
            part.append(token)
    path, prefix, suffix = (
        decode(tokenizer, parts[sentinel])
        for sentinel in (Sentinel.PATH, Sentinel.PREFIX, Sentinel.SUFFIX)
    )
    return Request(path, prefix + prompt.heal, suffix)


def read_rules(script: Path) -> list[Rule]:
    """The rules of a script file; raises EngineError where it is not one."""
    try:
        return strict_converter().structure(json.loads(script.read_bytes()), list[Rule])
    except (OSError, ValueError, cattrs.BaseValidationError) as exc:
        raise EngineError(
            f"{script}: expected a list of rules with the keys {list(Rule.__dataclass_fields__)}, "
            f"found: {exc}; mend the script"
        ) from exc


def create(bundle: Bundle | None, threads: int, *, script: str, log: str = "") -> ScriptedEngine:
    """Entry point of the group `lory.engines`; `threads` is taken for the sake of its signature.

    The bundle gives the tokenizer that turns prompts back into text.
    """
    if bundle is None:
        raise EngineError("engine scripted: expected a bundle, found none; set the bundle's folder")
    tokenizer = load_tokenizer(bundle.tokenizer_path)
    return ScriptedEngine(read_rules(Path(script)), tokenizer, Path(log) if log else None)
