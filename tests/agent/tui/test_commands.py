from __future__ import annotations

import pytest

from agent.errors import UsageError
from agent.tui.commands import Command, Commands, Completion, is_command, split


def commands(ran: list[str] | None = None, report: list[str] | None = None) -> Commands:
    seen = [] if ran is None else ran

    def noting(name: str) -> Command:
        async def run(rest: str) -> None:
            if rest == "fail":
                raise UsageError("It went wrong.", hint="Type another.")
            seen.append(f"{name}:{rest}")

        return Command(name, f"Does {name}.", run, usage="[on|off]", complete=choices)

    def choices(rest: str) -> list[Completion]:
        return [Completion(text) for text in ("on", "off") if text.startswith(rest)]

    made = Commands(None if report is None else report.append)
    made.register(*map(noting, ("model", "mode", "remodel")))
    return made


def test_a_name_is_found_with_its_slash_and_without() -> None:
    assert commands().find("/mode").name == commands().find("MODE").name == "mode"


def test_a_wrong_name_offers_the_nearest() -> None:
    with pytest.raises(UsageError, match="There is no command /remodle") as error:
        commands().find("/remodle")
    assert error.value.hint == "Did you mean /remodel?"
    with pytest.raises(UsageError) as error:
        commands().find("/xyzzy")
    assert error.value.hint == "/help lists them."


def test_one_name_is_registered_once() -> None:
    made = commands()
    with pytest.raises(ValueError, match="mode"):
        made.register(made.find("mode"))


def test_names_are_completed_the_whole_name_first_and_parts_last() -> None:
    assert [c.text for c in commands().completions("/mode")] == ["/mode", "/model", "/remodel"]
    assert commands().completions("/mode")[0].about == "Does mode."
    assert commands().completions("/x") == []


def test_arguments_are_completed_by_their_command() -> None:
    assert [c.text for c in commands().completions("/mode o")] == ["on", "off"]
    assert [c.text for c in commands().completions("/mode of")] == ["off"]
    assert commands().completions("/dance o") == []


def test_choices_that_cannot_be_found_out_are_none() -> None:
    async def nothing(rest: str) -> None: ...

    def broken(rest: str) -> list[Completion]:
        raise OSError("disk")

    made = Commands()
    made.register(Command("resume", "Goes on.", nothing, "ID", broken))
    assert made.completions("/resume x") == []


async def test_a_line_is_carried_out_with_what_follows_the_name() -> None:
    ran: list[str] = []
    await commands(ran).run("/mode   a  b ")
    assert ran == ["mode:a  b"]


async def test_what_goes_wrong_is_told_with_its_hint() -> None:
    told: list[str] = []
    made = commands(report=told)
    await made.run("/mode fail")
    await made.run("/dance")
    assert told == [
        "It went wrong. Type another.",
        "There is no command /dance. /help lists them.",
    ]
    with pytest.raises(UsageError):
        await commands().run("/mode fail")


def test_help_is_a_table_of_how_each_is_typed() -> None:
    assert commands().help().splitlines()[1] == "/mode [on|off]     Does mode."


def test_a_question_that_begins_with_a_path_is_no_command() -> None:
    assert is_command("/mode naive")
    assert is_command("/")
    assert not is_command("/etc/hosts: what is it?")
    assert not is_command("a /mode")
    assert split(" /add  a b ") == ("add", "a b")


@pytest.mark.parametrize("gap", ["\n", "\t", " \n ", "\u2003"])
def test_any_white_space_ends_a_commands_name(gap: str) -> None:
    assert is_command(f"/add{gap}/tmp/x")
    assert split(f"/add{gap}/tmp/x y\n") == ("add", "/tmp/x y")
    assert split("/ x") == ("", "x")
    assert split("/") == ("", "")
