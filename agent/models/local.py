"""`local:PATH`: a chat model whose weights run in this process, and its kept prefixes.

`Message.prefix` is read once: its key-value cache stays in memory from question to question, and
on disk from run to run. Where only the corpus's tail has changed, the beginning is kept. Here are
the thread that all of it runs on and the choice of what to keep; what runs the weights is an
`Engine`, for safetensors `local_transformers.py`, for GGUF `local_llamacpp.py`.
"""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import AsyncGenerator, Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing, closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from agent.errors import ContextTooLong, ModelError
from agent.messages import FREE, ModelUsage, TextDelta
from agent.models import local_files
from agent.models.local_engine import Answered, Engine, Stop, Stopped
from agent.models.local_prompt import split
from agent.models.prefix_store import LIMIT, Manifest, PrefixStore, text_digest

if TYPE_CHECKING:
    from agent.messages import Delta, Message, ToolSpec
    from agent.models.local_files import Weights

_T = TypeVar("_T")

PREFIX = "local:"
"""What a model name begins with that names weights on this machine."""

_LONGEST = 1024
"""Tokens of an answer where nobody sets a limit: small weights may go on for ever."""
_EVERY = 2.0
"""Seconds between two lines of progress."""
_NAMED = 3
"""Sources of a corpus that its cache is listed with."""
_WORTH = 256
"""Tokens that a cache on disk must spare beyond the one in memory to be loaded."""


