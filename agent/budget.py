"""One hard cap for one ask: money, tokens, steps and seconds, and the user's wish to stop.

A call is admitted with its worst case in mind: a model call only where its prompt is paid for and
some of its answer would be too, with the answer's length limited to what is left; what it may come
to is held back until it is settled, so that calls side by side do not spend the same remainder
twice. So no limit is overrun by more than one response's declared maximum. Who meets the end of a
budget gets `BudgetSpent` and ends with what it has.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from agent.errors import AgentError, BudgetSpent, ConfigError
from knowledge.errors import KnowledgeError

if TYPE_CHECKING:
    from agent.messages import ModelUsage, Price

_T = TypeVar("_T")

_LEAST = 16
"""Tokens of an answer that are worth asking for."""
_SPARE_STEPS = 4
"""Steps that must be left for one to be spent on anything but the answer."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one ask may use; None is no limit."""

    cost: float | None = None
    """US dollars."""
    tokens: int | None = None
    """Of all prompts and answers together."""
    steps: int | None = None
    """Calls to models and to tools."""
    seconds: float | None = None
    """Of work: those in which a person is asked something do not count."""


@dataclass(frozen=True, slots=True, eq=False)
class Admission:
    """A call to a model that a budget has let through, and must be told the end of."""

    longest: int | None
    """The most tokens that may be answered; None where nothing limits them."""
    reason: str = ""
    """The limit that shortened the answer, as a sentence; empty where none of the budget's did."""
    tokens: int = 0
    """Held back for it."""
    cost: float = 0.0
    """Held back for it, in US dollars."""
    price: Price | None = None


