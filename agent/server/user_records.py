"""The file of a server's users: what stands in it, checked. Who a key belongs to is `keys.py`'s."""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agent.budget import Limits
from agent.errors import ConfigError, UsageError
from agent.server.users import OWNER, User
from agent.whole_file import write_own

VERSION = 1
_ID = "[0-9a-f]{16}"
_NAME = re.compile(r"[a-z0-9](?:[a-z0-9_-]{0,30}[a-z0-9])?")


@dataclass(frozen=True, slots=True)
class Entry:
    """A user and their key."""

    user: User
    digest: str
    """SHA-256 of the key, in hexadecimal."""


def check_name(name: str) -> None:
    """See that a name can be a user's: it becomes a folder's, too.

    Raises:
        UsageError: It cannot.
    """
    if name == OWNER or not _NAME.fullmatch(name):
        why = "is whoever starts the server" if name == OWNER else "cannot be a user's name"
        raise UsageError(
            f"'{name}' {why}.",
            hint="A name has 1 to 32 of a-z, 0-9, - and _, a letter or digit first and last.",
        )


def new_id() -> str:
    """An ID that no user has, nor ever had."""
    return secrets.token_hex(8)


def id_in(folder: str, name: str) -> str | None:
    """The ID in the name of a folder that was kept for a user of this name; None for no such."""
    found = re.fullmatch(f"{re.escape(name)}-({_ID})", folder)
    return found[1] if found else None


def write(file: Path, entries: Iterable[Entry]) -> None:
    """Replace the file, in the order of names.

    Raises:
        ConfigError: It cannot be written.
    """
    ordered = sorted(entries, key=lambda entry: entry.user.name)
    data = {"version": VERSION, "users": [to_json(entry) for entry in ordered]}
    write_own(file, json.dumps(data, ensure_ascii=False, indent=2) + "\n")


def to_json(entry: Entry) -> dict[str, Any]:
    """One entry, as plain JSON types."""
    user, limits = entry.user, entry.user.limits
    return {
        "name": user.name,
        "id": user.id,
        "key_sha256": entry.digest,
        "reads": list(user.reads),
        "writes": list(user.writes),
        "max_cost": limits.cost,
        "max_tokens": limits.tokens,
        "max_steps": limits.steps,
        "max_seconds": limits.seconds,
        "day_cost": user.day_cost,
        "per_minute": user.per_minute,
        "files_mb": user.files_mb,
    }


def read(file: Path) -> list[Entry]:
    """All entries; none where there is no file.

    Raises:
        ConfigError: It cannot be read, or is none of ours.
    """
    try:
        text = file.read_text(encoding="utf-8")
    except FileNotFoundError:
        return []
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", "") or "it is no text in UTF-8"
        raise ConfigError(
            f"{file} cannot be read: {why}.", hint=f"Look at who may read it: ls -l '{file}'"
        ) from error
    try:
        data = json.loads(text)
        if data["version"] != VERSION:
            raise ValueError(f"its version is {data['version']!r}")
        return [_from_json(item) for item in data["users"]]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        why = f"{error} is missing" if isinstance(error, KeyError) else str(error)
        raise ConfigError(
            f"{file} does not hold users as this version keeps them: {why}.",
            hint=f"Mend the file, or move it aside: mv '{file}' '{file}.broken'",
        ) from error


def _from_json(item: dict[str, Any]) -> Entry:
    name, own, digest = item["name"], item["id"], item["key_sha256"]
    if not isinstance(name, str) or not _NAME.fullmatch(name) or name == OWNER:
        raise ValueError(f"{name!r} is no name of a user")
    if not isinstance(own, str) or not re.fullmatch(_ID, own):
        raise ValueError(f"the ID of {name} is no 16 hexadecimal digits")
    if not isinstance(digest, str) or not re.fullmatch("[0-9a-f]{64}", digest):
        raise ValueError(f"the key of {name} is no SHA-256")
    limits = Limits(
        cost=_number(item, "max_cost"),
        tokens=_whole(item, "max_tokens"),
        steps=_whole(item, "max_steps"),
        seconds=_number(item, "max_seconds"),
    )
    user = User(
        name,
        id=own,
        reads=_names(item, "reads"),
        writes=_names(item, "writes"),
        limits=limits,
        day_cost=_number(item, "day_cost"),
        per_minute=_whole(item, "per_minute"),
        files_mb=_whole(item, "files_mb"),
    )
    return Entry(user, digest)


def _names(item: dict[str, Any], field: str) -> tuple[str, ...]:
    names = item.get(field, [])
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise ValueError(f"{field} of {item['name']} is no list of names")
    return tuple(names)


def _number(item: dict[str, Any], field: str) -> float | None:
    value = item.get(field)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not value >= 0:
        raise ValueError(f"{field} of {item['name']} is no number from 0 on")
    return value


def _whole(item: dict[str, Any], field: str) -> int | None:
    value = _number(item, field)
    if isinstance(value, float):
        raise ValueError(f"{field} of {item['name']} is no whole number")
    return value
