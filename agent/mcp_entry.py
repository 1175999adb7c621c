"""One configured MCP server: how it is written, checked, shown and launched.

Keys are those that the known programs write; keys unknown here belong to them and are passed over.
`${VAR}` and `${VAR:-default}` stay in an entry as written (an entry is shown, hashed and compared
so); they are filled in by `launch` alone, so that a missing variable only stops who needs it.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from shlex import join
from typing import Any, Literal

from agent.errors import ConfigError

Source = Literal["built-in", "project", "user", "flag"]

_VARIABLE = re.compile(r"\$\{(?:env:)?([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}")
_SECRET = re.compile("KEY|TOKEN|SECRET|PASS|CREDENTIAL|AUTH", re.IGNORECASE)
"""What names are of values that are not to be shown."""
_PROGRAMS = ("agent", "understudy")
_MILLISECONDS = 1000
"""From here on a `timeout` is in milliseconds, as Claude Code and Gemini write it; below, seconds,
as Cline does."""
_KEYS = {
    "allow": ("allow", "allowedTools", "includeTools"),
    "deny": ("deny", "disabledTools", "excludeTools"),
    "approved": ("alwaysAllow", "autoApprove"),
    "url": ("url", "serverUrl", "httpUrl"),
}
"""What is called differently by different programs."""
FLAGS = ("enabled", "disabled", "timeout", *_KEYS["allow"], *_KEYS["deny"], *_KEYS["approved"])
"""What an entry may hold that has neither command nor URL, and only switches another."""


@dataclass(frozen=True, slots=True)
class Launch:
    """What is done to reach a server, every variable filled in."""

    command: tuple[str, ...] = ()
    """The program and its arguments; empty for a server that is reached by URL."""
    env: Mapping[str, str] = field(default_factory=dict)
    """Set on top of the little that is inherited."""
    cwd: str | None = None
    url: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Entry:
    """One configured server. Has a command, or a URL."""

    name: str
    source: Source
    file: str = ""
    """Where it is written; empty for one that is built in."""
    command: str = ""
    args: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    cwd: str = ""
    url: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    enabled: bool = True
    allow: tuple[str, ...] = ("*",)
    """Globs of the tools that are offered at all."""
    deny: tuple[str, ...] = ()
    """Globs of those that are not, though allowed."""
    approved: tuple[str, ...] = ()
    """Globs of the tools that need not ask; never from a project's file."""
    timeout: float = 60.0
    """Seconds that a call may go without a sign of life."""

    @property
    def fingerprint(self) -> str:
        """A hash of what would be run or reached, and by whose word."""
        told = [
            self.name, self.file if self.source == "project" else "", self.command, self.args,
            dict(self.env), self.cwd, self.url, dict(self.headers),
        ]  # fmt: skip
        return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()

    @property
    def shown(self) -> str:
        """The exact command or address, with what is set for it, as written.

        Keys that are written there in full are left out: it is printed, and kept.
        """
        return self._written(_unkept)

    @property
    def in_full(self) -> str:
        """The same with nothing left out, for who is asked whether it may run; never kept.

        What looks like a key by its name (`GIT_ASKPASS`) may be another command.
        """
        return self._written(lambda name, value: value)

    def _written(self, value_of: Callable[[str, str], str]) -> str:
        if self.url:
            headers = [f"{name}: {value_of('AUTH', v)}" for name, v in self.headers.items()]
            return " ".join([self.url, *(f"({header})" for header in headers)])
        given = {} if self.source == "built-in" else self.env
        env = [f"{name}={value_of(name, value)}" for name, value in given.items()]
        where = f" (in {self.cwd})" if self.cwd else ""
        return join([*env, self.command, *self.args]) + where

    @property
    def remote(self) -> bool:
        """Whether what it is told leaves this machine; an address that is not known does."""
        if not self.url:
            return False
        host = re.match(
            r"https?://(?:\[([0-9a-fA-F:.]+)\]|([^/?#:@\\]+))(?::\d+)?(?:[/?#]|$)", self.url
        )
        named = (host[1] or host[2] or "").lower() if host is not None else ""
        return not (named in ("localhost", "::1") or re.fullmatch(r"127(\.\d{1,3}){3}", named))

    @property
    def has_keys(self) -> bool:
        """Whether it may act in its user's name, by what it is given; what it says is theirs.

        What is built in is given keys of search engines, which find the same for everybody.
        """
        if self.source == "built-in":
            return False
        told = " ".join([self.command, *self.args, self.url])
        names = (name for name, _ in _VARIABLE.findall(told))
        return bool(self.headers or self.env or any(_SECRET.search(name) for name in names))

    def identity(self, env: Mapping[str, str] | None = None) -> str:
        """A hash of what is run or reached with every variable filled in.

        Not of what it is given besides (`env`, `headers`): keys change, and it stays the same.

        Args:
            env: Where variables are looked up; the process's environment if not given.

        Raises:
            ConfigError: A variable is not set, or the address is none.
        """
        found = self.launch(os.environ if env is None else env)
        told = [self.fingerprint, found.command, found.cwd if self.cwd else None, found.url]
        return hashlib.sha256(json.dumps(told).encode()).hexdigest()

    def variables(self, env: Mapping[str, str]) -> list[str]:
        """What the variables of the command or the address are now, a line each.

        One whose name speaks of a secret is named, and its value is not told.
        """
        lines = {}
        for text in (self.command, *self.args, self.cwd, self.url):
            for name, _ in _VARIABLE.findall(text):
                if name in env:
                    value = "a secret" if _SECRET.search(name) else repr(env[name])
                    lines[name] = f"{name} is now {value}"
        return list(lines.values())

    @property
    def is_this_program(self) -> bool:
        """Whether it is what `agent mcp install` writes for other programs: us."""
        program = os.path.splitext(os.path.basename(self.command))[0]
        return (
            self.source != "built-in" and program in _PROGRAMS and self.args[:2] == ("mcp", "serve")
        )

    def offers(self, tool: str) -> bool:
        """Whether a tool of it may be seen."""
        return _matches(tool, self.allow) and not _matches(tool, self.deny)

    def approves(self, tool: str) -> bool:
        """Whether the user's own file says that a tool need not ask."""
        return _matches(tool, self.approved)

    def launch(self, env: Mapping[str, str]) -> Launch:
        """How to reach it.

        Args:
            env: Where variables are looked up.

        Raises:
            ConfigError: A variable is not set, or the address is none.
        """

        def filled(key: str, text: str) -> str:
            def value(match: re.Match[str]) -> str:
                name, default = match[1], match[2]
                if (found := env.get(name)) or (found is not None and default is None):
                    return found
                if default is not None:
                    return str(default)
                raise ConfigError(
                    f"{self._where(key)} needs the variable {name}, which is not set.",
                    hint=f"export {name}=…  or give a default: ${{{name}:-VALUE}}",
                )

            return _VARIABLE.sub(value, text)

        if self.url:
            url = filled("url", self.url)
            if not re.match(r"https?://[^/\s]", url) or not url.isprintable():
                raise ConfigError(
                    f"{self._where('url')} must be an address such as http://localhost:8000/mcp.",
                    hint=f"Mend it in {self.file}",
                )
            headers = {n: filled(f"headers.{n}", v) for n, v in self.headers.items()}
            return Launch(url=url, headers=headers)
        project = str(Path(self.file).parent) if self.source == "project" else None
        cwd = filled("cwd", self.cwd)
        if cwd:
            cwd = os.path.join(project or os.getcwd(), os.path.expanduser(cwd))
        return Launch(
            command=(
                os.path.expanduser(filled("command", self.command)),
                *(filled("args", arg) for arg in self.args),
            ),
            env={n: filled(f"env.{n}", v) for n, v in self.env.items()},
            cwd=cwd or project,
        )

    def _where(self, key: str) -> str:
        return _where(self.file or "built-in", self.name, key)


