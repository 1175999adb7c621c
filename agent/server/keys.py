"""The users of a server and their keys, in one private file. Of a key only its SHA-256 is kept.

A key is 256 random bits, so that a plain hash of it cannot be turned back, and looking one up is a
dictionary's look at hashes, no comparison of secrets. The file is read again whenever it has
changed: who is added may ask, and who is removed may not, while the server runs. Who may do what
is `users.py`'s.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from agent.errors import ConfigError, UsageError
from agent.server.user_records import Entry, check_name, new_id, read, write
from agent.server.users import ALL, OWNER, User

if TYPE_CHECKING:
    from agent.paths import Paths

PREFIX = "und_"
"""What every key begins with, so that it is known for one where it turns up."""
LEAST_TOKEN = 16
"""Characters that a token of the owner's own choice must have."""
_LOCK_SECONDS = 10
_Stamp = tuple[int, int, int]


def users_file(paths: Paths) -> Path:
    """Where the users are kept."""
    return paths.config_file.parent / "users.json"


def digest_of(key: str) -> str:
    """What is kept of a key."""
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).hexdigest()


class Keys:
    """Who a key belongs to."""

    def __init__(
        self, file: Path, *, token: str = "", complain: Callable[[str], None] | None = None
    ) -> None:
        """Name the file, which need not exist.

        Args:
            file: Of the users; see `users_file`.
            token: The key of the owner, for this run; empty for an owner who has none.
            complain: Told once when the file cannot be read any more while the server runs; the
                users that were known until then stay.
        """
        self._file = file
        self._complain = complain
        self._owner: Entry | None = None
        if token:
            self._owner = Entry(User(OWNER, reads=(ALL,), writes=(ALL,)), digest_of(token))
        self._stamp: _Stamp | None = None
        self._by_digest: dict[str, Entry] = {}

    @property
    def several(self) -> bool:
        """Whether more than one may ask."""
        return len(self._entries()) > 1

    def users(self) -> tuple[User, ...]:
        """All users but the owner, by name.

        Raises:
            ConfigError: The file cannot be read, or is none of ours.
        """
        return tuple(entry.user for entry in read(self._file))

    def known(self) -> tuple[User, ...]:
        """All who may ask, the owner too; as they were while the file cannot be read."""
        return tuple(entry.user for entry in self._entries().values())

    def user(self, key: str) -> User | None:
        """Whose key it is; None where it is nobody's."""
        entry = self._entries().get(digest_of(key))
        return entry.user if entry else None

    def digest(self, name: str) -> str | None:
        """What is kept of a user's key; None where there is no such user any more."""
        return next((e.digest for e in self._entries().values() if e.user.name == name), None)

    def named(self, name: str) -> User | None:
        """The user of a name; None where there is none any more."""
        return next((e.user for e in self._entries().values() if e.user.name == name), None)

    def add(self, user: User) -> str:
        """Give a new user a key, which is returned here and told nowhere else.

        A user without an ID gets one; with one, what was kept of an earlier user is theirs.

        Raises:
            UsageError: The name is taken, or cannot be one.
            ConfigError: The file cannot be read or written.
        """
        check_name(user.name)
        key = new_key()
        with self._changing() as entries:
            if user.name in entries:
                raise UsageError(
                    f"There is a user '{user.name}' already.",
                    hint=f"agent users set {user.name} …  or: agent users new-key {user.name}",
                )
            entries[user.name] = Entry(replace(user, id=user.id or new_id()), digest_of(key))
        return key

    def change(self, name: str, change: Callable[[User], User]) -> User:
        """Give a user other rights or limits; the key, the name and the ID stay.

        Raises:
            UsageError: There is no such user.
            ConfigError: The file cannot be read or written.
        """
        with self._changing() as entries:
            entry = _existing(entries, name)
            changed = replace(change(entry.user), name=name, id=entry.user.id)
            entries[name] = replace(entry, user=changed)
            return entries[name].user

    def renew(self, name: str) -> str:
        """Give a user another key, which is returned here only; the old one is void.

        Raises:
            UsageError: There is no such user.
            ConfigError: The file cannot be read or written.
        """
        key = new_key()
        with self._changing() as entries:
            entries[name] = replace(_existing(entries, name), digest=digest_of(key))
        return key

    def remove(self, name: str) -> None:
        """Forget a user; the key is void.

        Raises:
            UsageError: There is no such user.
            ConfigError: The file cannot be read or written.
        """
        with self._changing() as entries:
            _existing(entries, name)
            del entries[name]

    def _entries(self) -> dict[str, Entry]:
        """By digest, the file's as it is now and the owner's."""
        stamp = _stamp(self._file)
        if stamp != self._stamp or not self._by_digest:
            try:
                found = read(self._file)
            except ConfigError as error:
                if self._complain is not None and stamp != self._stamp:
                    self._complain(f"The users stay as they were: {error}")
            else:
                self._by_digest = {entry.digest: entry for entry in found}
                if self._owner is not None:
                    self._by_digest[self._owner.digest] = self._owner
            self._stamp = stamp
        return self._by_digest

    @contextmanager
    def _changing(self) -> Iterator[dict[str, Entry]]:
        """The entries by name, written back at the end; one process at a time."""
        from filelock import FileLock, Timeout

        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            lock = FileLock(self._file.with_suffix(".lock"), timeout=_LOCK_SECONDS, mode=0o600)
            with lock:
                entries = {entry.user.name: entry for entry in read(self._file)}
                yield entries
                write(self._file, entries.values())
        except Timeout as error:
            raise ConfigError(
                f"Another process has been changing {self._file} for {_LOCK_SECONDS} seconds.",
                hint="Try again when it has ended.",
            ) from error
        except OSError as error:
            raise ConfigError(
                f"{self._file} cannot be changed: {error.strerror}.",
                hint=f"Look at who may write there: ls -ld '{self._file.parent}'",
            ) from error


def new_key() -> str:
    """A key that nobody has."""
    return PREFIX + secrets.token_urlsafe(32)


def _existing(entries: dict[str, Entry], name: str) -> Entry:
    if name not in entries:
        raise UsageError(f"There is no user '{name}'.", hint="agent users list")
    return entries[name]


def _stamp(file: Path) -> _Stamp | None:
    """Changes with the file; None where there is none, or it cannot be looked at."""
    try:
        stat = file.stat()
    except OSError:
        return None
    return stat.st_mtime_ns, stat.st_size, stat.st_ino
