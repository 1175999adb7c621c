from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Callable
from typing import Any

import pytest

from agent.errors import ModelUnreachable
from agent.models.script_file import ScriptedReply
from agent.models.scripted import Scripted
from agent.server import streaming
from agent.server.admission import Admission
from agent.server.errors import Refused
from agent.server.metrics import Metrics
from agent.server.observed import Observed
from agent.server.streaming import DONE, ClientGone, EventStream, comment, until_gone
from agent.server.users import User
from tests.agent.server.hosted import TOKEN, Hosted, events_of, hosted, text_of

ENDLESS = ScriptedReply("The Moon has no air. [1] ", endless=True, delay=0.001)
AWAY = ModelUnreachable("The provider is away.", hint="Try later.")


class Client:
    """Asks over ASGI itself, so that it can leave in the middle."""

    def __init__(self, server: Hosted, **fields: Any) -> None:
        messages = [{"role": "user", "content": "Does the Moon have air?"}]
        body = {"model": "understudy/naive", "messages": messages, **fields}
        self._body = json.dumps(body).encode()
        self._server = server
        self.sent: list[dict[str, Any]] = []
        self.heard = asyncio.Event()
        """Set once there is text."""
        self.leave = asyncio.Event()
        self._read = False

    async def ask(self) -> None:
        headers = [(b"host", b"localhost"), (b"authorization", f"Bearer {TOKEN}".encode())]
        scope = {
            "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST",
            "scheme": "http", "path": "/v1/chat/completions", "raw_path": b"/v1/chat/completions",
            "query_string": b"", "root_path": "", "headers": headers,
            "server": ("localhost", 80), "client": ("127.0.0.1", 1),
        }  # fmt: skip
        await self._server.app(scope, self._receive, self._send)

    async def _receive(self) -> dict[str, Any]:
        if not self._read:
            self._read = True
            return {"type": "http.request", "body": self._body, "more_body": False}
        await self.leave.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Any) -> None:
        self.sent.append(message)
        if b"Moon" in message.get("body", b""):
            self.heard.set()


async def soon(task: asyncio.Task[None]) -> None:
    async with asyncio.timeout(20):
        await task


async def test_a_client_that_leaves_a_stream_ends_the_ask_at_once() -> None:
    async with hosted([ENDLESS]) as server:
        client = Client(server, stream=True)
        task = asyncio.create_task(client.ask())
        async with asyncio.timeout(20):
            await client.heard.wait()
        assert server.admission.running == 1
        client.leave.set()
        await soon(task)
        assert server.admission.running == 0
        model = server.hosting.model
        assert isinstance(model, Scripted)
        assert model.abandoned == 1
    assert not any(DONE in message.get("body", b"") for message in client.sent)


async def test_a_client_that_leaves_before_a_whole_answer_ends_the_ask_too() -> None:
    async with hosted([ENDLESS]) as server:
        client = Client(server)
        task = asyncio.create_task(client.ask())
        async with asyncio.timeout(20):
            while not server.admission.running:
                await asyncio.sleep(0)
        client.leave.set()
        await soon(task)
        assert server.admission.running == 0


async def test_a_server_that_ends_lets_a_stream_end_with_what_it_has() -> None:
    async with hosted([ENDLESS]) as server:
        client = Client(server, stream=True)
        task = asyncio.create_task(client.ask())
        async with asyncio.timeout(20):
            await client.heard.wait()
        server.admission.drain("The server is ending.")
        await soon(task)
    body = b"".join(message.get("body", b"") for message in client.sent).decode()
    assert body.endswith(DONE.decode())
    last = json.loads(body.split("\n\n")[-3].removeprefix("data: "))
    assert last["choices"][0]["finish_reason"] == "stop"
    assert "The server is ending." in last["understudy"]["note"]


@pytest.mark.parametrize("stream", [False, True])
async def test_a_model_that_fails_before_it_speaks_is_a_status_and_a_hint(stream: bool) -> None:
    async with hosted([ScriptedReply(error=AWAY)]) as server:
        response = await server.chat("Does the Moon have air?", stream=stream)
    assert response.status_code == 503
    assert response.json()["error"]["message"] == "The provider is away."
    assert response.json()["error"]["hint"] == "Try later."
    assert int(response.headers["retry-after"]) > 0


async def test_what_fails_in_mid_stream_is_an_event_before_the_end() -> None:
    async def events() -> AsyncGenerator[bytes, None]:
        yield b"data: {}\n\n"
        raise Refused(429, "Enough for now.", code="too_many")

    lines: list[dict[str, Any]] = []
    metrics = Metrics()
    sent = await whole(events(), lines=lines, metrics=metrics)
    *_, error, done, rest = sent.split("\n\n")
    assert json.loads(error.removeprefix("data: "))["error"]["message"] == "Enough for now."
    assert (done, rest) == ("data: [DONE]", "")
    assert (lines[-1]["status"], lines[-1]["code"]) == (200, "too_many")
    assert b'understudy_refused_total{code="too_many"} 1.0' in metrics.text()


