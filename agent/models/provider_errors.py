"""What a provider's failure means to the person who asked, in the house's errors.

Reads foreign exceptions by class name, status and text, and so imports no provider's library.
No secret passes: every text of a provider's goes through `redact`.
"""

from __future__ import annotations

import ast
import json
import os
import re
import time
from collections.abc import Collection
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

from agent.errors import (
    BadModelOutput,
    ContextTooLong,
    MissingKey,
    ModelError,
    ModelUnreachable,
    RateLimited,
    UnknownModel,
)

_KEY_SHAPES = re.compile(
    r"""
    \b(?:(?:sk|pk|rk|xai|pplx|nvapi|key)-|(?:gsk|hf|tgp|gh[pousr])_|AIza)[-\w*.]{8,}  # by prefix
    | (?<=bearer\s)\S+                                                            # by header
    | (?<=key=)[^\s&"']+ | (?<=token=)[^\s&"']+                                   # by parameter
    | (?<=://)[^\s/@]+(?=@)                                                       # in an address
    """,
    re.VERBOSE | re.IGNORECASE,
)
_SECRET_NAMES = re.compile(r"(KEY|TOKEN|SECRET|PASSWORD|CREDENTIALS)(_ID)?$", re.IGNORECASE)
_SHORTEST_SECRET = 8
"""Characters; a shorter value of the environment ("none", "test") is a word, and no secret."""
_LONGEST_REASON = 300
"""Characters of a provider's own text that an error quotes."""

_LIBRARY_PREFIX = re.compile(r"^(?:(?:litellm\.)?\w*(?:Error|Exception|Timeout)\s*(?::|-)\s*)+")
_TOO_LONG = re.compile(
    r"context (?:length|window|size)|maximum context|prompt is too long|too many (?:input )?tokens"
    r"|input (?:token count|is too long)|exceeds the (?:available )?context",
    re.IGNORECASE,
)
_NO_KEY = re.compile(
    r"missing credentials|unable to locate credentials|missing \w* ?api.?key"
    r"|(?:invalid|incorrect|no) api.?key|api.?key (?:not|is) (?:valid|found|invalid|missing)",
    re.IGNORECASE,
)
_NO_MODEL = re.compile(
    r"\bmodel\b.{0,120}?(?:not found|does not exist)"
    r"|(?:unknown|invalid|no such) model|not a valid model",
    re.IGNORECASE | re.DOTALL,
)
_NO_CREDIT = re.compile(r"quota|billing|credit|insufficient.{0,20}balance", re.IGNORECASE)
_NO_CONNECTION = re.compile(
    r"connection error|connect(?:ion)? (?:refused|failed|attempts)|cannot connect"
    r"|name resolution|nodename|name or service|timed out|getaddrinfo",
    re.IGNORECASE,
)
_NO_JSON = re.compile(
    r"Expecting (?:value|property|',')|JSONDecodeError|not valid JSON|Invalid JSON"
)
_NO_MODULE = re.compile(r"No module named '([\w.]+)'")


@dataclass(frozen=True, slots=True)
class Call:
    """What the message about a failed call may name."""

    model: str
    provider: str
    base: str = ""
    """The address, as `shown` gives it; empty for a provider's own."""
    missing_keys: tuple[str, ...] = ()
    """The environment variables that the provider reads its key from, where none is set."""
    secrets: tuple[str, ...] = ()
    instead: str = "`--model embedded` answers offline"
    """What works without this provider; ends most hints."""

    @property
    def where(self) -> str:
        """Who was called, for a person."""
        return f"{self.provider} at {self.base}" if self.base else self.provider

    @property
    def key_name(self) -> str:
        """The environment variable to set."""
        return next(iter(self.missing_keys), f"{self.provider.upper()}_API_KEY")


@dataclass(frozen=True, slots=True)
class Trouble:
    """A failure, and what may be done about it."""

    error: ModelError
    reason: str = ""
    """The bare cause, for a sentence that says more."""
    retry: bool = False
    wait: float | None = None
    """Seconds that the provider asks to be left alone, where it says so."""


