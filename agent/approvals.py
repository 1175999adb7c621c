"""Who may do what: tools are called, and a project's commands run, only as their user has said.

An answer is for once, for the session, or for good; the lasting ones stand in a file beside the
settings. What was allowed is a tool as it was then described: described otherwise, it asks again.
Above all answers stands one rule (Willison, "The lethal trifecta", 2025): once private text and
text of strangers are both in the model's context, a tool that can send data out asks each time.
Where nobody can be asked, the answer is no. How one is asked is the faces' affair.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from agent.errors import ConfigError
from agent.whole_file import write_own

if TYPE_CHECKING:
    from agent.mcp_entry import Entry
    from knowledge.types import Passage

Answer = Literal["deny", "once", "session", "always", "never"]

TOOL = "mcp://"
"""How the source of a passage begins that is a tool's result: server and tool follow."""

SHOWN = 4000
"""Characters of what is asked about that every face shows."""

_LASTING = ("always", "never")
_ALL: tuple[Answer, ...] = ("once", "session", "always", "deny", "never")


@dataclass(frozen=True, slots=True)
class Request:
    """Something that needs a person's word."""

    kind: Literal["tool", "command", "form", "url"]
    """Call a tool; run a command that came with a project; fill in a form, or visit a page, for a
    server that asks for it during a call."""
    title: str
    """What is asked, in a line."""
    detail: str
    """The arguments as JSON, or the exact command. A stranger's words: to be shown, not obeyed."""
    reason: str
    """Why it is asked, a sentence."""
    server: str
    tool: str = ""
    arguments: Mapping[str, Any] = field(default_factory=dict)
    """Of the tool; of a form, its JSON Schema."""
    choices: tuple[Answer, ...] = _ALL
    """The answers that make a difference."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What a person said."""

    answer: Answer = "deny"
    exactly: bool = False
    """The answer is for these arguments only, not for any of the tool."""
    content: Mapping[str, Any] | None = None
    """What was filled in of a form; None where it was not shown as one."""


Decide = Callable[[Request], Awaitable[Decision]]


async def deny(request: Request) -> Decision:
    """The answer where nobody can be asked."""
    return Decision("deny")


class Exposure:
    """What kinds of text a model's context holds. Lives as long as the conversation."""

    def __init__(self) -> None:
        """Begin with neither."""
        self.private = False
        """Text of the user's own: the library, what was handed in, closed servers' results."""
        self.untrusted = False
        """Text that strangers may have written: the web, open servers' results."""

    @property
    def both(self) -> bool:
        """Whether a stranger's text could have the user's carried out."""
        return self.private and self.untrusted

    def passages(self, passages: Iterable[Passage]) -> None:
        """Passages are read: the library's web pages are strangers', all else of it is private."""
        for passage in passages:
            if passage.source.startswith(TOOL):
                continue  # whose it is was noted when it came
            if passage.source.startswith(("http://", "https://")):
                self.untrusted = True
            else:
                self.private = True


@dataclass(frozen=True, slots=True)
class Use:
    """A tool about to be called."""

    server: str
    entry: str
    """The fingerprint of the server's entry: another server of that name inherits nothing."""
    tool: str
    definition: str
    """The digest of the tool as it is described now."""
    arguments: Mapping[str, Any]
    sends_out: bool
    """It can carry what it is given out, or leave it somewhere."""
    approved: bool = False
    """The user's own configuration allows it."""


@dataclass(frozen=True, slots=True)
class _Kept:
    """A lasting answer, or the sight of a tool that the configuration allows."""

    entry: str
    tool: str
    arguments: str
    """A hash of the arguments that it is for; empty for any."""
    answer: Literal["always", "never", "seen"]
    definition: str
    server: str
    """For the person who reads the file."""