def parse(name: str, value: Any, file: str, source: Source) -> tuple[Entry | None, dict[str, Any]]:
    """One entry of a file, checked.

    Args:
        name: Its key.
        value: What stands there.
        file: Where, for errors.
        source: Whose file that is.

    Returns:
        The entry; None where it only switches another, by the changes that come second.

    Raises:
        ConfigError: It is wrong; says file, server and key.
    """
    if not isinstance(value, dict):
        raise _wrong(file, name, "", "an object", value)
    check = _Checked(value, file, name)
    if not name.strip() or not name.isprintable():
        raise ConfigError(f"{file}: a server's name must be text that can be printed, not {name!r}")
    flags = check.flags()
    if source == "project":
        flags.pop("approved", None)
    command, url = check.text("command"), check.text(*_KEYS["url"])
    kind = check.text("type", "transport").lower().replace("_", "-")
    if kind == "sse":
        raise ConfigError(
            f"{_where(file, name, 'type')} is 'sse', which streamable HTTP has replaced.",
            hint='Most such servers have a newer address: "type": "http", "url": "…/mcp"',
        )
    if command and url:
        raise ConfigError(
            f"{_where(file, name, 'command')} excludes 'url': a server is run, or reached.",
            hint=f"Take one of them out of {file}",
        )
    if not command and not url:
        if kind or not any(key in value for key in FLAGS):
            raise _wrong(file, name, "command", "given, or 'url'", None)
        if lost := next((key for key in ("args", "env", "cwd", "headers") if value.get(key)), ""):
            raise ConfigError(
                f"{_where(file, name, lost)} needs 'command' or 'url' beside it: without them, an "
                "entry only switches another one, which keeps what it is given.",
                hint=f"Take {lost} out of {file}, or write the whole entry there. What our server "
                "'web' searches with is exported: export BRAVE_API_KEY=…",
            )
        return None, flags
    entry = Entry(
        name=name,
        source=source,
        file=file,
        command=command,
        args=check.texts("args") or (),
        env=check.mapping("env"),
        cwd=check.text("cwd"),
        url=url,
        headers=check.mapping("headers"),
        **flags,
    )
    return entry, flags


