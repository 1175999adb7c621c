"""Errors as HTTP says them: every one that a user may see has a status and a word for machines.

What only the server's owner can mend is told in full to the owner and to the log: its words may
name addresses and folders of the server. Hints name routes, since nobody here types commands.
"""

from __future__ import annotations

import math

from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse

from agent.errors import AgentError
from agent.server.errors import Refused
from knowledge.errors import KnowledgeError

_BY_KIND: dict[str, tuple[int, str]] = {
    "UsageError": (400, "invalid_request"),
    "ConfigError": (500, "wrong_configuration"),
    "MissingKey": (500, "wrong_configuration"),
    "UnknownModel": (500, "wrong_configuration"),
    "RateLimited": (503, "model_busy"),
    "ContextTooLong": (400, "context_length_exceeded"),
    "ModelUnreachable": (503, "model_unreachable"),
    "BadModelOutput": (502, "bad_model_output"),
    "BudgetSpent": (429, "insufficient_quota"),
    "SessionNotFound": (404, "session_not_found"),
    "TranscriptError": (500, "sessions_unusable"),
    "ReadError": (422, "unreadable_source"),
    "FetchRefused": (422, "fetch_refused"),
    "FetchFailed": (502, "fetch_failed"),
    "ConnectionLost": (502, "fetch_failed"),
    "LibraryBusy": (503, "library_busy"),
    "LibraryCorrupt": (409, "library_unusable"),
    "LibraryReadOnly": (403, "library_read_only"),
    "SharedLibraryRefuses": (409, "not_when_shared"),
    "EmbedderUnavailable": (503, "embedder_unavailable"),
    "StoreUnreachable": (503, "store_unreachable"),
    "SourceNotFound": (404, "source_not_found"),
    "DiskFull": (507, "disk_full"),
}
"""Status and code by an error's class name; whatever is not here is the server's own fault."""
_HINTS = {
    "ContextTooLong": "Send less: fewer earlier messages, or a shorter question.",
    "BudgetSpent": "Ask for less, or have the server's owner raise your limits.",
    "SessionNotFound": "GET /api/sessions lists yours.",
    "SourceNotFound": "GET /api/sources lists them.",
}
"""In place of the error's own hint, which is for a terminal."""
_TOLD = {
    "failed": "That could not be done.",
    "wrong_configuration": "The server's settings are wrong.",
    "model_busy": "The model takes no more for now.",
    "model_unreachable": "The model cannot be reached.",
    "bad_model_output": "The model's answer cannot be used.",
    "sessions_unusable": "Sessions cannot be read or written.",
    "library_busy": "The library is being changed.",
    "library_unusable": "The library was replaced while it was read, or it is damaged.",
    "embedder_unavailable": "The embedder cannot be used.",
    "store_unreachable": "The library's store cannot be reached.",
    "disk_full": "The server's disk is full.",
}
"""By code: what is told to whom is not the owner, of what they can neither mend nor should know."""
_ASK_OWNER = "Ask again later, or tell the server's owner: its log says more."
_COME_AGAIN = 5.0
"""Seconds, where something is busy or away."""
ENDING = "The server is ending."


def refusal_of(kind: str, message: str, hint: str = "", *, owner: bool = False) -> Refused:
    """What is answered for an error of the house.

    Args:
        kind: The error's class name, as `Failed.error` has it.
        message: What happened.
        hint: What to type next, in a terminal.
        owner: Whether it is told to the server's owner.
    """
    status, code = _BY_KIND.get(kind, (500, "failed"))
    cause = f"{message} {hint}".strip() if code in _TOLD else ""
    if code in _TOLD and not owner:
        message, hint = _TOLD[code], _ASK_OWNER
    elif not owner:
        hint = ""
    hint = _HINTS.get(kind, hint)
    again = _COME_AGAIN if status == 503 else None
    return Refused(status, message, code=code, hint=hint, retry_after=again, cause=cause)


def refusal(error: Exception, *, owner: bool = False) -> Refused | None:
    """What is answered for an exception; None for a bug, of which nobody is told more.

    Args:
        error: What was raised.
        owner: Whether it is told to the server's owner.
    """
    if isinstance(error, Refused):
        return error
    if isinstance(error, AgentError | KnowledgeError):
        # The nearest class that is listed: an error may be of a narrower kind.
        names = (cls.__name__ for cls in type(error).__mro__)
        kind = next((name for name in names if name in _BY_KIND), type(error).__name__)
        return refusal_of(kind, str(error), error.hint, owner=owner)
    if isinstance(error, HTTPException):
        code = {404: "not_found", 405: "method_not_allowed", 413: "too_large"}
        return Refused(
            error.status_code, f"{error.detail}.", code=code.get(error.status_code, "http")
        )
    return None


def body_of(refused: Refused) -> dict[str, object]:
    """An error as OpenAI's clients read it, with the hint."""
    error: dict[str, object] = {
        "message": str(refused),
        "type": _type(refused.status),
        "param": refused.param,
        "code": refused.code,
    }
    if refused.hint:
        error["hint"] = refused.hint
    return {"error": error}


def response_of(refused: Refused) -> JSONResponse:
    """The whole response."""
    headers = {"Cache-Control": "no-store"}
    if refused.retry_after is not None:
        headers["Retry-After"] = str(max(1, math.ceil(refused.retry_after)))
    if refused.status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    return JSONResponse(body_of(refused), status_code=refused.status, headers=headers)


def ending() -> Refused:
    """What is answered where the server is being ended."""
    return Refused(503, ENDING, code="server_ending", retry_after=_COME_AGAIN)


def bug() -> Refused:
    """What is answered where the program has an error of its own."""
    return Refused(
        500, "The server has an error of its own; its log says more.", code="internal_error"
    )


def _type(status: int) -> str:
    match status:
        case 401:
            return "authentication_error"
        case 403:
            return "permission_error"
        case 429:
            return "rate_limit_error"
        case _ if status >= 500:
            return "server_error"
        case _:
            return "invalid_request_error"
