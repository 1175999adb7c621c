"""Commands about answers: again, edited, copied, compared, summed up."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.errors import UsageError
from agent.events import Usage
from agent.plain_text import money, plural
from agent.tui.commands import Command, Completion
from agent.tui.question import Question

if TYPE_CHECKING:
    from agent.tui.actions.stage import Stage
    from agent.tui.widgets.answer import Answer

WHAT = ("answer", "code", "quote", "question")
"""What `/copy` copies."""


def commands(stage: Stage) -> list[Command]:
    """Those of this subject."""

    async def retry(rest: str) -> None:
        mode = _mode(stage, rest) if rest else ""
        again(stage, selected(stage), mode)

    async def edit(rest: str) -> None:
        await edit_again(stage, selected(stage))

    async def copy(rest: str) -> None:
        what = rest or "answer"
        if what not in WHAT:
            raise UsageError(f"There is no {what} to copy.", hint=f"/copy {'|'.join(WHAT)}")
        copy_part(stage, selected(stage), what)

    async def compare(rest: str) -> None:
        from agent.tui.screens.compare import CompareScreen

        asked = Question(rest) if rest else stage.asked(selected(stage))
        if stage.busy:
            raise UsageError("An answer is being given.", hint="Esc stops it.")
        _ = stage.talk.session  # an error where none is open
        modes = [mode for mode in stage.talk.host.modes if mode != "auto"]
        await stage.show(
            CompareScreen(
                asked.text,
                modes,
                lambda mode: stage.talk.ask(asked, mode=mode, remember=False),
            )
        )
        await stage.go_on(stage.talk.id)

    async def cost(rest: str) -> None:
        stage.notice(await spent(stage))

    modes = [Completion(mode) for mode in stage.talk.host.modes]
    return [
        Command(
            "retry", "Ask the question of the answer under the cursor again", retry, "[MODE]",
            lambda typed: [mode for mode in modes if mode.text.startswith(typed)],
        ),
        Command("edit", "Change that question and ask it in a copy of the session", edit),
        Command(
            "copy", "Copy that answer, or a part of it", copy, f"[{'|'.join(WHAT)}]",
            lambda typed: [Completion(what) for what in WHAT if what.startswith(typed)],
        ),
        Command("compare", "Answer a question in every mode, side by side", compare, "[QUESTION]"),
        Command("cost", "What this session has used so far", cost),
    ]  # fmt: skip


def selected(stage: Stage) -> Answer:
    """The answer that is meant.

    Raises:
        UsageError: There is none yet.
    """
    if (answer := stage.selected) is None:
        raise UsageError("There is no answer yet.", hint="Ask something first.")
    return answer


def again(stage: Stage, answer: Answer, mode: str = "") -> None:
    """Ask its question once more, as a new turn."""
    stage.ask(stage.asked(answer), mode=mode)


async def edit_again(stage: Stage, answer: Answer) -> None:
    """Go on in a copy of the session that ends before a question, with that to be edited.

    Raises:
        UsageError: It is still being answered, or is not kept.
    """
    session = stage.talk.id
    if stage.busy or session is None or answer.n is None:
        raise UsageError("Only a finished answer that is kept can be gone back to.")
    asked = stage.asked(answer)
    await stage.go_on(stage.talk.host.rewind(session, answer.n))
    stage.put(asked)


def copy_part(stage: Stage, answer: Answer, what: str) -> None:
    """Copy an answer, its code, its first quote or its question.

    Raises:
        UsageError: It has no such part.
    """
    parts = {
        "answer": answer.text,
        "code": "\n\n".join(answer.code_blocks()),
        "quote": "\n\n".join(citation.quote for citation in answer.citations),
        "question": answer.question,
    }
    if not parts[what]:
        raise UsageError(f"This answer has no {what} to copy.")
    stage.copy(parts[what], what)


async def spent(stage: Stage) -> str:
    """Tokens, money and what the cache saved, over all turns of the session."""
    turns = await stage.talk.turns()
    used = [event for turn in turns for event in turn.events if isinstance(event, Usage)]
    cost = _sum([usage.cost for usage in used])
    saved = _sum([usage.saved for usage in used])
    tokens_in = sum(usage.input_tokens for usage in used)
    cached = sum(usage.cached_tokens for usage in used)
    parts = [
        plural(len(turns), "question"),
        plural(len(used), "model call"),
        f"{tokens_in:,} tokens in",
        f"{cached / tokens_in:.0%} of them cached" if cached else "",
        f"{sum(usage.output_tokens for usage in used):,} out",
        money(cost),
        f"{money(saved)} saved by the cache" if saved else "",
    ]
    return "This session: " + " · ".join(filter(None, parts))


def _sum(amounts: list[float | None]) -> float | None:
    known = [amount for amount in amounts if amount is not None]
    return sum(known) if len(known) == len(amounts) else None


def _mode(stage: Stage, name: str) -> str:
    """A mode that there is.

    Raises:
        UsageError: There is none of that name.
    """
    if name not in stage.talk.host.modes:
        raise UsageError(
            f"There is no mode '{name}'.", hint=f"One of: {', '.join(stage.talk.host.modes)}"
        )
    return name
