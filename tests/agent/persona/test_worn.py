"""A persona in a session and on the command line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agent.card import Card
from agent.cli.printer import TextPrinter
from agent.cli.terminal import Console
from agent.events import Citation, Done, Failed, Revision, Token
from agent.models.scripted import Scripted
from agent.modes.naive import Naive
from agent.persona.restyle import Persona
from agent.persona.voices import Prompted, Tables
from agent.session import Session
from agent.transcripts import Transcripts
from tests.agent.cli.conftest import Agent, agent, home  # noqa: F401
from tests.fakes import EchoModel, MemoryLibrary, ScriptedMode

CARD = Card("pirate", asides=("Arr",))
LAMP = "The lamp of the lighthouse was lit in 1902 by Ada Brown."
QUESTION = "When was the lamp of the lighthouse lit?"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Transcripts]:
    transcripts = Transcripts(tmp_path / "transcripts.db")
    yield transcripts
    transcripts.close()


def session(mode: Any, persona: Persona, store: Transcripts | None = None) -> Session:
    library: Any = MemoryLibrary({"moon.txt": "The Moon has no air."})
    return Session(
        modes={mode.name: mode},
        model=EchoModel(),
        library=library,
        transcripts=store,
        mode=mode.name,
        persona=persona,
    )


async def test_the_plain_answer_streams_first_and_one_revision_replaces_it(
    store: Transcripts,
) -> None:
    asked = session(Naive(), Persona(CARD, Tables(CARD)), store)
    events = [event async for event in asked.ask("Has the Moon air?")]
    plain, voiced = "The Moon has no air. [1]", "Arr, the Moon has no air. [1]"
    assert "".join(e.text for e in events if isinstance(e, Token)) == plain
    kinds = [type(event) for event in events]
    assert kinds.index(Citation) < kinds.index(Revision)
    assert [e for e in events if isinstance(e, Revision)] == [Revision(plain, voiced)]
    last = events[-1]
    assert isinstance(last, Done)
    assert (last.text, last.persona, last.outcome) == (voiced, "pirate", "grounded")
    # What the next prompt is told is the plain answer.
    assert asked.history[-1].content == plain
    assert asked.id is not None
    (turn,) = store.turns(asked.id)
    assert turn.events[-1] == last


async def test_an_answer_that_a_mode_has_revised_is_not_revised_again() -> None:
    mode = ScriptedMode(
        Token("So [1]."), Revision("So [1].", "Thus [1]."), Done("Thus [1].", "grounded", "s", "m")
    )
    events = [e async for e in session(mode, Persona(CARD, Tables(CARD))).ask("?!")]
    assert sum(isinstance(event, Revision) for event in events) == 1
    assert isinstance(events[-1], Done)
    assert events[-1].text == "Thus [1]."


async def test_a_failed_ask_is_not_restyled() -> None:
    mode = ScriptedMode(Token("So"), Failed("no"))
    events = [e async for e in session(mode, Persona(CARD, Tables(CARD))).ask("?!")]
    assert isinstance(events[-1], Failed)


async def test_closing_a_session_closes_the_personas_model() -> None:
    class Closing(Scripted):
        closed = 0

        async def aclose(self) -> None:
            self.closed += 1

    model = Closing([])
    await session(Naive(), Persona(CARD, Prompted(CARD, model))).aclose()
    assert model.closed == 1


@pytest.fixture
def note(agent: Agent, tmp_path: Path) -> Path:  # noqa: F811
    file = tmp_path / "light.txt"
    file.write_text(LAMP)
    assert agent("add", file).code == 0
    return file


def test_what_was_held_back_is_printed_where_the_ask_breaks_off(
    capsys: pytest.CaptureFixture[str],
) -> None:
    for end in ("interrupted", "failed"):
        printer = TextPrinter(Console())
        printer.waits = True
        printer.show(Token("The lamp was"))
        assert capsys.readouterr().out == ""
        if end == "failed":
            printer.show(Failed("It broke."))
        else:
            printer.interrupted()
        assert capsys.readouterr().out == "The lamp was\n"


def test_on_the_command_line_only_the_checked_answer_is_printed(
    agent: Agent,  # noqa: F811
    note: Path,
) -> None:
    ran = agent("ask", "--persona", "sailor", QUESTION)
    assert ran.code == 0
    assert ran.out.startswith("Arr, the lamp of the lighthouse was lit in **1902** by Ada Brown")
    assert ran.out.count("lit in **1902**") == 1
    assert "sailor: 1 of 1 sentence restyled." in ran.err


def test_json_has_the_plain_answer_beside_and_json_lines_stream_it_first(
    agent: Agent,  # noqa: F811
    note: Path,
) -> None:
    data = json.loads(agent("ask", "--persona", "sailor", "--json", QUESTION).out)
    assert data["persona"] == "sailor"
    assert data["answer"].startswith("Arr, the lamp")
    assert data["plain"].startswith("The lamp")
    lines = agent("ask", "--persona", "sailor", "--jsonl", QUESTION).out.splitlines()
    kinds = [json.loads(line)["kind"] for line in lines]
    assert kinds.index("token") < kinds.index("revision")
    assert kinds.count("revision") == 1


def test_a_persona_that_is_put_on_stays_on_until_it_is_taken_off(
    agent: Agent,  # noqa: F811
    note: Path,
) -> None:
    assert agent("persona", "use", "sailor").code == 0
    assert agent("ask", QUESTION).out.startswith("Arr, ")
    plain = json.loads(agent("ask", "--persona", "none", "--json", QUESTION).out)
    assert plain["persona"] is None
    assert "plain" not in plain
    assert "* sailor" in agent("persona", "list").out
    assert agent("persona", "use", "none").code == 0
    assert agent("ask", QUESTION).out.startswith("The lamp")


def test_a_card_that_is_worn_by_its_path_is_starred(
    agent: Agent,  # noqa: F811
    home: Path,  # noqa: F811
    tmp_path: Path,
) -> None:
    file = tmp_path / "voice" / "bard.toml"
    file.parent.mkdir()
    file.write_text('description = "Sings."\nmodel = "rules"\n')
    assert agent("persona", "use", file).code == 0
    starred = [row for row in agent("persona").out.splitlines() if row.startswith("*")]
    assert len(starred) == 1
    assert starred[0].startswith("* bard")
    assert starred[0].endswith(f"Sings. ({file})")
    rows = json.loads(agent("persona", "list", "--json").out)
    assert [(row["name"], row["file"]) for row in rows if row["worn"]] == [("bard", str(file))]
    # One of the user's own, named by its path, is that one.
    own = Path(agent("persona", "new", "host").out.strip())
    assert agent("persona", "use", own).code == 0
    rows = json.loads(agent("persona", "list", "--json").out)
    assert [row["name"] for row in rows if row["worn"]] == ["host"]
    assert len(rows) == 4
    assert agent("persona", "use", file).code == 0
    file.unlink()
    ran = agent("persona")
    assert ran.code == 0
    assert "bard.toml cannot be read" in ran.err


def test_an_unknown_persona_is_a_wrong_setting_before_anything_is_asked(
    agent: Agent,  # noqa: F811
    note: Path,
) -> None:
    for words in (("ask", "--persona", "nobody", QUESTION), ("persona", "use", "nobody")):
        ran = agent(*words)
        assert ran.code == 2
        assert ran.out == ""
        assert "There is no persona 'nobody'" in ran.err


def test_a_new_card_is_written_shown_listed_and_never_written_over(
    agent: Agent,  # noqa: F811
    home: Path,  # noqa: F811
) -> None:
    made = agent("persona", "new", "bard", "--from", "butler", "--description", "A bard.")
    assert made.code == 0
    file = Path(made.out.strip())
    assert file == home / "personas" / "bard.toml"
    assert 'description = "A bard."' in agent("persona", "show", "bard").out
    rows = json.loads(agent("persona", "list", "--json").out)
    assert [(row["name"], row["built_in"]) for row in rows] == [
        ("bard", False), ("butler", True), ("casual", True), ("sailor", True)
    ]  # fmt: skip
    file.write_text('description = "edited"\n')
    again = agent("persona", "new", "bard")
    assert again.code == 2
    assert "is there already" in again.err
    assert "edited" in file.read_text()
    assert agent("persona", "new", "../x").code == 2


def test_a_new_card_may_wear_an_adapter(agent: Agent, tmp_path: Path) -> None:  # noqa: F811
    made = agent(
        "persona", "new", "mine", "--model", "local:w", "--adapter", tmp_path / "voice",
        "--scale", "0.5", "--keep", "facts",
    )  # fmt: skip
    assert made.code == 0
    shown = json.loads(agent("persona", "show", "mine", "--json").out)
    assert shown["adapter"] == str(tmp_path / "voice")
    assert (shown["model"], shown["scale"], shown["keep"]) == ("local:w", 0.5, "facts")


def test_a_new_card_speaks_with_what_an_export_wrote(
    agent: Agent,  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    out = tmp_path / "voice"
    out.mkdir()
    (out / "export.json").write_text('{"card": "bierce.toml"}')
    (out / "bierce.toml").write_text(
        'model = "local:/base"\nadapter = "adapter"\nkeep = "facts"\n'
        'instruction = "Sing: {text}"\nsystem = "You are a bard."\n'
    )
    monkeypatch.chdir(tmp_path)
    for name, option, where in (
        ("one", "--trained", "voice"),
        ("two", "--from", "voice/bierce.toml"),
    ):
        made = agent("persona", "new", name, option, where, "--scale", "0.8")
        assert made.code == 0, made.err
        shown = json.loads(agent("persona", "show", name, "--json").out)
        assert (shown["model"], shown["adapter"]) == ("local:/base", str(out / "adapter"))
        assert (shown["keep"], shown["scale"]) == ("facts", 0.8)
        assert (shown["instruction"], shown["system"]) == ("Sing: {text}", "You are a bard.")
    both = agent("persona", "new", "x", "--trained", "voice", "--from", "sailor")
    assert both.code == 2
    assert "exclude each other" in both.err


def test_what_is_no_export_is_named_with_the_command_that_makes_one(
    agent: Agent,  # noqa: F811
    tmp_path: Path,
) -> None:
    run = tmp_path / "run"
    run.mkdir()
    for text in (None, "{}", "[", '{"card": "../../secret.toml"}', '{"card": 3}'):
        if text is not None:
            (run / "export.json").write_text(text)
        made = agent("persona", "new", "mine", "--trained", run)
        assert made.code == 2
        assert f"{run} is no export" in made.err.replace("\n", " ")
        assert f"agent finetune export {run} --out FOLDER" in made.err.replace("\n", " ")


def test_a_broken_card_is_named_and_the_others_are_listed(agent: Agent, home: Path) -> None:  # noqa: F811
    (home / "personas").mkdir(parents=True)
    (home / "personas" / "bad.toml").write_text("x")
    ran = agent("persona")
    assert ran.code == 0
    assert "sailor" in ran.out
    assert "bad.toml is not valid TOML" in ran.err
