"""Users and their keys: what is kept, and how changes reach a server that runs."""

from __future__ import annotations

import json
import stat
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from agent.budget import Limits
from agent.errors import ConfigError, UsageError
from agent.server.keys import PREFIX, Keys
from agent.server.users import ALL, OWNER, User

ADA = User(
    "ada", id="0123456789abcdef", reads=("default", "papers"), writes=("notes",),
    limits=Limits(cost=0.5, steps=4), day_cost=2.0, per_minute=30,
)  # fmt: skip


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "settings" / "users.json"


def test_a_key_finds_its_user_with_all_rights_and_limits(file: Path) -> None:
    key = Keys(file).add(ADA)
    assert key.startswith(PREFIX)
    assert len(key) >= len(PREFIX) + 43  # 256 bits
    assert Keys(file).user(key) == ADA


@pytest.mark.parametrize("key", ["", "und_", "und_wrong", "ada", "é", "\udcff"])
def test_another_key_finds_nobody(file: Path, key: str) -> None:
    keys = Keys(file)
    keys.add(ADA)
    assert keys.user(key) is None


def test_the_file_holds_no_key_and_is_private(file: Path) -> None:
    key = Keys(file).add(ADA)
    assert key not in file.read_text()
    assert key.removeprefix(PREFIX) not in file.read_text()
    if sys.platform != "win32":
        assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_running_server_learns_of_added_changed_and_removed_users(file: Path) -> None:
    serving, elsewhere = Keys(file), Keys(file)
    assert serving.user("und_x") is None
    key = elsewhere.add(ADA)
    assert serving.user(key) == ADA
    elsewhere.change("ada", lambda user: replace(user, per_minute=None))
    assert serving.user(key) == replace(ADA, per_minute=None)
    other = elsewhere.renew("ada")
    assert serving.user(key) is None
    assert serving.user(other) is not None
    elsewhere.remove("ada")
    assert serving.user(other) is None


def test_a_file_that_breaks_while_the_server_runs_changes_nothing_and_is_told_once(
    file: Path,
) -> None:
    said: list[str] = []
    serving = Keys(file, complain=said.append)
    key = serving.add(ADA)
    assert serving.user(key) == ADA
    file.write_text("{")
    assert serving.user(key) == ADA
    assert serving.user(key) == ADA
    assert len(said) == 1
    assert str(file) in said[0]


def test_the_owners_key_is_that_of_the_run_and_may_do_all(file: Path) -> None:
    keys = Keys(file, token="und_of_this_run")
    owner = keys.user("und_of_this_run")
    assert owner is not None
    assert owner.is_owner
    assert owner.may_write("anything")
    assert keys.users() == ()


@pytest.mark.parametrize("name", [OWNER, "", "Ada", "a/b", "..", "a b", "-a", "x" * 33, "naïve"])
def test_a_name_that_could_be_a_way_out_of_a_folder_is_refused(file: Path, name: str) -> None:
    with pytest.raises(UsageError, match=r"name|starts the server"):
        Keys(file).add(replace(ADA, name=name))


def test_a_name_is_given_once(file: Path) -> None:
    key = Keys(file).add(ADA)
    with pytest.raises(UsageError, match="already"):
        Keys(file).add(replace(ADA, reads=(ALL,)))
    assert Keys(file).user(key) == ADA


def test_who_is_not_there_can_be_neither_changed_nor_removed(file: Path) -> None:
    keys = Keys(file)
    for change in (keys.remove, keys.renew, lambda name: keys.change(name, lambda user: user)):
        with pytest.raises(UsageError, match="no user 'bob'"):
            change("bob")


def one(wrong: str) -> str:
    """A file of one user, with one thing wrong: JSON takes the last of several."""
    good = f'"name": "a", "id": "{"0" * 16}", "key_sha256": "{"0" * 64}"'
    return f'{{"version": 1, "users": [{{{good}, {wrong}}}]}}'


@pytest.mark.parametrize(
    "users",
    [
        "{}",
        "[]",
        '{"version": 2, "users": []}',
        '{"version": 1, "users": [{"name": "ada"}]}',
        one('"name": "../x"'),
        one('"id": "../../x"'),
        one('"key_sha256": "short"'),
        one('"reads": "b"'),
        one('"day_cost": -1'),
        one('"per_minute": 1.5'),
        one('"files_mb": 0.5'),
        "\x00",
    ],
)
def test_a_file_of_another_kind_is_named_and_never_overwritten(file: Path, users: str) -> None:
    file.parent.mkdir()
    file.write_text(users)
    with pytest.raises(ConfigError, match="users") as caught:
        Keys(file).users()
    assert "mv " in caught.value.hint
    with pytest.raises(ConfigError):
        Keys(file).add(ADA)
    assert file.read_text() == users


def test_every_user_added_is_another_even_under_the_same_name(file: Path) -> None:
    keys = Keys(file)
    first = keys.user(keys.add(User("ada")))
    keys.remove("ada")
    second = keys.user(keys.add(User("ada")))
    assert first is not None
    assert second is not None
    assert first.kept_as != second.kept_as


def test_several_may_ask_once_there_is_one_beside_the_owner(file: Path) -> None:
    keys = Keys(file, token="und_of_this_run")
    assert not keys.several
    keys.add(ADA)
    assert keys.several


def test_what_is_written_is_readable_by_a_person(file: Path) -> None:
    Keys(file).add(ADA)
    (user,) = json.loads(file.read_text())["users"]
    assert user["name"] == "ada"
    assert user["reads"] == ["default", "papers"]
    assert user["max_cost"] == 0.5
