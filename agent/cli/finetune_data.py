"""`agent finetune data`: files of rows, or of somebody's writing, made one set to train on."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

import click

from agent.cli import exits
from agent.cli.group import command
from agent.cli.terminal import Console, one_line
from agent.cli.text import plural, short_path
from agent.errors import UsageError

if TYPE_CHECKING:
    from finetune.data import Asked, Journal, Options, Prepared, Progress, Source

_SHOWN = 5
"""Problems of each sort that are printed; the set's report has more, and `refused.jsonl` all."""

_PATH = click.Path(path_type=Path)


@command(name="data")
@click.argument("sources", nargs=-1, required=True, metavar="SOURCE…", type=_PATH)
@click.option("--out", required=True, metavar="FOLDER", type=_PATH, help="The set to write.")
@click.option(
    "--kind",
    type=click.Choice(("auto", "chat", "preference", "classify")),
    default="auto",
    help="What the set is to train.",
)
@click.option(
    "--format",
    "form",
    default="auto",
    metavar="NAME",
    help="Force a format: alpaca, dolly, sharegpt, messages, …",
)
@click.option(
    "--prompt", default="", metavar="TEMPLATE", help="Columns in braces, merged into one."
)
@click.option("--answer", default="", metavar="TEMPLATE", help="Likewise, for the answer or label.")
@click.option("--system", default="", help="A system message for rows without one.")
@click.option(
    "--role", "roles", multiple=True, metavar="NAME=ROLE", help="What a role that is not known is."
)
@click.option("--voice", default="", metavar="NAME", help="Whose words, in chats and e-mail.")
@click.option("--instruction", default="", metavar="TEXT", help="Says how to restyle {text}.")
@click.option(
    "--valid",
    default=0.05,
    metavar="SHARE",
    show_default=True,
    help="Held out to choose checkpoints by.",
)
@click.option(
    "--test", default=0.05, metavar="SHARE", show_default=True, help="Held out to evaluate by."
)
@click.option(
    "--valid-file", multiple=True, metavar="FILE", type=_PATH, help="Take those from a file."
)
@click.option(
    "--test-file", multiple=True, metavar="FILE", type=_PATH, help="Take those from a file."
)
@click.option(
    "--join", default=1, metavar="N", show_default=True, help="Join up to so many questions."
)
@click.option(
    "--near",
    default=0.8,
    metavar="SHARE",
    show_default=True,
    help="Likeness that counts as the same.",
)
@click.option(
    "--pii",
    type=click.Choice(("flag", "mask", "drop")),
    default="flag",
    help="What becomes of personal data.",
)
@click.option("--seed", default=0, metavar="N", help="Of what is left to chance.")
@click.option("--ask", is_flag=True, help="Have the configured model write plain versions.")
@click.option("--model", metavar="MODEL", help="Have this model write them.")
@click.option("--max-asks", type=click.IntRange(1), metavar="N", help="Calls to the model.")
@click.option("--max-cost", type=click.FloatRange(0), metavar="USD", help="US dollars.")
@click.option("--max-tokens", type=click.IntRange(1), metavar="N", help="Tokens in all.")
@click.option(
    "--journal",
    metavar="FILE",
    type=_PATH,
    help="Keeps what the model wrote; by default beside the set.",
)
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object.")
def data(
    console: Console,
    sources: tuple[Path, ...],
    out: Path,
    form: str,
    roles: tuple[str, ...],
    valid_file: tuple[Path, ...],
    test_file: tuple[Path, ...],
    ask: bool,
    model: str | None,
    max_asks: int | None,
    max_cost: float | None,
    max_tokens: int | None,
    journal: Path | None,
    as_json: bool,
    **chosen: Any,
) -> int:
    """Make a set to train on, out of files of rows or of texts in somebody's voice.

    Formats are recognised. Rows that are broken, repeat others or leak between the splits are
    left out, and each is named with its line in FOLDER/refused.jsonl. The sources are only read.
    """
    from finetune.data import NAMES, Journal, Options, Source, prepare

    if form not in NAMES:
        raise UsageError(f"No such format: {form}", hint=f"One of: {', '.join(NAMES)}")
    writer = _Writer(console, model, max_cost, max_tokens) if model or ask else None
    note = {"written_by": writer.name} if writer else {}
    options = Options(format=form, roles=_roles(roles), extra=note, **chosen)
    given = [Source(path) for path in sources]
    given += [Source(path, "valid") for path in valid_file]
    given += [Source(path, "test") for path in test_file]
    book = Journal(journal or _beside(out))
    asked = None
    if writer:
        asked = _have_written(console, given, options, book, writer, max_asks)
    elif len(book):
        console.note(f"Using {plural(len(book), 'text')} that a model has written before.")
    with _meter(console) as show:
        done = prepare(given, out, options, journal=book, progress=show)
    if as_json:
        from agent.cli.json_text import dump

        click.echo(dump(_object(done, asked)))
    else:
        _tell(console, done)
    return exits.OK


