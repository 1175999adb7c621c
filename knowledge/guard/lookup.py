"""A name to the addresses that may be connected to. Asks the system's resolver, once a name."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Sequence

from knowledge.errors import FetchFailed, FetchRefused
from knowledge.guard.addresses import why_not_public
from knowledge.guard.clock import Clock
from knowledge.guard.urls import Target

Resolver = Callable[[str, int], Sequence[str]]
"""Host name and port to addresses as text, the best first; raises OSError for no such name."""


def system_resolver(host: str, port: int) -> Sequence[str]:
    """What `getaddrinfo` says."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return tuple(dict.fromkeys(str(info[4][0]) for info in found))


def addresses_of(
    target: Target, allow: tuple[str, ...], resolve: Resolver, clock: Clock
) -> tuple[str, ...]:
    """The addresses of a host, every one of them checked.

    Raises:
        FetchRefused: The host is not allowed by name, and one of its addresses is not public.
        FetchFailed: There is no such host, or the answer took too long.
    """
    allowed = target.is_in(allow)
    if not allowed:
        refuse_inner_name(target)
    found = (
        (target.host,) if target.is_address else look_up(target.host, target.port, resolve, clock)
    )
    if not allowed:
        for address in found:
            if words := why_not_public(address):
                where = "" if address == target.host else f"at {address}, "
                raise _refused(target, f"{target.host} is {where}{words}")
    return found


def refuse_inner_name(target: Target) -> None:
    """Refuse a name that tells by itself that it is of a local network.

    Raises:
        FetchRefused: It is one.
    """
    if target.is_inner:
        raise _refused(target, f"{target.host} is a name of this machine or its network")


def look_up(host: str, port: int, resolve: Resolver, clock: Clock) -> tuple[str, ...]:
    """Ask for a name's addresses, no longer than there is time.

    Raises:
        FetchFailed: There are none, or the answer took too long.
    """
    answer: list[Sequence[str] | BaseException] = []
    done = threading.Event()

    def ask() -> None:
        try:
            answer.append(resolve(host, port))
        except BaseException as error:  # raised again below, in the thread that asked
            answer.append(error)
        done.set()

    # The system's resolver takes no time limit: left behind, its thread ends by itself.
    threading.Thread(target=ask, name="lookup", daemon=True).start()
    while not done.wait(clock.pause()):
        pass
    found = answer[0]
    if isinstance(found, (OSError, UnicodeError)):
        raise FetchFailed(
            f"the host {host} cannot be found: {getattr(found, 'strerror', None) or found}",
            hint="Check the spelling, and that this machine is online.",
        ) from None
    if isinstance(found, BaseException):
        raise found
    if not found:
        raise FetchFailed(f"the host {host} has no address")
    return tuple(found)


def _refused(target: Target, words: str) -> FetchRefused:
    return FetchRefused(
        f"{words}; only the public web is fetched",
        hint=f'If you trust it, allow "{target.host}" by name in the configuration.',
    )
