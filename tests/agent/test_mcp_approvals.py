"""Who may call what, for how long, and the rule above all answers."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from agent.approvals import (
    Answer,
    Approvals,
    Decision,
    Exposure,
    Request,
    Trust,
    Use,
)
from agent.errors import ConfigError
from agent.mcp_entry import Entry
from knowledge.types import Passage

USE = Use("mail", "entry", "send", "digest", {"to": "a"}, sends_out=True)


class Person:
    """Answers as told, and remembers what was asked; says no when there is no answer left."""

    def __init__(self, *answers: Answer | Decision) -> None:
        self.asked: list[Request] = []
        self._answers = [Decision(a) if isinstance(a, str) else a for a in answers]

    async def __call__(self, request: Request) -> Decision:
        self.asked.append(request)
        return self._answers.pop(0) if self._answers else Decision()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "config" / "mcp-approvals.json"


def both() -> Exposure:
    exposure = Exposure()
    exposure.private = exposure.untrusted = True
    return exposure


async def test_where_nobody_can_be_asked_nothing_is_allowed(file: Path) -> None:
    assert "did not allow send of mail" in await Approvals(file).refusal(USE, Exposure())


async def test_once_is_asked_again(file: Path) -> None:
    person = Person("once", "deny")
    approvals = Approvals(file, person)
    assert await approvals.refusal(USE, Exposure()) == ""
    assert await approvals.refusal(USE, Exposure())
    assert json.loads(person.asked[0].detail) == {"to": "a"}


async def test_the_session_ends_with_the_object(file: Path) -> None:
    person = Person("session")
    approvals = Approvals(file, person)
    assert await approvals.refusal(USE, Exposure()) == ""
    assert await approvals.refusal(replace(USE, arguments={"to": "b"}), Exposure()) == ""
    assert await Approvals(file).refusal(USE, Exposure())
    assert len(person.asked) == 1


async def test_always_and_never_are_kept(file: Path) -> None:
    other = replace(USE, tool="wipe")
    approvals = Approvals(file, Person("always", "never"))
    assert await approvals.refusal(USE, Exposure()) == ""
    assert await approvals.refusal(other, Exposure())
    person = Person()
    later = Approvals(file, person)
    assert await later.refusal(USE, Exposure()) == ""
    assert "never allows" in await later.refusal(other, Exposure())
    assert person.asked == []
    assert file.stat().st_mode & 0o077 == 0


async def test_an_answer_may_be_for_these_arguments_only(file: Path) -> None:
    person = Person(Decision("always", exactly=True), "deny")
    approvals = Approvals(file, person)
    assert await approvals.refusal(USE, Exposure()) == ""
    assert await approvals.refusal(USE, Exposure()) == ""
    assert await approvals.refusal(replace(USE, arguments={"to": "b"}), Exposure())


async def test_a_tool_that_is_described_otherwise_asks_again(file: Path) -> None:
    person = Person("always", "deny")
    approvals = Approvals(file, person)
    await approvals.refusal(USE, Exposure())
    assert await approvals.refusal(replace(USE, definition="other"), Exposure())
    assert "otherwise than when you allowed it" in person.asked[1].reason


async def test_never_holds_however_a_tool_is_described(file: Path) -> None:
    person = Person("never")
    approvals = Approvals(file, person)
    await approvals.refusal(USE, Exposure())
    assert "never allows" in await approvals.refusal(
        replace(USE, definition="other", approved=True), Exposure()
    )
    assert len(person.asked) == 1


async def test_another_server_of_the_same_name_inherits_nothing(file: Path) -> None:
    approvals = Approvals(file, Person("always"))
    await approvals.refusal(USE, Exposure())
    assert await approvals.refusal(replace(USE, entry="other"), Exposure())


async def test_what_the_configuration_allows_is_not_asked_until_it_changes(file: Path) -> None:
    person = Person("deny")
    use = replace(USE, approved=True)
    assert await Approvals(file, person).refusal(use, Exposure()) == ""
    assert person.asked == []
    assert await Approvals(file, person).refusal(replace(use, definition="new"), Exposure())
    assert len(person.asked) == 1


async def test_with_private_and_strangers_text_read_what_can_send_asks_whatever_was_allowed(
    file: Path,
) -> None:
    person = Person("always", "once", "deny")
    approvals = Approvals(file, person)
    assert await approvals.refusal(USE, Exposure()) == ""
    assert await approvals.refusal(USE, both()) == ""
    assert await approvals.refusal(replace(USE, approved=True), both())
    assert "strangers" in person.asked[1].reason
    assert "always" not in person.asked[1].choices


async def test_a_tool_that_sends_nothing_does_not_ask_again_whatever_was_read(file: Path) -> None:
    use = replace(USE, sends_out=False)
    approvals = Approvals(file, Person("always"))
    assert await approvals.refusal(use, Exposure()) == ""
    assert await approvals.refusal(use, both()) == ""


def test_web_pages_of_the_library_are_strangers_and_files_are_private() -> None:
    def passage(source: str) -> Passage:
        return Passage("c", "d", source, "", "", 0, 1, "x", 1.0)

    exposure = Exposure()
    exposure.passages([passage("/home/u/notes.md")])
    assert (exposure.private, exposure.untrusted) == (True, False)
    exposure.passages([passage("https://example.org/")])
    assert exposure.both


async def test_broken_answers_are_an_error_that_says_what_to_do(file: Path) -> None:
    file.parent.mkdir()
    file.write_text("{")
    with pytest.raises(ConfigError, match="cannot be read") as caught:
        await Approvals(file).refusal(USE, Exposure())
    assert "mv " in caught.value.hint


PROJECT = Entry("p", "project", "/p/.mcp.json", command="run", args=("it",))


async def test_a_projects_command_is_asked_once_and_remembered(file: Path) -> None:
    person = Person("always")
    trust = Trust(file, person)
    assert await trust.may_run(PROJECT)
    assert await Trust(file).may_run(PROJECT)
    (asked,) = person.asked
    assert asked.detail == "run it"
    assert asked.kind == "command"


async def test_a_projects_command_that_has_changed_is_asked_again(file: Path) -> None:
    await Trust(file, Person("always")).may_run(PROJECT)
    assert not await Trust(file).may_run(replace(PROJECT, args=("another",)))


async def test_a_refused_command_is_not_asked_twice_in_a_run(file: Path) -> None:
    person = Person("deny")
    trust = Trust(file, person)
    assert not await trust.may_run(PROJECT)
    assert not await trust.may_run(PROJECT)
    assert len(person.asked) == 1


async def test_the_users_own_servers_are_not_asked_about(file: Path) -> None:
    assert await Trust(file).may_run(replace(PROJECT, source="user"))


async def test_a_tool_that_changes_within_a_session_asks_again_and_says_why(file: Path) -> None:
    person = Person("session", "deny")
    approvals = Approvals(file, person)
    await approvals.refusal(USE, Exposure())
    assert await approvals.refusal(replace(USE, definition="other"), Exposure())
    assert "otherwise than when you allowed it" in person.asked[1].reason


async def test_a_tool_by_another_name_inherits_nothing(file: Path) -> None:
    person = Person("always", "deny")
    approvals = Approvals(file, person)
    await approvals.refusal(USE, Exposure())
    assert await approvals.refusal(replace(USE, tool="send "), Exposure())
    assert await approvals.refusal(replace(USE, server="mail2", entry="other"), Exposure())


VARIABLE = replace(PROJECT, command="${SERVER}", args=("${NOTES:-/notes}",), env={"A": "${KEY}"})


async def test_a_projects_command_is_shown_with_what_its_variables_are(file: Path) -> None:
    person = Person("deny")
    env = {"SERVER": "/bin/sh", "KEY": "x", "API_KEY": "hidden"}
    await Trust(file, person, env=env).may_run(VARIABLE)
    await Trust(file, person, env=env).may_run(replace(VARIABLE, args=("${API_KEY}",)))
    assert person.asked[0].detail.splitlines() == [
        "'A=${KEY}' '${SERVER}' '${NOTES:-/notes}'", "SERVER is now '/bin/sh'",
    ]  # fmt: skip
    assert person.asked[1].detail.splitlines()[1:] == [
        "SERVER is now '/bin/sh'", "API_KEY is now a secret",
    ]  # fmt: skip


async def test_a_project_hides_no_command_behind_a_name_that_sounds_like_a_key(file: Path) -> None:
    person = Person("deny")
    entry = replace(PROJECT, env={"GIT_ASKPASS": "/tmp/evil.sh"})
    await Trust(file, person).may_run(entry)
    assert person.asked[0].detail == "GIT_ASKPASS=/tmp/evil.sh run it"
    assert "evil" not in entry.shown


async def test_a_projects_command_that_a_variable_makes_another_is_asked_again(file: Path) -> None:
    env = {"SERVER": "/usr/bin/good", "KEY": "x"}
    assert await Trust(file, Person("always"), env=env).may_run(VARIABLE)
    assert await Trust(file, env=env | {"KEY": "renewed"}).may_run(VARIABLE)
    assert not await Trust(file, env=env | {"SERVER": "/tmp/evil"}).may_run(VARIABLE)
    assert not await Trust(file, env=env | {"NOTES": "/etc"}).may_run(VARIABLE)
    assert "x" not in json.loads(file.read_text())["servers"]


async def test_a_projects_command_whose_variable_is_not_set_is_not_asked_about(file: Path) -> None:
    person = Person("always")
    with pytest.raises(ConfigError, match="SERVER, which is not set"):
        await Trust(file, person, env={}).may_run(VARIABLE)
    assert person.asked == []


async def test_an_answer_that_was_not_offered_is_no_yes(file: Path) -> None:
    approvals = Approvals(file, Person("always", "session"))
    assert await approvals.refusal(USE, both())
    assert await approvals.refusal(USE, both())
    assert not file.exists()


async def test_a_projects_command_that_cannot_be_shown_whole_is_not_offered(file: Path) -> None:
    person = Person("always")
    padded = replace(PROJECT, args=(" " * 5000, "; rm -rf ~"))
    with pytest.raises(ConfigError, match="too long to be looked at"):
        await Trust(file, person).may_run(padded)
    assert person.asked == []
