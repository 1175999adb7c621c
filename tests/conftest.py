"""Every test has a home of its own, no key of any provider, and no network beyond loopback."""

from __future__ import annotations

import ipaddress
import os
import socket
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from pytest_textual_snapshot import SVGImageExtension

# No test is about speed: the machine may be busy with others. And a run of the same code has the
# same outcome; `--hypothesis-profile=explore` looks for examples that no run has tried.
settings.register_profile("house", deadline=None, derandomize=True)
settings.register_profile("explore", deadline=None, max_examples=1000)
settings.load_profile("house")

# The plugin sets a name that syrupy no longer reads: without this, pictures are called `.raw`.
SVGImageExtension.file_extension = "svg"


class NetworkDenied(RuntimeError):
    """A test reached for the network. No `OSError`, so that no code takes it for a bad line."""


def pytest_configure(config: pytest.Config) -> None:
    """Guard the socket once for all: fixtures of any scope are held to it too."""
    connect, connect_ex, lookup = (
        socket.socket.connect,
        socket.socket.connect_ex,
        socket.getaddrinfo,
    )

    def guarded(self: socket.socket, address: Any) -> None:
        _deny(self, address)
        return connect(self, address)

    def guarded_ex(self: socket.socket, address: Any) -> int:
        _deny(self, address)
        return connect_ex(self, address)

    def guarded_lookup(host: Any, *args: Any, **kwargs: Any) -> Any:
        if host and not _is_address(host) and host not in ("localhost", b"localhost"):
            raise NetworkDenied(f"a test looked up {host!r}: use a loopback server")
        return lookup(host, *args, **kwargs)

    socket.socket.connect = guarded  # type: ignore[method-assign,assignment]
    socket.socket.connect_ex = guarded_ex  # type: ignore[method-assign,assignment]
    socket.getaddrinfo = guarded_lookup


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """`$AGENT_HOME` in the test's own folder; no settings and no keys from outside."""
    for name in list(os.environ):
        if name.startswith("AGENT_") or name.endswith(
            ("_API_KEY", "_API_BASE", "_PROXY", "_proxy")
        ):
            monkeypatch.delenv(name)
    home = tmp_path / "home"
    monkeypatch.setenv("AGENT_HOME", str(home))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    return home


def _deny(connection: socket.socket, address: Any) -> None:
    if connection.family == socket.AF_UNIX:
        return
    host = str(address[0]).partition("%")[0]
    if host != "localhost" and not (_is_address(host) and ipaddress.ip_address(host).is_loopback):
        raise NetworkDenied(f"a test connected to {address!r}: use a loopback server")


def _is_address(host: str | bytes) -> bool:
    text = host.decode("ascii", "replace") if isinstance(host, bytes) else host
    try:
        ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return False
    return True