class Local:
    """See `ChatModel` and `Prepares` for the contract."""

    can_call_tools = False
    price = FREE

    def __init__(
        self,
        path: str | Path,
        *,
        prefixes: Path,
        limit: int = LIMIT,
        temperature: float | None = None,
        adapter: str | Path | None = None,
        scale: float = 1.0,
    ) -> None:
        """Take the weights by their path; touches no file yet.

        Args:
            path: A folder with safetensors, or a GGUF file.
            prefixes: The folder where caches are kept from run to run.
            limit: Bytes that they may have in all.
            temperature: None or 0 for the likeliest token each time.
            adapter: Trained changes to the weights: a LoRA folder of PEFT's for safetensors, a
                GGUF file of one for GGUF.
            scale: How strong the adapter is; 0 is the weights alone.
        """
        self.name = f"{PREFIX}{path}"
        self.store = PrefixStore(prefixes, limit=limit)
        self._path = Path(os.path.expanduser(path)).absolute()
        self._temperature = temperature or 0.0
        self._adapter = None if adapter is None else Path(os.path.expanduser(adapter)).absolute()
        self._scale = scale
        self._weights: Weights | None = None
        self._engine: Engine | None = None
        self._loading = threading.Lock()
        self._warming: asyncio.Future[Engine] | None = None
        self._head: tuple[str, list[int]] = ("", [])
        # One thread: what an engine holds is changed by one call at a time.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="local-weights")

    @property
    def context_window(self) -> int | None:
        """As the weights' files say, or as the engine could take it once it is loaded.

        Raises:
            ModelError: There are no such weights.
        """
        return self._engine.window if self._engine else self._found().window

    async def warm(self) -> None:
        """Load the libraries and the weights; see `ChatModel.warm`."""
        if self._engine is None:
            loop, warming = asyncio.get_running_loop(), self._warming
            # One thread, however many wait for it or have given up: the loop has few.
            if warming is None or warming.done() or warming.get_loop() is not loop:
                # Cannot be stopped: among the loop's own threads, whoever ends the process sees it.
                warming = self._warming = loop.run_in_executor(None, self._load)
                # Where nobody waits any more, nobody needs to hear why it failed.
                warming.add_done_callback(lambda done: done.cancelled() or done.exception())
            await asyncio.wait([warming])
            warming.result()

    def count(self, text: str) -> int:
        """By the model's own tokenizer; loads the weights, where `warm` has not."""
        return len(self._load().tokens(text))

    def has_prefix(self, messages: Sequence[Message]) -> bool:
        """Whether the prefix of these messages has been read and is on disk. Loads nothing.

        Raises:
            ModelError: There are no such weights.
        """
        text = _until_prefix(messages)
        return bool(text) and self.store.has(self._found().digest, text_digest(text))

    async def prepare(self, messages: Sequence[Message]) -> AsyncGenerator[str, None]:
        """Read the messages' prefix and keep it on disk; see `Prepares`."""
        messages = tuple(messages)
        if self._engine is None and not self.has_prefix(messages):
            yield f"Loading {self._path.name}"
        await self.warm()
        work = _in_thread(self._thread, lambda stop: self._prepare(messages, stop))
        async with aclosing(work) as lines:
            async for line in lines:
                yield line

    async def stream(
        self,
        messages: Sequence[Message],
        *,
        tools: Sequence[ToolSpec] = (),
        max_tokens: int | None = None,
    ) -> AsyncGenerator[Delta, None]:
        """Answer; see `ChatModel.stream`. Leaving it ends the work within a layer of a token."""
        if tools:
            raise ModelError(
                f"{self.name} cannot call tools.", hint="Ask in another mode: --mode naive"
            )
        messages = tuple(messages)
        await self.warm()
        work = _in_thread(self._thread, lambda stop: self._answer(messages, max_tokens, stop))
        async with aclosing(work) as deltas:
            async for delta in deltas:
                yield delta

    async def aclose(self) -> None:
        """Let go of the weights, once what is running has stopped. The next call loads them.

        Weights that are still being loaded go when they are there; that is not waited for.
        """
        if self._engine is None and self._loading.locked():
            self._thread.submit(self._close)
        else:
            await asyncio.get_running_loop().run_in_executor(self._thread, self._close)

    def _found(self) -> Weights:
        if self._weights is None:
            found = local_files.find(self._path)
            if self._adapter is not None:
                found = local_files.with_adapter(found, self._adapter, self._scale)
            self._weights = found
        return self._weights

    def _load(self) -> Engine:
        with self._loading:
            if self._engine is None:
                weights = self._found()
                if weights.kind == "gguf":
                    from agent.models.local_llamacpp import LlamaCpp

                    self._engine = LlamaCpp(weights, self.store.root)
                else:
                    from agent.models.local_transformers import Transformers

                    self._engine = Transformers(weights)
            return self._engine

    def _close(self) -> None:
        with self._loading:
            if self._engine is not None:
                self._engine.close()
            self._engine = None

    def _tokens(self, messages: Sequence[Message]) -> tuple[list[int], list[int]]:
        """The prompt's tokens: those to be kept, and the rest."""
        engine = self._load()
        head, rest = split(messages, engine.render, engine.specials)
        if not engine.can_keep:
            head, rest = "", head + rest
        if head != self._head[0]:
            self._head = (head, engine.tokens(head))
        return self._head[1], engine.tokens(rest)

    def _prepare(self, messages: Sequence[Message], stop: Stop) -> Generator[str, None, None]:
        head, rest = self._tokens(messages)
        engine = self._load()
        if not engine.can_keep:
            if _until_prefix(messages):
                yield f"{self._path.name} reads the whole prompt anew for each question."
            return
        self._admit(len(head) + len(rest))
        kept = self._recall(head)
        began = shown = time.monotonic()
        with closing(self._read(messages, head, kept, stop)) as reading:
            for done in reading:
                if isinstance(done, str):
                    yield done
                    continue
                now = time.monotonic()
                if now - shown >= _EVERY and done < len(head):
                    shown = now
                    left = (len(head) - done) * (now - began) / max(1, done - kept)
                    yield f"Reading: {done:,} of {len(head):,} tokens, about {left:.0f} s left"

    def _answer(
        self, messages: Sequence[Message], max_tokens: int | None, stop: Stop
    ) -> Generator[Delta, None, None]:
        head, rest = self._tokens(messages)
        engine = self._load()
        room = self._admit(len(head) + len(rest))
        kept = self._recall(head)
        for _ in self._read(messages, head, kept, stop):
            pass
        most = min(max_tokens or _LONGEST, room)
        with closing(engine.answer(rest, most, self._temperature, stop)) as pieces:
            for piece in pieces:
                if isinstance(piece, Answered):
                    yield ModelUsage(
                        input_tokens=len(head) + len(rest),
                        output_tokens=piece.tokens,
                        cached_tokens=kept,
                        finish=piece.finish,
                    )
                else:
                    yield TextDelta(piece)

    def _recall(self, head: list[int]) -> int:
        """Take the prefix from the disk, where that spares more than what is in memory.

        Returns:
            How many of its tokens need not be read.
        """
        engine = self._load()
        kept = engine.kept(head)
        if kept == len(head):
            return kept
        found = self.store.find(engine.key, head)
        if found is not None and (found[1] == len(head) or found[1] >= kept + _WORTH):
            with suppress(OSError):  # another process has just let it go
                if engine.restore(found[0].file, found[0].token_ids()):
                    self.store.used(found[0])
                else:
                    self.store.drop(found[0])
        return engine.kept(head)

    def _read(
        self, messages: Sequence[Message], head: list[int], kept: int, stop: Stop
    ) -> Generator[int | str, None, None]:
        """Have the engine hold the prefix, and keep it on disk where some of it had to be read.

        Gives the tokens that are done, and a line where it cannot be kept.
        """
        engine = self._load()
        yield from engine.read(head, stop)
        if kept == len(head):
            return
        text = text_digest(_until_prefix(messages))
        manifest = Manifest(self.name, engine.key, text, _corpus(messages), len(head))
        size = engine.bytes_held
        if why := self.store.save(manifest, head, engine.suffix, engine.save, size=size):
            yield f"What was read is not kept for the next run. {why}"

    def _admit(self, prompt: int) -> int:
        """The tokens that an answer may have.

        Raises:
            ContextTooLong: None at all.
        """
        window = self._load().window
        if window is None:
            return _LONGEST
        if prompt >= window:
            raise ContextTooLong(
                f"The prompt has {prompt:,} tokens, and {self.name} reads {window:,} at once: "
                f"{prompt - window + 1:,} too many.",
                hint="Show it less: --source PATH, or --mode naive",
            )
        return window - prompt


