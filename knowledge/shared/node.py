"""Who one of the writers of a shared library is: a machine, and one folder on it."""

from __future__ import annotations

import hashlib
import os
import socket
import uuid
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_MACHINE_IDS = (Path("/etc/machine-id"), Path("/var/lib/dbus/machine-id"))


@dataclass(frozen=True, slots=True)
class Node:
    """One library's folder: what was added to a shared library through it, it alone syncs."""

    id: str
    machine: str
    """The same for all nodes that see the same files under the same paths."""
    label: str
    """What a person calls the machine, unlike any other machine's."""


def this_node(root: Path) -> Node:
    """The node of a library's folder on this machine, for all shared libraries.

    Derived, not drawn: a cache that is deleted and made again is the same node, and gets its roots
    back from the log; so it is where the library has moved to another server, or the server goes
    by another address. Containers of one image need host names of their own.
    """
    host = socket.gethostname() or "machine"
    own = f"{uuid.getnode():012x}"
    for file in _MACHINE_IDS:
        with suppress(OSError):
            if text := file.read_text(encoding="ascii", errors="replace").strip():
                own = text
                break
    machine = _digest(own, host)
    user = str(os.getuid()) if hasattr(os, "getuid") else os.environ.get("USERNAME", "")
    return Node(_digest(machine, user, os.path.realpath(root)), machine, f"{host}-{machine[:4]}")


def _digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogateescape")).hexdigest()[:16]
