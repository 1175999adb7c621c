"""Who one of the writers of a shared library is: a machine, and one folder on it."""

from __future__ import annotations

import hashlib
import json
import os
import socket
import uuid
from contextlib import suppress
from dataclasses import asdict, astuple, dataclass
from pathlib import Path

from knowledge.shared import own

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

    Written down in that folder the first time, since a machine's name may change with the network
    that it is in. Where nothing is written yet it is derived, not drawn, so that of two processes
    both find the same. Containers of one image need host names of their own.

    Raises:
        LibraryCorrupt: What is written down is damaged.
    """
    file = own.folder(root) / "node.json"
    try:
        return _read(file)
    except FileNotFoundError:
        node = _derived(root)
    # In a folder that cannot be written it is derived each time.
    with suppress(OSError):
        own.write_whole(file, json.dumps(asdict(node), indent=1))
    return node


def _read(file: Path) -> Node:
    try:
        node = Node(**json.loads(file.read_text(encoding="utf-8")))
        if not all(isinstance(value, str) and value for value in astuple(node)):
            raise TypeError
    except (ValueError, TypeError) as error:
        raise own.damaged(file, "which of its machines this is") from error
    return node


def _derived(root: Path) -> Node:
    host = socket.gethostname() or "machine"
    number = f"{uuid.getnode():012x}"
    for file in _MACHINE_IDS:
        with suppress(OSError):
            if text := file.read_text(encoding="ascii", errors="replace").strip():
                number = text
                break
    machine = _digest(number, host)
    user = str(os.getuid()) if hasattr(os, "getuid") else os.environ.get("USERNAME", "")
    return Node(_digest(machine, user, os.path.realpath(root)), machine, f"{host}-{machine[:4]}")


def _digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogateescape")).hexdigest()[:16]
