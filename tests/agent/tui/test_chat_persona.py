"""Who says the answers: chosen in the chat, named in the status line, the plain answer beside."""

from __future__ import annotations

from agent.config import Config
from agent.events import Done, Revision, Token
from agent.paths import Paths
from agent.tui.app import Chat
from agent.tui.screens.settings import SettingsScreen
from agent.tui.widgets.status import StatusLine
from tests.agent.tui.chat_host import FakeHost, answers, ask, opened, rows, said, send, told, until
from tests.fakes import ScriptedMode

WIDE = (160, 40)
TEXTS = {"moon.txt": "The Moon does not have air."}
PLAIN = "The Moon does not have air. [1]"


def status(app: Chat) -> str:
    return str(app.query_one(StatusLine).render())


async def test_a_persona_says_the_answers_until_it_is_taken_off() -> None:
    app = Chat(FakeHost(texts=TEXTS))
    async with app.run_test(size=WIDE) as pilot:
        await opened(app, pilot)
        assert " as " not in status(app)
        await send(app, pilot, "/persona casual")
        await until(pilot, lambda: "as casual" in status(app))
        await ask(app, pilot, "Does the Moon have air?")
        answer = app.transcript.answers[0]
        assert "doesn't have air" in answer.text
        assert answer.plain == PLAIN
        await send(app, pilot, "/persona none")
        await until(pilot, lambda: "as casual" not in status(app))
        await ask(app, pilot, "Does the Moon have air?")
        assert answers(app)[-1] == PLAIN
    assert Config.load(Paths.from_env()).persona == "none"


async def test_a_key_shows_the_plain_answer_below_the_personas() -> None:
    app = Chat(FakeHost(texts=TEXTS))
    async with app.run_test(size=WIDE) as pilot:
        await opened(app, pilot)
        await send(app, pilot, "/persona casual")
        await until(pilot, lambda: app.talk.ready and app.talk.host.persona == "casual")
        await ask(app, pilot, "Does the Moon have air?")
        assert "does not have air" not in rows(app.transcript)
        app.transcript.focus()
        await pilot.press("p")
        await until(pilot, said(app, "The Moon does not have air."))
        await pilot.press("p")
        await until(pilot, lambda: "does not have air" not in rows(app.transcript))


async def test_the_plain_text_streams_first_and_is_then_replaced() -> None:
    spoken = "Well, it doesn't."
    mode = ScriptedMode(
        Token("It does "), Token("not."), Revision("It does not.", spoken),
        Done(spoken, "grounded", "played", "m", persona="casual"), name="played",
    )  # fmt: skip
    app = Chat(FakeHost(mode))
    async with app.run_test(size=WIDE) as pilot:
        await ask(app, pilot, "q")
        assert answers(app) == [spoken]
        shown = rows(app.transcript)
        assert shown.count("doesn't") == 1
        assert "does not" not in shown
        assert app.transcript.check_action("plain", ())


async def test_the_personas_are_listed_and_completed() -> None:
    app = Chat(FakeHost())
    async with app.run_test(size=WIDE) as pilot:
        await opened(app, pilot)
        offered = [each.text for each in app.commands.completions("/persona ")]
        assert {"butler", "casual", "none"} <= set(offered)
        await send(app, pilot, "/persona")
        await until(pilot, said(app, "Answers are plain. /persona NAME takes another"))
        assert "casual  " in rows(app.transcript)


async def test_a_persona_that_is_none_leaves_the_one_that_is_worn() -> None:
    app = Chat(FakeHost())
    async with app.run_test(size=WIDE) as pilot:
        await opened(app, pilot)
        await send(app, pilot, "/persona casual")
        await until(pilot, lambda: "as casual" in status(app))
        await send(app, pilot, "/persona pirate")
        await until(pilot, said(app, "There is no persona 'pirate'."))
        assert app.talk.host.persona == "casual"


async def test_a_persona_is_kept_by_the_settings_and_a_wrong_one_is_not_written() -> None:
    app = Chat(FakeHost())
    async with app.run_test(size=(100, 30)) as pilot:
        await opened(app, pilot)
        await send(app, pilot, "/settings")
        await until(pilot, lambda: isinstance(app.screen, SettingsScreen))
        screen = app.screen
        assert isinstance(screen, SettingsScreen)
        await until(pilot, lambda: "persona" in screen.keys)
        screen.rows.highlighted = screen.keys.index("persona")
        await pilot.press("enter")
        await until(pilot, lambda: "butler, casual" in str(screen.query_one("#note").render()))
        for typed in ("pirate", "butler"):
            screen.query_one("#ask").value = typed  # type: ignore[attr-defined]
            await pilot.press("enter")
            if typed == "pirate":
                await until(pilot, lambda: any("no persona 'pirate'" in note for note in told(app)))
                assert Config.load(Paths.from_env()).persona == "none"
        await until(pilot, lambda: app.talk.host.persona == "butler")
        await pilot.press("escape")
        await until(pilot, lambda: "as butler" in status(app))
    assert Config.load(Paths.from_env()).persona == "butler"