def understand(failure: BaseException, call: Call) -> Trouble:
    """Say what a foreign exception means."""
    failure = getattr(failure, "original_exception", None) or failure
    names = {cls.__name__ for cls in type(failure).__mro__}
    status = getattr(failure, "status_code", None)
    text = str(failure)
    reason = first_line(text, call.secrets)

    if "LLM Provider NOT provided" in text:
        return Trouble(_no_provider(call))
    if "ContextWindowExceededError" in names or (
        status in (400, 413, 422, 500) and _TOO_LONG.search(text)
    ):
        return Trouble(_too_long(call, reason))
    if module := _NO_MODULE.search(text):
        error: ModelError = UnknownModel(
            f"{call.model} needs the Python package {module[1]}, which is not installed.",
            hint=f"Install what {call.provider} needs, or choose another model; {call.instead}.",
        )
        return Trouble(error)
    if names & {"AuthenticationError", "PermissionDeniedError"} or _NO_KEY.search(text):
        return Trouble(_key(call, reason))
    if status == 402 or (status == 429 and _NO_CREDIT.search(text)):
        error = RateLimited(
            f"{call.where} says that the account has no credit left: {reason}",
            hint=f"Add credit with {call.provider}, or ask another model; {call.instead}.",
        )
        return Trouble(error)
    if status == 429 or "RateLimitError" in names:
        return _rate_limited(failure, call, reason)
    if status == 404 or (status in (400, 500) and _NO_MODEL.search(text)):
        return Trouble(_no_model(call, reason))
    if isinstance(failure, TimeoutError) or "Timeout" in names or status == 408:
        return Trouble(timed_out(call), "it took too long", retry=True)
    if names & {"APIResponseValidationError", "JSONDecodeError"} or _NO_JSON.search(text):
        return Trouble(not_understood(call))
    if names & {"APIConnectionError", "APIError"} or status in (409, 425) or (status or 0) >= 500:
        return _failed(failure, call, reason, text)
    if status is not None:
        error = ModelError(
            f"{call.where} refused the request for {call.model}: {reason}",
            hint=f"`agent doctor` checks the model and its settings; {call.instead}.",
        )
        return Trouble(error)
    return Trouble(not_understood(call, f"{type(failure).__name__}: {reason}"))


def timed_out(call: Call, seconds: float | None = None) -> ModelUnreachable:
    """Nothing came for too long."""
    limit = f" within {seconds:g} s" if seconds is not None else " in time"
    return ModelUnreachable(
        f"{call.where} did not answer{limit}.",
        hint=f"Try again, or check the server with `agent doctor`; {call.instead}.",
    )


def cut_off(call: Call, reason: str = "") -> BadModelOutput:
    """The answer stopped before its end."""
    why = f": {reason}" if reason else ""
    return BadModelOutput(
        f"The answer of {call.model} broke off before its end{why}.",
        hint=f"Ask again; `agent doctor` checks the server; {call.instead}.",
    )


def not_understood(call: Call, reason: str = "") -> BadModelOutput:
    """What came is no answer in any known shape."""
    why = f" ({reason})" if reason else ""
    return BadModelOutput(
        f"{call.where} sent something that is no answer{why}.",
        hint="Check the address: that of an OpenAI-compatible server usually ends in /v1. "
        f"`agent doctor` tries it; {call.instead}.",
    )


def nothing_said(call: Call, finish: str, max_tokens: int | None) -> BadModelOutput:
    """The answer ended in order, and is empty or was withheld."""
    if finish == "length":
        limit = f"its {max_tokens} tokens" if max_tokens else "its tokens"
        return BadModelOutput(
            f"{call.model} used up {limit} before it began to answer.",
            hint="Allow a longer answer with a higher `--max-tokens`.",
        )
    if finish == "content_filter":
        return BadModelOutput(
            f"The content filter of {call.provider} withheld the answer, or the rest of it.",
            hint=f"Ask in other words, or ask another model; {call.instead}.",
        )
    return BadModelOutput(
        f"{call.model} gave an empty answer.",
        hint=f"Ask again, or ask another model; {call.instead}.",
    )


def _no_provider(call: Call) -> UnknownModel:
    return UnknownModel(
        f"No provider is known for the model name {call.model!r}.",
        hint="Put the provider first, as in `--model openai/gpt-4o-mini` or "
        f"`--model ollama_chat/llama3.2`; {call.instead}.",
    )


