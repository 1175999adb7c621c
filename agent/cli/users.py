"""`agent users`: who else may use `agent serve`, with keys of their own."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

import click

from agent.cli import exits
from agent.cli.group import Group, command
from agent.cli.terminal import Console, one_line
from agent.cli.users_kept import kept_of, taken_over
from agent.errors import AgentError, UsageError

if TYPE_CHECKING:
    from agent.paths import Paths
    from agent.server.keys import Keys
    from agent.server.users import User

_F = TypeVar("_F", bound=Callable[..., Any])
_NONE = "none"
"""Typed in place of a value, it takes a limit away."""


def _limit(kind: type[int] | type[float]) -> Callable[..., float | str | None]:
    """Reads a number from 0 on, or `none`, which is told apart from an option not given."""

    def read(
        context: click.Context, option: click.Parameter, text: str | None
    ) -> float | str | None:
        if text is None or text == _NONE:
            return text
        try:
            number = kind(text)
        except ValueError:
            number = -1
        if not 0 <= number < float("inf"):
            raise click.BadParameter(f"'{text}' is no number from 0 on, and not '{_NONE}'.")
        return number

    return read


def _rights(function: _F) -> _F:
    """The options that say what a user may do."""
    number, whole = _limit(float), _limit(int)
    options = [
        click.option("--reads", metavar="LIB,LIB", help="Libraries to be answered from; * is all."),
        click.option("--writes", metavar="LIB,LIB", help="Libraries to add to; read, too."),
        click.option(
            "--max-cost", callback=number, metavar="DOLLARS", help="The most for one answer."
        ),
        click.option("--max-tokens", callback=whole, metavar="N", help="The most for one answer."),
        click.option("--max-steps", callback=whole, metavar="N", help="The most for one answer."),
        click.option(
            "--max-seconds", callback=number, metavar="S", help="The most for one answer."
        ),
        click.option(
            "--day-cost", callback=number, metavar="DOLLARS", help="The most for one day."
        ),
        click.option("--per-minute", callback=whole, metavar="N", help="Requests a minute."),
        click.option(
            "--files-mb",
            callback=whole,
            metavar="MB",
            help="Of all files they hand in; 'none' is 1000.",
        ),
    ]
    for option in reversed(options):
        function = option(function)
    return function


@click.group(name="users", cls=Group, invoke_without_command=True)
@click.pass_context
def users(context: click.Context) -> int:
    """Give others keys for `agent serve`, with rights and limits; without a command, list them.

    A server that runs takes up every change at once. A limit of 'none' is none.
    """
    if context.invoked_subcommand is None:
        return _list(as_json=False)
    return exits.OK


@command(name="list")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON array.")
def list_(console: Console, as_json: bool) -> int:
    """List users, with what they may do."""
    return _list(as_json=as_json)


@command(name="add")
@click.argument("name", metavar="NAME")
@_rights
@click.option("--with-sessions", is_flag=True, help="Take over what an earlier NAME has asked.")
@click.option("--id", "wanted", metavar="ID", help="Of several earlier ones, this one's.")
def add(console: Console, name: str, with_sessions: bool, wanted: str | None, **given: Any) -> int:
    """Add a user, and print their key, this once: only a hash of it is kept.

    Without --reads they may be answered from the library in use.
    """
    from agent.server.users import User

    paths, keys = _keys()
    if given["reads"] is None and given["writes"] is None:
        given["reads"] = _in_use(console, paths)
    user = _changed(User(name), given)
    earlier = [] if _known(keys, name) else [own for own in kept_of(paths, name) if own.asked]
    before = taken_over(name, earlier, with_sessions=with_sessions, wanted=wanted)
    key = keys.add(user if before is None else replace(user, id=before.id))
    click.echo(key)
    console.note("This is shown once. Send it to them by a way that nobody else reads.")
    _warn_of_missing(console, paths, user)
    _warn_of_price(console, user)
    return exits.OK


@command(name="set")
@click.argument("name", metavar="NAME")
@_rights
def set_(console: Console, name: str, **given: Any) -> int:
    """Change what a user may do; what is not named stays."""
    if all(value is None for value in given.values()):
        raise UsageError(
            "Say what is to be changed.", hint=f"agent users set {name} --per-minute 30"
        )
    paths, keys = _keys()
    user = keys.change(name, lambda user: _changed(user, given))
    _warn_of_missing(console, paths, user)
    _warn_of_price(console, user)
    click.echo(_line(user))
    return exits.OK


@command(name="new-key")
@click.argument("name", metavar="NAME")
def new_key(console: Console, name: str) -> int:
    """Give a user another key, and print it, this once; the old one is void."""
    _, keys = _keys()
    click.echo(keys.renew(name))
    console.note("The old key is void. This is shown once.")
    return exits.OK


@command(name="remove")
@click.argument("name", metavar="NAME")
@click.option("--sessions", is_flag=True, help="Delete what they have asked, too.")
@click.option("--files", is_flag=True, help="Delete the files they have handed in, too.")
@click.option("--id", "wanted", metavar="ID", help="Of several of that name, this one alone.")
def remove(console: Console, name: str, sessions: bool, files: bool, wanted: str | None) -> int:
    """Remove a user; their key is void at once.

    What they have asked and handed in stays, unless it is to be deleted; that can be said later.
    """
    paths, keys = _keys()
    kept = kept_of(paths, name)
    now = next((user.id for user in keys.users() if user.name == name), None)
    earlier = [own.id for own in kept if own.id != now and own.has(sessions=sessions, files=files)]
    if wanted is None and now is not None and earlier:
        # Who was told to type this for an earlier one must not void the key of another.
        again = f"agent users remove {name}{' --sessions' * sessions}{' --files' * files} --id"
        raise UsageError(
            f"There is a user '{name}', and of an earlier one of that name something is kept.",
            hint=f"{'  or  '.join(f'{again} {own}' for own in earlier)}  or, for who is there "
            f"now: {again} {now}",
        )
    meant = wanted or now
    if meant is not None:
        kept = [own for own in kept if own.id == meant]
    if now is not None and meant == now:
        keys.remove(name)
        console.note(f"Removed {name}.")
    elif not (kept and (sessions or files)):
        one = f"There is no user '{name}'"
        raise UsageError(
            f"{one} with that ID of whom this is kept." if wanted else f"{one}.",
            hint="agent users list",
        )

    def libraries() -> list[str]:
        return [*_libraries(paths), _in_use(console, paths)]

    for own in kept:
        for line in own.deleted(libraries, sessions=sessions, files=files):
            console.note(line)
    return exits.OK


users.add_command(list_)
users.add_command(add)
users.add_command(set_)
users.add_command(new_key)
users.add_command(remove)


def _keys() -> tuple[Paths, Keys]:
    from agent.paths import Paths
    from agent.server.keys import Keys, users_file

    paths = Paths.from_env()
    return paths, Keys(users_file(paths))


def _known(keys: Keys, name: str) -> bool:
    return any(user.name == name for user in keys.users())


def _changed(user: User, given: dict[str, Any]) -> User:
    """The user with what was given on the command line."""
    from agent.config import by_comma

    values: dict[str, Any] = {
        name: None if value == _NONE else value
        for name, value in given.items()
        if value is not None
    }
    rights: dict[str, Any] = {
        name: by_comma(values.pop(name) or "") for name in ("reads", "writes") if name in values
    }
    limits: dict[str, Any] = {
        name.removeprefix("max_"): values.pop(name)
        for name in tuple(values)
        if name.startswith("max_")
    }
    return replace(user, **rights, **values, limits=replace(user.limits, **limits))


def _warn_of_missing(console: Console, paths: Paths, user: User) -> None:
    from agent.server.users import ALL

    for name in dict.fromkeys((*user.reads, *user.writes)):
        if name != ALL and not (paths.libraries / name).is_dir():
            console.warn(f"There is no library '{one_line(name)}' yet.")


def _warn_of_price(console: Console, user: User) -> None:
    """Say so where the model in use costs nobody knows what, and may only cost so much."""
    from agent.wiring import Parts

    if user.day_cost is None and user.limits.cost is None:
        return
    with suppress(AgentError):  # what is wrong with the model, the server will say
        model = Parts.from_env({"library": console.library}).model
        if model.price is None:
            console.warn(
                f"What {model.name} costs is not known, so {user.name} is answered nothing for as "
                "long as cost is limited"
            )


def _in_use(console: Console, paths: Paths) -> str:
    """The library in use, as a server calls it."""
    from agent.wiring import Parts

    root = Parts.from_env({"library": console.library}).library_root
    return root.name if root.parent == paths.libraries else str(root.parent)


def _libraries(paths: Paths) -> list[str]:
    return sorted(folder.name for folder in paths.libraries.glob("*") if folder.is_dir())


def _list(*, as_json: bool) -> int:
    _, keys = _keys()
    found = keys.users()
    if as_json:
        from agent.cli.json_text import dump

        click.echo(dump([_described(user) for user in found]))
    else:
        for user in found:
            click.echo(_line(user))
    return exits.OK


def _described(user: User) -> dict[str, Any]:
    limits = user.limits
    return {
        "name": user.name,
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


def _line(user: User) -> str:
    """A user on one line: the name, then what is set."""
    said = [one_line(user.name)]
    for name, value in _described(user).items():
        if name == "name" or value is None or value == []:
            continue
        text = ",".join(value) if isinstance(value, list) else f"{value:g}"
        said.append(f"{name.replace('_', '-')}={one_line(text)}")
    return "  ".join(said)