async def test_a_bug_in_mid_stream_is_logged_without_its_words_and_not_told_the_client() -> None:
    async def events() -> AsyncGenerator[bytes, None]:
        yield b"data: {}\n\n"
        raise RuntimeError("secret")

    lines: list[dict[str, Any]] = []
    sent = await whole(events(), lines=lines)
    assert "secret" not in sent + str(lines)
    assert [line["event"] for line in lines] == ["bug", "request"]
    assert lines[0]["error"] == "RuntimeError"
    assert "test_streaming.py" in lines[0]["places"][-1]
    assert '"internal_error"' in sent
    assert sent.endswith(DONE.decode())


async def test_what_is_refused_before_the_first_event_is_raised_to_have_a_status() -> None:
    async def events() -> AsyncGenerator[bytes, None]:
        yield b": at work\n\n"
        raise Refused(429, "Too much.", code="too_many_requests")

    with pytest.raises(Refused, match="Too much"):
        await send_all(events(), lambda message: None)


async def test_who_is_refused_after_a_long_wait_for_a_place_gets_a_status_and_when_to_come_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(streaming, "KEEP_ALIVE", 0.001)
    admission = Admission(running=1, patience=0.05)
    async with (
        hosted(["Never asked."], admission=admission) as server,
        admission.admit(User("bob")),
    ):
        response = await server.chat("Does the Moon have air?", stream=True)
    assert response.status_code == 429
    assert int(response.headers["retry-after"]) >= 1


async def test_a_silent_stream_is_kept_alive_by_comments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streaming, "KEEP_ALIVE", 0.01)
    alive = asyncio.Event()

    async def events() -> AsyncGenerator[bytes, None]:
        yield comment("begun")
        await alive.wait()
        yield b"data: {}\n\n"

    sent = await whole(events(), heard=lambda message: alive.set())
    assert sent.startswith(": still at work\n\n")
    assert sent.endswith("data: {}\n\n" + DONE.decode())


async def test_a_client_that_takes_nothing_for_long_counts_as_gone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(streaming, "STALLED", 0.01)
    closed = asyncio.Event()

    async def events() -> AsyncGenerator[bytes, None]:
        try:
            while True:
                yield b"data: {}\n\n"
        finally:
            closed.set()

    async def receive() -> Any:
        await asyncio.Event().wait()

    async def send(message: Any) -> None:
        if message["type"] == "http.response.body":
            await asyncio.Event().wait()

    async with asyncio.timeout(20):
        await EventStream(events())({"type": "http"}, receive, send)
    assert closed.is_set()


async def test_work_ends_with_whoever_waits_for_it() -> None:
    ended = asyncio.Event()

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    async def receive() -> dict[str, Any]:
        return {"type": "http.disconnect"}

    with pytest.raises(ClientGone):
        await until_gone(receive, work())
    assert ended.is_set()


async def test_many_streams_side_by_side_each_get_their_own_answer() -> None:
    async with hosted(settings={"model": "embedded"}) as server:
        questions = {
            "Does the Moon have air?": "moon.md",
            "Who is the harbour master?": "harbour.txt",
            "Which two moons has Mars?": "mars.md",
        }
        asked = [question for question in questions for _ in range(4)]
        answers = await asyncio.gather(*(server.chat(q, stream=True) for q in asked))
    for question, answer in zip(asked, answers, strict=True):
        events = events_of(answer)
        source = events[-1]["understudy"]["citations"][0]["source"]
        assert source.endswith(questions[question])
        assert text_of(events).count("Sources:") == 1


async def whole(
    events: AsyncGenerator[bytes, None],
    *,
    heard: Callable[[Any], object] = lambda message: None,
    lines: list[dict[str, Any]] | None = None,
    metrics: Metrics | None = None,
) -> str:
    """All that a stream sends to a client that stays; what is logged of it goes to `lines`."""
    sent: list[bytes] = []

    def log(event: str, **fields: object) -> None:
        if lines is not None:
            lines.append({"event": event, **fields})

    def note(message: Any) -> None:
        sent.append(message.get("body", b""))
        heard(message)

    await send_all(
        events, note, lambda stream: Observed(stream, metrics=metrics or Metrics(), log=log)
    )
    return b"".join(sent).decode()


async def send_all(
    events: AsyncGenerator[bytes, None],
    note: Callable[[Any], object],
    around: Callable[[EventStream], Any] = lambda stream: stream,
) -> None:
    async def receive() -> Any:
        await asyncio.Event().wait()

    async def send(message: Any) -> None:
        note(message)

    async with asyncio.timeout(20):
        await around(EventStream(events))({"type": "http", "headers": []}, receive, send)