def _no_model(call: Call, reason: str) -> UnknownModel:
    hint = f"Check the name given with `--model`; `agent doctor` tries it; {call.instead}."
    if call.provider.startswith("ollama"):
        hint = f"`ollama pull {call.model.partition('/')[2]}` fetches it; {call.instead}."
    return UnknownModel(f"{call.where} has no model {call.model}: {reason}", hint=hint)


def _too_long(call: Call, reason: str) -> ContextTooLong:
    return ContextTooLong(
        f"The prompt does not fit the window of {call.model}: {reason}",
        hint="Ask with fewer passages or a shorter history, or a model with a larger window.",
    )


def _key(call: Call, reason: str) -> MissingKey:
    if call.missing_keys:
        names = " or ".join(call.missing_keys)
        message = f"{call.where} needs a key, and {names} is not set."
    else:
        message = f"{call.where} refused the key: {reason}"
    return MissingKey(message, hint=f"`export {call.key_name}=…` and ask again; {call.instead}.")


def _rate_limited(failure: BaseException, call: Call, reason: str) -> Trouble:
    wait = retry_after(failure)
    when = f"in {wait:.0f} s" if wait else "in a minute"
    error = RateLimited(
        f"{call.where} refuses for now: {reason}", hint=f"Ask again {when}; {call.instead}."
    )
    return Trouble(error, reason, retry=True, wait=wait)


def _failed(failure: BaseException, call: Call, reason: str, text: str) -> Trouble:
    """No connection, or a server that broke down; without a key, the key comes first."""
    status = getattr(failure, "status_code", None)
    answered = getattr(failure, "litellm_response_headers", None) is not None
    if not answered and call.missing_keys:
        return Trouble(_key(call, reason))
    if answered and not _NO_CONNECTION.search(text):
        error = ModelUnreachable(
            f"{call.where} failed with status {status}: {reason}",
            hint=f"The fault is the server's: ask again later; {call.instead}.",
        )
    else:
        error = ModelUnreachable(
            f"{call.where} cannot be reached: {reason}",
            hint=f"Check that it runs and is online; `agent doctor` tries it; {call.instead}.",
        )
    return Trouble(error, reason, retry=True, wait=retry_after(failure))


def retry_after(failure: BaseException) -> float | None:
    """The seconds that a `Retry-After` header asks for (RFC 9110, 10.2.3: seconds or a date)."""
    headers: Any = getattr(failure, "litellm_response_headers", None) or getattr(
        getattr(failure, "response", None), "headers", None
    )
    value = headers.get("retry-after", "") if hasattr(headers, "get") else ""
    try:
        return max(0.0, float(value))
    except ValueError:
        pass
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
    except ValueError:
        return None


def first_line(text: str, secrets: Collection[str] = ()) -> str:
    """The reason that a provider gives, short and without secrets."""
    lines = (_LIBRARY_PREFIX.sub("", line.strip()).strip() for line in _inner(text).splitlines())
    line = redact(next(filter(None, lines), "no reason given"), secrets).rstrip(". ")
    return line if len(line) <= _LONGEST_REASON else line[:_LONGEST_REASON] + " …"


def _inner(text: str) -> str:
    """The `message` of an error body inside a text, written as JSON or as Python prints it."""
    start = text.find("{")
    body = text[start : text.rfind("}") + 1] if start >= 0 else ""
    for read in (json.loads, ast.literal_eval):
        try:
            found = read(body)
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            continue
        while isinstance(found, dict):
            found = next((found[k] for k in ("error", "message", "detail") if k in found), None)
        if isinstance(found, str) and found.strip():
            return found
    return text


def redact(text: str, secrets: Collection[str] = ()) -> str:
    """Take out keys: those given, those of the environment, and what has the shape of one."""
    kept = {value for name, value in os.environ.items() if _SECRET_NAMES.search(name)}
    for secret in sorted({*secrets, *kept}, key=len, reverse=True):
        if len(secret) >= _SHORTEST_SECRET:
            text = text.replace(secret, "[hidden]")
    return _KEY_SHAPES.sub("[hidden]", text)


def shown(address: str | None) -> str:
    """An address without what may be secret in it: user, password, query."""
    if not address:
        return ""
    parts = urlsplit(address if "://" in address else f"//{address}")
    host = parts.netloc.rpartition("@")[2]
    return f"{parts.scheme}://{host}{parts.path}" if parts.scheme else f"{host}{parts.path}"