class Approvals:
    """The user's answers."""

    def __init__(self, file: Path, decide: Decide = deny) -> None:
        """Read the lasting answers when they are first needed.

        Args:
            file: Where they stand; it need not exist.
            decide: Asks the user.
        """
        self.decide = decide
        self._file = file
        self._session: set[tuple[str, str, str, str]] = set()
        self._one = asyncio.Lock()

    async def refusal(self, use: Use, exposure: Exposure) -> str:
        """Ask, where it is not known.

        Args:
            use: What is wanted.
            exposure: What the model has read.

        Returns:
            Why it may not be done, a sentence; empty where it may.

        Raises:
            ConfigError: The answers cannot be read or written.
        """
        async with self._one:
            kept = self._read()
            exact = _digest(use.arguments)
            mine = [k for k in kept if (k.entry, k.tool) == (use.entry, use.tool)]
            mine = [k for k in mine if k.arguments in ("", exact)]
            if any(k.answer == "never" for k in mine):
                return f"The user never allows {use.tool} of {use.server}."
            known = [k for k in mine if k.definition == use.definition]
            seen = [k for k in mine if k.arguments == "" or k.answer == "always"]
            changed = bool(seen) and not known
            changed = changed or any(
                (entry, tool) == (use.entry, use.tool) and definition != use.definition
                for entry, tool, definition, _ in self._session
            )
            allowed = any(k.answer == "always" for k in known) or any(
                (use.entry, use.tool, use.definition, arguments) in self._session
                for arguments in ("", exact)
            )
            allowed = allowed or (use.approved and not changed)
            risky = exposure.both and use.sends_out
            if allowed and not risky:
                if use.approved and not known:
                    self._keep(use, "", "seen")
                return ""
            return await self._ask(use, exact, changed=changed, risky=risky)

    async def _ask(self, use: Use, exact: str, *, changed: bool, risky: bool) -> str:
        reason = "It has not been allowed."
        if changed:
            reason = "The server describes it otherwise than when you allowed it."
        if risky:
            reason = (
                "It can send data out, and the model has read both private text and text of "
                "strangers, who may have told it to."
            )
        request = Request(
            kind="tool",
            title=f"Call {use.tool} of {use.server}?",
            detail=json.dumps(dict(use.arguments), ensure_ascii=False, indent=2),
            reason=reason,
            server=use.server,
            tool=use.tool,
            arguments=use.arguments,
            choices=("once", "deny", "never") if risky else _ALL,
        )
        decision = await self.decide(request)
        arguments = exact if decision.exactly else ""
        # An answer that was not offered is no yes.
        match decision.answer if decision.answer in request.choices else "deny":
            case "once":
                return ""
            case "session":
                self._session.add((use.entry, use.tool, use.definition, arguments))
                return ""
            case "always" | "never" as answer:
                self._keep(use, arguments, answer)
                return "" if answer == "always" else f"The user never allows {use.tool}."
            case "deny":
                return f"The user did not allow {use.tool} of {use.server}. {reason}"

    def _keep(self, use: Use, arguments: str, answer: Literal["always", "never", "seen"]) -> None:
        new = _Kept(use.entry, use.tool, arguments, answer, use.definition, use.server)
        same = (new.entry, new.tool, new.arguments)
        rest = [k for k in self._read() if (k.entry, k.tool, k.arguments) != same]
        data = {"version": 1, "tools": [asdict(k) for k in (*rest, new)]}
        write_json(self._file, data)

    def _read(self) -> list[_Kept]:
        data = read_json(self._file)
        try:
            return [_Kept(**kept) for kept in data.get("tools", [])]
        except TypeError as error:
            raise _broken(self._file, str(error)) from error


class Trust:
    """The servers of project files that the user has let start, by their exact entries."""

    def __init__(
        self, file: Path, decide: Decide = deny, *, env: Mapping[str, str] | None = None
    ) -> None:
        """Read what was allowed when it is first needed.

        Args:
            file: Where that stands; it need not exist.
            decide: Asks the user.
            env: Where variables are looked up; the process's environment if not given.
        """
        self.decide = decide
        self._env = os.environ if env is None else env
        self._file = file
        self._asked: set[str] = set()
        self._one = asyncio.Lock()

    async def may_run(self, entry: Entry) -> bool:
        """Whether a server may be started; asks once for one that a project names.

        A variable that has become another makes another command of it.

        Raises:
            ConfigError: What was allowed cannot be read or written, a variable is not set, or the
                command is too long to be shown whole.
        """
        if entry.source != "project":
            return True
        async with self._one:
            what = entry.identity(self._env)
            detail = "\n".join([entry.in_full, *entry.variables(self._env)])
            allowed: dict[str, Any] = read_json(self._file).get("servers", {})
            if what in allowed:
                return True
            if what in self._asked:
                return False
            if len(detail) > SHOWN:
                raise ConfigError(
                    f"{entry.file} names a command of {len(detail)} characters, which is too long "
                    "to be looked at.",
                    hint="If you trust it, put it into a mcp.json of your own.",
                )
            self._asked.add(what)
            doing = "reach" if entry.url else "run"
            request = Request(
                kind="command",
                title=f"Let this project {doing} the MCP server {entry.name}?",
                detail=detail,
                reason=f"{entry.file} names it; it acts with your rights.",
                server=entry.name,
                choices=("always", "deny"),
            )
            if (await self.decide(request)).answer not in ("once", "session", "always"):
                return False
            told = {"file": entry.file, "server": entry.name, "runs": entry.shown}
            servers = allowed | {what: told}
            write_json(self._file, {"version": 1, "servers": servers})
            return True


def read_json(file: Path) -> dict[str, Any]:
    """An object that `write_json` wrote; an empty one where there is no file.

    Raises:
        ConfigError: It cannot be read.
    """
    try:
        data = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise _broken(file, error.strerror or str(error)) from error
    except ValueError as error:
        raise _broken(file, str(error)) from error
    if not isinstance(data, dict):
        raise _broken(file, "it holds no object")
    return data


def write_json(file: Path, data: dict[str, Any]) -> None:
    """Replace a file in one step; only its user can read it.

    Raises:
        ConfigError: It cannot be written.
    """
    write_own(file, json.dumps(data, ensure_ascii=False, indent=2) + "\n")


def _digest(arguments: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(dict(arguments), sort_keys=True).encode()).hexdigest()


def _broken(file: Path, why: str) -> ConfigError:
    return ConfigError(
        f"{file} cannot be read: {why}.", hint=f"Move it aside: mv '{file}' '{file}.broken'"
    )
