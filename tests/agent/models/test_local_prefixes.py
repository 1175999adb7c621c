"""The kept prefix: saved, found again, cut back, and the same to the bit."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest

from agent.errors import ContextTooLong, ModelError
from agent.messages import Delta, Message, ModelUsage, TextDelta
from agent.models import local_files
from agent.models.base import Prepares
from agent.models.local import Local
from agent.models.local_llamacpp import LlamaCpp
from agent.models.local_transformers import CHUNK, Transformers
from tests.agent.models import tiny

CORPUS = "The lamp was lit in Norwich by Ada. " * 60
Open = Callable[..., Local]


def asked(question: str, corpus: str = CORPUS) -> list[Message]:
    return [Message("system", "Be brief."), Message("user", question, prefix=corpus)]


async def answer(model: Local, messages: Sequence[Message], most: int = 8) -> list[Delta]:
    return [delta async for delta in model.stream(messages, max_tokens=most)]


def text(deltas: Sequence[Delta]) -> str:
    return "".join(delta.text for delta in deltas if isinstance(delta, TextDelta))


def usage(deltas: Sequence[Delta]) -> ModelUsage:
    assert isinstance(deltas[-1], ModelUsage)
    return deltas[-1]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    import torch

    torch.set_num_threads(1)  # so small a model only waits for a second one
    return tiny.folder(tmp_path_factory.mktemp("tiny") / "weights")


@pytest.fixture(scope="module")
def gguf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.gguf(tmp_path_factory.mktemp("tiny") / "tiny.gguf")


@pytest.fixture(params=["folder", "gguf"])
def weights(request: pytest.FixtureRequest) -> Path:
    found: Path = request.getfixturevalue(request.param)
    return found


@pytest.fixture
async def open_(tmp_path: Path) -> AsyncIterator[Open]:
    opened: list[Local] = []

    def make(path: Path, store: str = "prefixes", **settings: Any) -> Local:
        opened.append(Local(path, prefixes=tmp_path / store, **settings))
        return opened[-1]

    yield make
    for model in opened:
        await model.aclose()


async def test_a_prefix_is_read_once_and_found_again_in_the_next_run(
    weights: Path, open_: Open
) -> None:
    first = open_(weights)
    assert isinstance(first, Prepares)
    assert not first.has_prefix(asked("Who?"))
    lines = [line async for line in first.prepare(asked("Who?"))]
    assert lines[0] == f"Loading {weights.name}"
    assert first.has_prefix(asked("Anything else?"))
    one = await answer(first, asked("Who?"))
    assert 0 < usage(one).input_tokens - usage(one).cached_tokens < 40
    second = open_(weights)
    assert [line async for line in second.prepare(asked("When?"))] == []
    assert await answer(second, asked("Who?")) == one


async def test_an_answer_is_the_same_with_a_kept_prefix_as_without(
    weights: Path, open_: Open
) -> None:
    kept = open_(weights)
    await answer(kept, asked("Who?"))
    await answer(kept, asked("When was the lamp lit, and where?"), most=30)
    again = await answer(kept, asked("Who?"))
    fresh = await answer(open_(weights, "elsewhere"), asked("Who?"))
    assert text(again) == text(fresh)
    assert (usage(again).cached_tokens > 0, usage(fresh).cached_tokens) == (True, 0)


async def test_where_only_the_tail_has_changed_the_beginning_is_kept(
    weights: Path, open_: Open
) -> None:
    longer = asked("Who?", CORPUS + "And more. ")
    await answer(open_(weights), asked("Who?"))
    changed = await answer(open_(weights), longer)
    assert usage(changed).cached_tokens >= CHUNK
    fresh = await answer(open_(weights, "elsewhere"), longer)
    assert text(changed) == text(fresh)


async def test_a_corpus_that_changed_at_its_beginning_is_read_anew(
    weights: Path, open_: Open
) -> None:
    model = open_(weights)
    await answer(model, asked("Who?"))
    other = asked("Who?", "Once. " + CORPUS)
    assert not model.has_prefix(other)
    assert usage(await answer(model, other)).cached_tokens < 32


async def test_a_conversation_goes_on_from_the_same_prefix(weights: Path, open_: Open) -> None:
    model = open_(weights)
    first = await answer(model, asked("Who?"))
    later = [*asked("Who?"), Message("assistant", "Ada. [1]"), Message("user", "And when?")]
    assert model.has_prefix(later)
    on = usage(await answer(model, later))
    assert on.cached_tokens == usage(await answer(model, asked("Where?"))).cached_tokens
    assert on.input_tokens > usage(first).input_tokens
    assert len(model.store.all()) == 1


async def test_a_damaged_cache_is_read_anew(weights: Path, open_: Open) -> None:
    model = open_(weights)
    whole = await answer(model, asked("Who?"))
    [saved] = model.store.all()
    saved.file.write_bytes(saved.file.read_bytes()[:1000])
    again = await answer(open_(weights), asked("Who?"))
    assert text(again) == text(whole)
    assert usage(again).cached_tokens == 0
    # And it is kept anew, so that it costs no more than one reading.
    assert usage(await answer(open_(weights), asked("Who?"))).cached_tokens > 0


async def test_a_server_within_that_has_stopped_is_told_in_words(gguf: Path) -> None:
    engine = LlamaCpp(local_files.find(gguf), gguf.parent)
    engine.close()
    with pytest.raises(ModelError, match=r"llama\.cpp has stopped with tiny\.gguf"):
        engine.tokens("Who?")


async def test_other_weights_of_the_same_name_do_not_use_the_cache(
    tmp_path: Path, open_: Open
) -> None:
    path = tiny.folder(tmp_path / "weights")
    await answer(open_(path), asked("Who?"))
    tiny.folder(path, seed=1)
    model = open_(path)
    assert not model.has_prefix(asked("Who?"))
    assert usage(await answer(model, asked("Who?"))).cached_tokens == 0


async def test_without_a_prefix_nothing_is_kept_and_what_was_kept_is_not_spoilt(
    weights: Path, open_: Open
) -> None:
    model = open_(weights)
    first = await answer(model, asked("Who?"))
    plain = [Message("user", "Who?")]
    alone = await answer(model, plain)
    assert usage(alone).cached_tokens == 0
    assert text(alone) == text(await answer(open_(weights, "elsewhere"), plain))
    again = await answer(model, asked("Who?"))
    assert text(again) == text(first)
    assert len(model.store.all()) == 1


async def test_what_does_not_fit_the_limit_is_said_and_the_answer_still_comes(
    folder: Path, open_: Open
) -> None:
    model = open_(folder, limit=1000)
    lines = [line async for line in model.prepare(asked("Who?"))]
    assert "not kept" in lines[-1]
    assert model.store.all() == []
    assert usage(await answer(model, asked("Who?"))).cached_tokens > 0


async def test_a_prompt_beyond_the_window_is_refused_with_the_numbers(
    weights: Path, open_: Open
) -> None:
    model = open_(weights)
    assert model.context_window == tiny.WINDOW
    long = asked("Who?", CORPUS * 3)
    for work in (model.prepare(long), model.stream(long)):
        with pytest.raises(ContextTooLong, match=r"2,048 at once: [\d,]+ too many"):
            async with aclosing(work) as items:
                [item async for item in items]


async def test_leaving_while_a_prefix_is_read_leaves_no_half_of_it_on_disk(
    weights: Path, open_: Open
) -> None:
    model = open_(weights)
    reading = asyncio.create_task(anext(model.stream(asked("Who?"))))
    while model._engine is None:  # the weights load in a thread
        await asyncio.sleep(0)
    reading.cancel()
    await asyncio.gather(reading, return_exceptions=True)
    again = await answer(model, asked("Who?"))
    assert text(again) == text(await answer(open_(weights, "elsewhere"), asked("Who?")))
    assert len(list(model.store.root.glob(".part-*"))) == 0


class Watched(Transformers):
    """Its logits are seen, and it can be told to stop after so many forward passes of a layer."""

    def __init__(self, path: Path) -> None:
        super().__init__(local_files.find(path))
        self.logits: list[Any] = []

    def _choose(self, logits: Any, temperature: float) -> int:
        self.logits.append(logits.clone())
        return super()._choose(logits, temperature)

    def ask(self, prefix: Sequence[int], rest: Sequence[int]) -> list[Any]:
        self.logits = []
        list(self.read(prefix, lambda: False))
        list(self.answer(rest, 4, 0.0, lambda: False))
        return self.logits


def _equal(one: Sequence[Any], other: Sequence[Any]) -> bool:
    import torch

    return len(one) == len(other) and all(map(torch.equal, one, other))


def test_logits_are_the_same_to_the_bit_however_the_prefix_came_about(
    folder: Path, tmp_path: Path
) -> None:
    engine = Watched(folder)
    prefix = engine.tokens(CORPUS)[: 2 * CHUNK + 100]
    tail = engine.tokens("Another end of the corpus. ") * 5
    question, other = engine.tokens("Who was it?"), engine.tokens("Where is Mill Road, then?")
    cold = engine.ask(prefix, question)
    engine.save(tmp_path / "one")
    engine.ask(prefix, other)
    assert _equal(engine.ask(prefix, question), cold)
    changed = Watched(folder).ask([*prefix, *tail], question)
    assert _equal(engine.ask([*prefix, *tail], question), changed)
    assert _equal(engine.ask(prefix, question), cold)
    assert engine.restore(tmp_path / "one", prefix)
    assert _equal(engine.ask(prefix, question), cold)
    assert _equal(engine.ask([*prefix, *tail], question), changed)


def test_logits_are_those_of_the_whole_prompt_in_one_pass(folder: Path) -> None:
    import torch

    engine = Watched(folder)
    prefix, question = engine.tokens(CORPUS)[:700], engine.tokens("Who was it?")
    kept = engine.ask(prefix, question)[0]
    with torch.inference_mode():
        whole = engine._model(input_ids=torch.tensor([[*prefix, *question]])).logits[0, -1]
    torch.testing.assert_close(kept, whole, rtol=1e-4, atol=1e-4)


def test_sliding_windows_are_cut_back_and_still_hide_what_is_out_of_them(tmp_path: Path) -> None:
    import torch

    path = tiny.folder(tmp_path / "sliding", kind="mistral", sliding_window=32)
    engine = Watched(path)
    assert engine.can_keep
    prefix, question = engine.tokens(CORPUS)[:700], engine.tokens("Who was it?")
    kept = engine.ask(prefix, question)
    assert _equal(engine.ask(prefix, question), kept)
    with torch.inference_mode():
        ids = torch.tensor([[*prefix, *question]])
        whole = engine._model(input_ids=ids, use_cache=False).logits[0, -1]
        engine._model.config.sliding_window = 10_000
        open_wide = engine._model(input_ids=ids, use_cache=False).logits[0, -1]
    torch.testing.assert_close(kept[0], whole, rtol=1e-4, atol=1e-4)
    assert not torch.allclose(whole, open_wide, rtol=1e-2, atol=1e-2)


def test_a_stop_within_a_chunk_leaves_whole_what_was_held(folder: Path) -> None:
    from agent.models.local_engine import Stopped

    engine = Watched(folder)
    prefix, question = engine.tokens(CORPUS)[: 2 * CHUNK], engine.tokens("Who?")
    expected = Watched(folder).ask(prefix, question)
    calls = iter(range(100))
    with pytest.raises(Stopped):
        list(engine.read(prefix, lambda: next(calls) == tiny.LAYERS + 1))
    assert engine.kept(prefix) == CHUNK
    assert _equal(engine.ask(prefix, question), expected)
    calls = iter(range(100))
    with pytest.raises(Stopped):
        list(engine.answer(question, 4, 0.0, lambda: next(calls) == tiny.LAYERS + 1))
    assert _equal(engine.ask(prefix, question), expected)
