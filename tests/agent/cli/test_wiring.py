from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from agent.config import Config
from agent.errors import ConfigError, SessionNotFound, TranscriptError
from agent.models.gateway import Gateway
from agent.modes.base import Mode
from agent.wiring import MODES, Parts


def parts(tmp_path: Path, *, env: dict[str, str] | None = None, **settings: object) -> Parts:
    env = {"AGENT_HOME": str(tmp_path), "AGENT_EMBEDDER": "none", **(env or {})}
    return Parts.from_env(settings, env=env)


def test_the_modes_on_offer_are_the_modes_there_are(tmp_path: Path) -> None:
    modes: dict[str, Mode] = dict(parts(tmp_path).modes())
    assert tuple(modes) == MODES
    assert Config().mode in MODES
    assert all(mode.name == name for name, mode in modes.items())


def test_a_library_is_a_name_or_the_path_of_a_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    root = parts(tmp_path).paths.libraries
    assert parts(tmp_path).library_root == root / "default"
    assert parts(tmp_path, library="work").library_root == root / "work"
    assert parts(tmp_path, library="./x").library_root == tmp_path / "x" / ".understudy"
    assert parts(tmp_path, library=".understudy").library_root == tmp_path / ".understudy"
    assert parts(tmp_path, library="a/b").library_root == tmp_path / "a" / "b" / ".understudy"
    with pytest.raises(ConfigError):
        _ = parts(tmp_path, library="").library_root


def test_each_part_is_made_once(tmp_path: Path) -> None:
    made = parts(tmp_path, embedder="minilm")
    assert made.embedder is made.embedder
    assert made.model is made.model
    assert parts(tmp_path).embedder is None


def test_any_other_name_is_a_model_of_the_gateway(tmp_path: Path) -> None:
    model = parts(tmp_path, model="openai/gpt-x").model
    assert isinstance(model, Gateway)
    assert model.name == "openai/gpt-x"


def test_a_key_is_taken_from_the_named_variable(tmp_path: Path) -> None:
    env = {"MY_KEY": "secret"}
    assert parts(tmp_path).api_key is None
    assert parts(tmp_path, env=env, api_key_env="MY_KEY").api_key == "secret"
    with pytest.raises(ConfigError) as caught:
        _ = parts(tmp_path, api_key_env="MY_KEY").api_key
    assert "MY_KEY" in caught.value.hint


def test_an_answer_is_worth_more_than_its_record(tmp_path: Path) -> None:
    told: list[str] = []
    made = parts(tmp_path, model="embedded")
    made = Parts(made.paths, made.config, env={}, notify=told.append)
    made.paths.transcripts.mkdir(parents=True)  # a folder where the file should be
    with made.open_session() as session:
        assert session.id is None
    assert "not being kept" in told[0]
    with pytest.raises(TranscriptError), made.open_session(last=True):
        pass


def test_to_go_on_where_nothing_began_is_to_begin(tmp_path: Path) -> None:
    told: list[str] = []
    made = parts(tmp_path)
    made = Parts(made.paths, made.config, env={}, notify=told.append)
    with made.open_session(last=True) as session:
        assert session.id is None
    assert told == ["There is no session to go on with: this begins one."]
    with pytest.raises(SessionNotFound), made.open_session(resume="x"):
        pass


def test_the_embedder_gets_its_own_key_and_address_and_never_the_models(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: dict[str, object] = {}

    class Recording:
        def __init__(self, name: str, **options: object) -> None:
            given.update(options, name=name)

    monkeypatch.setattr("agent.models.embedding_gateway.GatewayEmbedder", Recording)
    env = {"CHAT_KEY": "chat secret", "VECTOR_KEY": "vector secret"}
    settings: dict[str, Any] = {
        "embedder": "voyage/x",
        "api_base": "http://chat/v1",
        "api_key_env": "CHAT_KEY",
    }
    _ = parts(tmp_path, env=env, **settings).embedder
    assert (given["name"], given["api_base"], given["api_key"]) == ("voyage/x", None, None)
    settings |= {"embedder_api_base": "http://vectors/v1", "embedder_api_key_env": "VECTOR_KEY"}
    _ = parts(tmp_path, env=env, **settings).embedder
    assert (given["api_base"], given["api_key"]) == ("http://vectors/v1", "vector secret")
    with pytest.raises(ConfigError, match="embedder_api_key_env"):
        _ = parts(tmp_path, **settings).embedder


def test_a_linked_folder_library_is_the_link_that_was_named(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / ".understudy").symlink_to(tmp_path / "disk")
    link = tmp_path / ".understudy"
    assert parts(tmp_path, library=str(link)).library_root == link


def test_the_server_of_a_shared_library_gets_nothing_of_a_folder_library(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "project" / ".understudy").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "project")
    url = "http://127.0.0.1:9"

    def place(**settings: str) -> str:
        with parts(tmp_path, chroma_url=url, **settings).open_library(create=True) as library:
            return library._shelves.shelf.store.place

    assert place(chroma_collection="team") == ""
    assert place() == url
    assert place(chroma_collection="team", library="default") == f"{url} (team)"