def _until_prefix(messages: Sequence[Message]) -> list[tuple[str, str]]:
    """Roles and texts up to the prefix's end; empty where there is none."""
    for n, message in enumerate(messages):
        if message.prefix:
            said = [(m.role, m.whole) for m in messages[:n]]
            return [*said, (message.role, message.prefix)]
    return []


def _corpus(messages: Sequence[Message]) -> str:
    """What the prefix holds, in a few words: its sources, where the message names them."""
    evidence = next((m.evidence for m in messages if m.evidence and m.evidence.passages), None)
    if evidence is None:
        prefix = next((m.prefix for m in messages if m.prefix), "")
        return " ".join(prefix[:400].split())[:80]
    titles = list(dict.fromkeys(p.title or p.source for p in evidence.passages))
    more = f" and {len(titles) - _NAMED} more" if len(titles) > _NAMED else ""
    return ", ".join(titles[:_NAMED]) + more


async def _in_thread(
    thread: ThreadPoolExecutor, work: Callable[[Stop], Generator[_T, None, None]]
) -> AsyncGenerator[_T, None]:
    """What a synchronous iterator gives on another thread, as it comes.

    Leaving tells it to stop, and waits for nothing: the thread takes the next work after that.
    """
    loop = asyncio.get_running_loop()
    ready: asyncio.Queue[_T | None] = asyncio.Queue()
    left = threading.Event()

    def put(item: _T | None) -> None:
        with suppress(RuntimeError):  # the loop is closed: nobody waits
            loop.call_soon_threadsafe(ready.put_nowait, item)

    def run() -> None:
        try:
            with closing(work(left.is_set)) as items:
                for item in items:
                    if left.is_set():
                        return
                    put(item)
        except Stopped:
            pass
        finally:
            put(None)

    done = loop.run_in_executor(thread, run)
    done.add_done_callback(lambda d: d.cancelled() or d.exception())
    try:
        while (item := await ready.get()) is not None:
            yield item
        await done
    finally:
        left.set()
        done.cancel()
