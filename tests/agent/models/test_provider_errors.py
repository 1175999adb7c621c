"""What a provider says is passed on without what nobody should see."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from agent.errors import (
    ContextTooLong,
    MissingKey,
    ModelError,
    ModelUnreachable,
    RateLimited,
    UnknownModel,
)
from agent.models.provider_errors import (
    Call,
    first_line,
    redact,
    retry_after,
    shown,
    understand,
)

CALL = Call("ollama_chat/llama3.2", "ollama_chat", "http://localhost:11434")


class Foreign(Exception):
    """As a provider's library raises it."""

    def __init__(self, text: str, status: int | None = None, **headers: str) -> None:
        super().__init__(text)
        self.status_code = status
        self.litellm_response_headers = {k.replace("_", "-"): v for k, v in headers.items()}


@pytest.mark.parametrize(
    "secret",
    [
        "sk-proj-abcdef0123456789",
        "gsk_abcdef0123456789",
        "AIzaSyA-abcdef0123456789",
        "hf_abcdefghijklmnop",
        "sk-1234****************cdef",
    ],
)
def test_what_looks_like_a_key_is_hidden(secret: str) -> None:
    assert redact(f"Incorrect API key provided: {secret}. See the page.").count("[hidden]") == 1
    assert secret not in redact(f"key={secret}&x=1")


def test_a_key_of_any_shape_is_hidden_where_it_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_API_KEY", "unusual shape of a key")
    text = redact("You sent: unusual shape of a key / another one given", ["another one given"])
    assert text == "You sent: [hidden] / [hidden]"


def test_words_that_only_begin_like_a_key_are_left() -> None:
    text = "The keyboard-shortcuts of task-management-systems are risk-free-of-charge."
    assert redact(text) == text


def test_an_address_is_shown_without_its_password_and_query() -> None:
    assert shown("https://me:secret@host:8000/v1?key=1#x") == "https://host:8000/v1"
    assert shown("host:8000/v1") == "host:8000/v1"
    assert shown(None) == ""


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("litellm.BadRequestError: OpenAIException - Bad thing.\nmore", "Bad thing"),
        ("Error code: 400 - {'error': {'message': 'Too hot.', 'code': 1}}", "Too hot"),
        ('AnthropicException - {"type": "error", "error": {"message": "Slow"}}', "Slow"),
        ("{not json}", "{not json}"),
        ("", "no reason given"),
        ("x" * 1000, "x" * 300 + " …"),
    ],
)
def test_the_reason_is_the_providers_own_sentence(text: str, line: str) -> None:
    assert first_line(text) == line


def test_a_wait_may_be_asked_for_in_seconds_or_as_a_date() -> None:
    later = format_datetime(datetime.now(UTC) + timedelta(seconds=90), usegmt=True)
    assert retry_after(Foreign("", retry_after="2.5")) == 2.5
    assert 80 < (retry_after(Foreign("", retry_after=later)) or 0) <= 90
    assert retry_after(Foreign("", retry_after="soon")) is None
    assert retry_after(Foreign("")) is None
    assert retry_after(ValueError("no headers at all")) is None


@pytest.mark.parametrize(
    ("failure", "kind", "retry"),
    [
        (Foreign("model 'x' not found, try pulling it first", 500), UnknownModel, False),
        (Foreign("the request exceeds the available context size", 400), ContextTooLong, False),
        (Foreign("API key not valid. Please pass a valid API key.", 400), MissingKey, False),
        (Foreign("You exceeded your current quota, check your billing", 429), RateLimited, False),
        (Foreign("Slow down", 429), RateLimited, True),
        (Foreign("Payment required", 402), RateLimited, False),
        (Foreign("Overloaded", 529), ModelUnreachable, True),
        (Foreign("temperature must be at most 2", 400), ModelError, False),
        (Foreign("No module named 'google.auth'", 500), UnknownModel, False),
        (TimeoutError(), ModelUnreachable, True),
    ],
)
def test_failures_of_many_providers_are_told_apart(
    failure: Exception, kind: type[ModelError], retry: bool
) -> None:
    trouble = understand(failure, CALL)
    assert type(trouble.error) is kind
    assert trouble.retry is retry
    assert trouble.error.hint


def test_a_missing_model_of_ollama_is_pulled() -> None:
    trouble = understand(Foreign("model 'llama3.2' not found", 404), CALL)
    assert "ollama pull llama3.2" in trouble.error.hint