class Budget:
    """What one ask has used, and whether it may go on. Lives on one event loop."""

    def __init__(
        self, limits: Limits | None = None, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Begin; the seconds count from here.

        Args:
            limits: None for none.
            clock: Seconds, for tests.
        """
        self.limits = limits or Limits()
        self.cost = 0.0
        self.tokens = 0
        self.steps = 0
        self._clock = clock
        self._began = clock()
        """Moved on by what was waited for a person."""
        self._asking = 0
        """How many questions a person has before them."""
        self._paused = 0.0
        """Since when there is one."""
        self._stopped = ""
        self._waits: set[asyncio.Timeout] = set()
        self._held: set[Admission] = set()

    def stop(self, reason: str = "You stopped it.") -> None:
        """End the ask: what is running is cancelled, what comes next is refused.

        To be called on the ask's event loop. A second call changes nothing.

        Args:
            reason: A sentence for the user.
        """
        self._stopped = self._stopped or reason
        for wait in self._waits:
            # One whose time is up is being cancelled already, and may still be letting go.
            if not wait.expired():
                wait.reschedule(asyncio.get_running_loop().time())

    @property
    def seconds_left(self) -> float | None:
        """Until the ask's time is up; None where it has no limit."""
        if self.limits.seconds is None:
            return None
        now = self._paused if self._asking else self._clock()
        return max(0.0, self.limits.seconds - (now - self._began))

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Hold the clock while a person is asked something; the wish to stop is still heard.

        Waits may overlap: the clock goes on when the last has ended. Time that was up before is
        not given back.
        """
        if not self._asking:
            self._paused = self._clock()
        self._asking += 1
        self._reset()
        try:
            yield
        finally:
            self._asking -= 1
            if not self._asking:
                self._began += self._clock() - self._paused
            self._reset()

    def check(self) -> None:
        """Refuse to go on once the ask was stopped, or a limit is reached.

        Raises:
            BudgetSpent: It may not go on.
        """
        if reason := self._spent():
            raise BudgetSpent(reason)

    def step(self) -> None:
        """Admit one call to a tool.

        Raises:
            BudgetSpent: There is none left.
        """
        self.check()
        if self.limits.steps is not None and self.steps >= self.limits.steps:
            raise BudgetSpent(f"The limit of {_many(self.limits.steps, 'step')} is reached.")
        self.steps += 1

    def admit(self, prompt: int, wanted: int | None, price: Price | None) -> Admission:
        """Admit one call to a model; `settle` it at its end, however it ends.

        Args:
            prompt: Its tokens, by the model's count.
            wanted: The longest answer that the caller allows; None leaves it to the model.
            price: Of the model.

        Raises:
            BudgetSpent: The call might overrun a limit.
            ConfigError: The cost is limited, and the model's price is not known.
        """
        self.check()
        longest, reason = wanted, ""
        least = _LEAST if wanted is None else min(_LEAST, wanted)
        if self.limits.tokens is not None and prompt:
            left = self.limits.tokens - self.tokens - prompt - sum(a.tokens for a in self._held)
            if left < least:
                raise BudgetSpent(
                    f"The limit of {self.limits.tokens} tokens leaves no room for another call: "
                    f"{self.tokens} are used, and its prompt has about {prompt}."
                )
            if longest is None or left < longest:
                longest, reason = left, f"The limit of {self.limits.tokens} tokens is reached."
        if self.limits.cost is not None:
            if price is None:
                raise ConfigError(
                    "The price of this model is not known, so a limit of cost cannot be kept.",
                    hint="Limit tokens instead: --max-tokens N",
                )
            left_cost = self.limits.cost - self.cost - sum(a.cost for a in self._held)
            left_cost -= _paid(price, prompt)
            if left_cost < least * price.output or left_cost < 0:
                raise BudgetSpent(
                    f"The limit of {_dollars(self.limits.cost)} leaves no room for another call: "
                    f"{_dollars(self.cost)} is spent, and its prompt has about {prompt} tokens."
                )
            # A price so near nothing that the quotient overflows limits no answer.
            paid_for = left_cost / price.output if price.output else math.inf
            if paid_for < (math.inf if longest is None else longest):
                longest = int(paid_for)
                reason = f"The limit of {_dollars(self.limits.cost)} is reached."
        self.step()
        held = Admission(
            longest,
            reason,
            tokens=prompt + (longest or 0),
            cost=0.0 if price is None else _paid(price, prompt, longest or 0),
            price=price,
        )
        self._held.add(held)
        return held

    def settle(self, call: Admission, usage: ModelUsage) -> None:
        """Count what an admitted call used, and let go of what was held back for it."""
        self._held.discard(call)
        self.tokens += usage.input_tokens + usage.output_tokens
        cost = usage.cost
        if cost is None and call.price is not None:
            cost = _paid(call.price, usage.input_tokens, usage.output_tokens)
        self.cost += cost or 0.0

    def spares(self, prompt: int, longest: int, price: Price | None) -> bool:
        """Whether a call that the answer could do without would leave it most of what is left.

        Args:
            prompt: Its tokens.
            longest: The most that it may answer.
            price: Of the model.
        """
        limits, held = self.limits, self._held
        if self._spent():
            return False
        if limits.steps is not None and limits.steps - self.steps < _SPARE_STEPS:
            return False
        if limits.tokens is not None:
            left = limits.tokens - self.tokens - sum(call.tokens for call in held)
            if prompt + longest > left // 2:
                return False
        if limits.cost is not None:
            left_cost = limits.cost - self.cost - sum(call.cost for call in held)
            if price is None or _paid(price, prompt, longest) > left_cost / 2:
                return False
        return True

    async def within(self, work: Callable[[], Awaitable[_T]]) -> _T:
        """Await something for as long as the ask may go on; it is cancelled at the end.

        Args:
            work: Begins it. Not called where the ask may not go on.

        Raises:
            BudgetSpent: The time was up, or the user stopped the ask.
        """
        self.check()
        wait = asyncio.timeout(None if self._asking else self.seconds_left)
        before = _current.get()
        _current.set(self)
        try:
            async with wait:
                self._waits.add(wait)
                return await work()
        except (TimeoutError, AgentError, KnowledgeError):
            # What broke because it was cancelled is no failure of its own.
            if not wait.expired():
                raise
            raise BudgetSpent(self._spent() or _over(self.limits.seconds)) from None
        finally:
            self._waits.discard(wait)
            _current.set(before)

    def _reset(self) -> None:
        """Give every wait the time that it has now."""
        if self._stopped or self.limits.seconds is None:
            return
        left = None if self._asking else self.seconds_left
        for wait in self._waits:
            if not wait.expired():
                now = asyncio.get_running_loop().time()
                wait.reschedule(None if left is None else now + left)

    def _spent(self) -> str:
        """Why it may not go on; empty where it may."""
        if self._stopped:
            return self._stopped
        left, limits = self.seconds_left, self.limits
        if left is not None and left <= 0:
            return _over(limits.seconds)
        if limits.tokens is not None and self.tokens >= limits.tokens:
            return f"The limit of {limits.tokens} tokens is reached."
        if limits.cost is not None and self.cost >= limits.cost > 0:
            return f"The limit of {_dollars(limits.cost)} is reached."
        return ""


_current: ContextVar[Budget | None] = ContextVar("budget", default=None)


def current() -> Budget | None:
    """The budget that what runs now is awaited `within`; None for none."""
    return _current.get()


def _over(seconds: float | None) -> str:
    return f"The limit of {seconds:g} s is reached." if seconds is not None else "The time is up."


def _dollars(amount: float) -> str:
    whole, _, part = f"{amount:.8f}".partition(".")
    part = part.rstrip("0")
    return f"${whole}.{part:0<2}" if part else f"${whole}"


def _many(n: int, what: str) -> str:
    return f"{n} {what}{'' if n == 1 else 's'}"


def _paid(price: Price, prompt: int, answer: int = 0) -> float:
    """The most that a call of this size costs, in US dollars."""
    return prompt * max(price.input, price.written) + answer * price.output