class _Checked:
    """Reads values of one entry by key, each of the type that it must have."""

    def __init__(self, value: dict[str, Any], file: str, name: str) -> None:
        self._value = value
        self._file = file
        self._name = name

    def flags(self) -> dict[str, Any]:
        """The fields that switch a server, of those that are given."""
        flags: dict[str, Any] = {}
        for key, on in (("enabled", True), ("disabled", False)):
            given = self._get(key, "true or false", lambda v: isinstance(v, bool))
            if given is not None:
                flags["enabled"] = given is on
        for name in ("allow", "deny", "approved"):
            if (globs := self.texts(*_KEYS[name])) is not None:
                flags[name] = globs
        seconds = self._get(
            "timeout",
            "a number of seconds",
            lambda v: isinstance(v, int | float) and not isinstance(v, bool) and v > 0,
        )
        if seconds is not None:
            flags["timeout"] = float(seconds / 1000 if seconds >= _MILLISECONDS else seconds)
        return flags

    def text(self, *keys: str) -> str:
        for key in keys:
            found = self._get(key, "text", lambda v: isinstance(v, str) and "\0" not in v)
            if found:
                return str(found)
        return ""

    def texts(self, *keys: str) -> tuple[str, ...] | None:
        for key in keys:
            found = self._get(
                key,
                "a list of texts",
                lambda v: isinstance(v, list) and all(isinstance(item, str) for item in v),
            )
            if found is not None:
                return tuple(found)
        return None

    def mapping(self, key: str) -> dict[str, str]:
        found = self._get(
            key,
            "an object of texts",
            lambda v: isinstance(v, dict) and all(isinstance(item, str) for item in v.values()),
        )
        return dict(found or {})

    def _get(self, key: str, expected: str, fits: Callable[[Any], bool]) -> Any:
        found = self._value.get(key)
        if found is not None and not fits(found):
            raise _wrong(self._file, self._name, key, expected, found)
        return found


def _unkept(name: str, value: str) -> str:
    """A value as it can be shown: one by whose name it is a secret, only where a variable is it."""
    return value if not _SECRET.search(name) or _VARIABLE.search(value) else "…"


def _matches(tool: str, globs: tuple[str, ...]) -> bool:
    return any(fnmatchcase(tool, glob) for glob in globs)


def _where(file: str, name: str, key: str) -> str:
    return f"{file}: server '{name}'" + (f": '{key}'" if key else "")


def _wrong(file: str, name: str, key: str, expected: str, found: Any) -> ConfigError:
    # What stands there may be a secret: its type is enough.
    but = "" if found is None else f", not {type(found).__name__}"
    return ConfigError(f"{_where(file, name, key)} must be {expected}{but}.", hint=f"Mend {file}")
