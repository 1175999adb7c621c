"""Asks one question after the other, and shows each in the transcript.

What is asked meanwhile waits. Knows the conversation and one widget, and no screen.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from contextlib import aclosing, suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from agent.errors import AgentError
from agent.events import Status
from agent.tui.question import Question
from agent.tui.turn import Standing, Turn

if TYPE_CHECKING:
    from textual.worker import Worker

    from agent.transcripts import StoredTurn
    from agent.tui.conversation import Conversation
    from agent.tui.widgets.answer import Answer
    from agent.tui.widgets.transcript import Transcript

Run = Callable[[Coroutine[None, None, None]], "Worker[None]"]


class Asking:
    """The questions of one chat, in their order."""

    def __init__(
        self,
        talk: Conversation,
        transcript: Transcript,
        *,
        run: Run,
        changed: Callable[[], None],
        warn: Callable[[str], None],
    ) -> None:
        """Ask nothing yet.

        Args:
            talk: What is asked.
            transcript: Where answers are shown.
            run: Runs what takes its time.
            changed: Told whenever it stands otherwise than before.
            warn: Told what is wrong with how a question is kept.
        """
        self.idle = ""
        """How it stands while nothing is asked, in words."""
        self.held = False
        """Whether questions wait for another session to be shown."""
        self._talk = talk
        self._transcript = transcript
        self._run = run
        self._changed = changed
        self._warn = warn
        self._waiting: deque[tuple[Question, str]] = deque()
        self._asked: dict[int, Question] = {}
        self._running: Worker[None] | None = None
        self._turn: Turn | None = None
        self._stopping = False

    @property
    def busy(self) -> bool:
        """Whether a question is being answered."""
        return self._running is not None

    @property
    def waiting(self) -> list[str]:
        """The questions that wait, the next one first."""
        return [question.text for question, _ in self._waiting]

    @property
    def standing(self) -> Standing:
        """How it stands now."""
        if self._turn is not None and self.busy:
            return replace(self._turn.standing, queued=len(self._waiting))
        last = self._turn.standing if self._turn is not None else Standing()
        if self._talk.ready:
            last = self._with_choices(last)
        return replace(
            last,
            state=self.idle or last.state or "ready",
            running=False,
            queued=len(self._waiting),
        )

    def _with_choices(self, standing: Standing) -> Standing:
        """With the model and the mode that the next question has."""
        model = self._talk.session.model
        mode = self._talk.mode or self._talk.host.config.mode
        # What the router chose last says more than that it will choose.
        routed = mode == "auto" and bool(standing.route)
        window = None
        with suppress(AgentError):  # the answer will say what is wrong with the model
            window = model.context_window
        return replace(
            standing,
            mode=standing.mode if routed else mode,
            route=standing.route if routed else "",
            model=model.name,
            persona=self._talk.host.persona,
            context_window=window,
        )

    def begin_with(self, answers: Sequence[Answer], turns: Sequence[StoredTurn]) -> None:
        """Another session is open; these are its answers, and the turns that they show."""
        self._turn = None
        # A copy of what was asked here keeps its sources, which the store does not have.
        known = {(asked.text, asked.context): asked for asked in self._asked.values()}
        self._asked = {
            answer.key: known.get((turn.question, turn.context))
            or Question(turn.question, turn.context)
            for answer, turn in zip(answers, turns, strict=True)
        }

    def add(self, question: Question, mode: str = "") -> None:
        """Ask a question, or let it wait for its turn."""
        self._waiting.append((question, mode))
        self.next()
        self._changed()

    def take_back(self) -> Question | None:
        """The last question that waits, which waits no longer."""
        question = self._waiting.pop()[0] if self._waiting else None
        self._changed()
        return question

    def asked(self, answer: Answer) -> Question:
        """The question of an answer, with what went with it where that is still known."""
        return self._asked.get(answer.key) or Question(answer.question)

    def next(self) -> None:
        """Ask the question that has waited longest, unless one is being answered."""
        if self._talk.ready and self._waiting and not self.busy and not self.held:
            self._stopping = False
            self._running = self._run(self._ask(*self._waiting.popleft()))

    def stop(self) -> bool:
        """End the answer with what there is of it; a second time, at once. Whether one ran."""
        if self._running is None:
            return False
        if self._stopping:
            self._running.cancel()
        else:
            self._stopping = True
            self._talk.stop()
            if self._turn is not None:
                self._turn.tell("Stopping")
        self._changed()
        return True

    async def _ask(self, question: Question, mode: str) -> None:
        answer = self._transcript.begin(question.text)
        self._asked[answer.key] = question
        standing = self._with_choices(Standing())
        turn = self._turn = Turn(answer, replace(standing, mode=mode or standing.mode))
        self._changed()
        told, session, kept = turn.standing, self._talk.id, True
        try:
            async with aclosing(self._talk.ask(question, mode=mode)) as events:
                async for event in events:
                    if isinstance(event, Status) and event.stage == "record":
                        self._warn(event.text)
                        if kept := session not in (None, self._talk.id):
                            self._forget_numbers()
                    elif kept and answer.n is None:
                        answer.n = await self._number()
                    turn.show(event)
                    if self._stopping and turn.standing.running:
                        turn.tell("Stopping")
                    # Most tokens change nothing of it. Once the answer is done, the next may be
                    # asked at once: see below.
                    if turn.standing is not told and not answer.done:
                        told = turn.standing
                        self._changed()
        finally:
            turn.leave()
            self._running = None
            self._changed()
            self.next()

    def _forget_numbers(self) -> None:
        """What is shown is of a session that is no more: the one in its place counts anew."""
        for answer in self._transcript.answers:
            answer.n = None

    async def _number(self) -> int | None:
        """The number of the turn that has just begun."""
        with suppress(AgentError):
            return await self._talk.count()
        return None
