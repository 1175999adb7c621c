"""What only the server's log is told of what goes wrong while somebody is answered.

For errors that end a request, `observed.py` sees to that; here it is for those that do not: a
search that goes on by words, an answer that fails in a client's tool call.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from agent.events import Done, Failed, Status
from agent.modes.answering import TYPED
from agent.modes.router import COULD_NOT
from agent.persona.restyle import FAILED
from agent.server.failures import bug, refusal, refusal_of
from agent.server.source_names import without_places
from agent.server.tickets import TOLD

if TYPE_CHECKING:
    from agent.server.errors import Refused
    from agent.server.users import User

_CAUSES = frozenset({"note", "record"})
"""Stages of steps that tell what is wrong with the server."""
_OTHERS = frozenset({"route", "tool"})
"""Stages of steps that may repeat the words of a provider or of another server."""
_VOICE = re.compile(rf"({re.escape(FAILED)}): .*", re.DOTALL)
_ROUTE = re.compile(rf"({re.escape(COULD_NOT)}): .*", re.DOTALL)


def log_cause(cause: str) -> None:
    """Have the log's line of the request that is being answered tell a cause."""
    told = TOLD.get()
    if told is None or not cause:
        return
    before = str(told.get("cause", ""))
    if cause not in before:
        told["cause"] = f"{before} {cause}".strip()


def refused_by(failed: Failed, *, owner: bool) -> Refused:
    """What is answered for an ask that has failed."""
    return refusal_of(failed.error, failed.message, failed.hint, owner=owner)


def as_told(failed: Failed) -> Failed:
    """The end of an ask that has failed, as users are told it who are not the owner."""
    refused = refused_by(failed, owner=False)
    return replace(failed, message=str(refused), hint=refused.hint)


def done_for(user: User, done: Done) -> Done:
    """The end of an answer, as a user is told it.

    Not why something failed on the way, nor what to type: there is no command line for them.
    """
    if user.is_owner:
        return done
    note = _VOICE.sub(r"\1).", done.note)
    for typed in TYPED:
        note = note.replace(typed, "")
    return replace(done, note=without_places(note), route=_route(done.route))


def ended_for(user: User, done: Done) -> Done:
    """The same of an answer that ends now; the log is told what its user is not."""
    told = done_for(user, done)
    for text, as_told in ((done.note, told.note), (done.route, told.route)):
        if text != as_told:
            log_cause(text)
    return told


def step_for(user: User, step: Status) -> Status | None:
    """A step as a user is told it; None where it tells what is wrong with the server."""
    if user.is_owner:
        return step
    if step.stage in _CAUSES:
        return None
    return replace(step, text=_route(step.text)) if step.stage in _OTHERS else step


def _route(text: str) -> str:
    return without_places(_ROUTE.sub(r"\1.", text))


@contextmanager
def told() -> Iterator[None]:
    """While open, errors become what a user who is not the owner is told of them.

    Raises:
        Refused: For every error.
    """
    try:
        yield
    except Exception as error:
        refused = refusal(error)
        if refused is None:
            log_cause(f"a bug: {type(error).__name__}")
            raise bug() from error
        log_cause(refused.cause)
        raise refused from error
