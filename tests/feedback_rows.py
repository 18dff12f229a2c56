"""One accepted suggestion, as feedback records it, for tests to vary."""

from lsp_server.feedback.rows import Acceptance, Ending, Row, Trigger

ACCEPTED = Row(
    id="0",
    time=1.0,
    session="s",
    language="python",
    model="m",
    model_sha256="0" * 64,
    prompt_sha256="1" * 64,
    text="first(a)",
    tokens=("first", "(a)"),
    logprobs=(-0.1, -0.2),
    rank=0,
    candidates=1,
    shown=True,
    probability=0.74,
    latency_ms=10.0,
    trigger=Trigger.TYPED,
    outcome=Acceptance.WHOLE,
    ending=Ending.COMPLETE,
    accepted_characters=8,
    typed_characters=0,
    retained_characters=4,
    fate=None,
    settled=None,
    seconds=1.0,
)