def _have_written(
    console: Console,
    sources: list[Source],
    options: Options,
    book: Journal,
    writer: _Writer,
    most: int | None,
) -> Asked:
    """Have a model write what rules cannot, in so many asks, and keep it."""
    from finetune.data import Want, find, set_kind, texts, write_versions

    files = find(sources, options)
    kind = set_kind(files, options)
    wants: list[Want] = [want for want in get_args(Want) if any(texts(files, kind, options, want))]
    if not wants:
        raise UsageError(
            "There is nothing in these sources for a model to write another version of.",
            hint="Texts in somebody's voice have plain versions; for pairs of answers: "
            "--kind preference",
        )

    async def write() -> Asked:
        from finetune.data import Asked

        total = Asked()
        async with writer as ask:
            for want in wants:
                left = None if most is None else most - total.asks
                if left == 0:
                    total.waiting += sum(1 for _ in texts(files, kind, options, want))
                    continue
                came = await write_versions(
                    texts(files, kind, options, want),
                    want,
                    ask,
                    book,
                    limit=left,
                    progress=lambda n: console.transient(f"writing {n:,}"),
                )
                total = total.plus(came)
        return total

    try:
        with book:
            asked = asyncio.run(write())
    except KeyboardInterrupt:
        console.clear()
        console.note("Stopped. What the model wrote is kept; run it again to go on from here.")
        raise
    console.clear()
    console.note(
        f"The model wrote {plural(asked.written, 'text')}; {asked.known:,} known before, "
        f"{asked.refused:,} not usable."
    )
    if asked.waiting:
        console.remark(f"{plural(asked.waiting, 'text')} wait: the limit is reached.")
        console.hint("Run the same command again to go on; what was written is kept.")
    return asked


class _Writer:
    """A model as the room asks it: messages in, text out, under a budget. A context."""

    def __init__(
        self, console: Console, model: str | None, cost: float | None, tokens: int | None
    ) -> None:
        from agent.budget import Budget, Limits
        from agent.models.metered import Metered
        from agent.wiring import Parts

        parts = Parts.from_env({"model": model}, notify=console.note)
        if parts.config.model == "embedded":
            raise UsageError(
                "The embedded model quotes and cannot rewrite.",
                hint="Name one that writes: --model PROVIDER/NAME, or local:PATH",
            )
        self.name = parts.config.model
        """As the set's manifest names it."""
        self._model = Metered(parts.model, Budget(Limits(cost=cost, tokens=tokens)))

    async def __aenter__(self) -> Callable[[list[dict[str, str]]], Awaitable[str]]:
        return self._ask

    async def __aexit__(self, *error: object) -> None:
        await self._model.inner.aclose()

    async def _ask(self, messages: list[dict[str, str]]) -> str:
        from contextlib import aclosing

        from agent.errors import BudgetSpent
        from agent.messages import Message, TextDelta
        from finetune.errors import OutOfBudget

        said: list[str] = []
        asked = [Message(_role(message["role"]), message["content"]) for message in messages]
        try:
            async with aclosing(self._model.stream(asked)) as deltas:
                async for delta in deltas:
                    if isinstance(delta, TextDelta):
                        said.append(delta.text)
        except BudgetSpent as spent:
            raise OutOfBudget(str(spent)) from spent
        return "".join(said)


def _beside(out: Path) -> Path:
    place = out.resolve()
    return place.with_name(f"{place.name}.journal.jsonl")


def _role(name: str) -> Literal["system", "user"]:
    return "system" if name == "system" else "user"


def _roles(given: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    found = []
    for one in given:
        name, sign, role = one.partition("=")
        if not (name.strip() and sign):
            raise UsageError(f"{one!r} names no role.", hint="--role customer=user")
        found.append((name.strip().lower(), role.strip().lower()))
    return tuple(found)


@contextmanager
def _meter(console: Console) -> Iterator[Callable[[Progress], None]]:
    def show(state: Progress) -> None:
        total = f"/{state.total:,}" if state.total else ""
        console.transient(f"{state.stage} {state.done:,}{total}")

    try:
        yield show
    finally:
        console.clear()


def _tell(console: Console, done: Prepared) -> None:
    from finetune.data import read_report

    report = read_report(done.folder)
    for what, said in (("broken", "not used"), ("leak", "leaks"), ("pii", "personal data")):
        for problem in report.get(what, {}).get("first", ())[:_SHOWN]:
            place = f"{short_path(problem['source'])}:{problem['line']}"
            console.warn(f"{place}: {said}: {one_line(problem['reason'])}")
        if (more := done.told.get(what, 0) - _SHOWN) > 0:
            console.note(f"… and {more:,} more: {short_path(str(done.folder / 'refused.jsonl'))}")
    for what in ("repaired", "left out"):
        for reason, count in report.get(what, {}).get("reasons", {}).items():
            console.note(f"{_WORDS[what]}: {count:,}: {one_line(reason)}")
    for note in done.notes:
        console.warn(note)
    if console.quiet:
        return
    formats = ", ".join(dict.fromkeys(source["format"] for source in done.manifest["sources"]))
    counts = " · ".join(f"{name} {count:,}" for name, count in done.counts.items())
    click.echo(f"{short_path(str(done.folder))}  {done.kind} from {formats}  {counts}")
    told = [f"{count:,} {_WORDS[what]}" for what, count in done.told.items() if count]
    if told:
        click.echo("  " + ", ".join(sorted(told)))
    click.echo(f"  digest {done.manifest['digest'][:16]}")


_WORDS = {
    "broken": "broken",
    "duplicate": "said before",
    "leak": "leaking between splits",
    "pii": "with personal data",
    "repaired": "mended",
    "left out": "left out",
}


def _object(done: Prepared, asked: Asked | None) -> dict[str, Any]:
    return {
        "folder": str(done.folder),
        "kind": done.kind,
        "counts": done.counts,
        "told": done.told,
        "notes": list(done.notes),
        "digest": done.manifest["digest"],
        "statistics": done.manifest["statistics"],
        "asked": None if asked is None else asked.to_json(),
    }
