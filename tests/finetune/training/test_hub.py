from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import huggingface_hub
import pytest
from huggingface_hub import errors

from finetune.training import hub

_PAGE = httpx.Request("GET", "http://hub.invalid/api/models/house/voice")


def refused(kind: type[Exception], status: int) -> Exception:
    made: Any = kind
    error = made("No.", response=httpx.Response(status, request=_PAGE))
    assert isinstance(error, Exception)
    return error


@pytest.fixture
def hub_that(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """Makes the hub raise an error, or say that it has the model."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))

    def answer(said: Exception | None) -> list[str]:
        asked: list[str] = []

        def model_info(self: Any, name: str, **settings: Any) -> Any:
            asked.append(name)
            if said is not None:
                raise said
            return SimpleNamespace(sha="c0ffee")

        monkeypatch.setattr(huggingface_hub.HfApi, "model_info", model_info)
        return asked

    return answer


def test_a_folder_is_not_asked_for(hub_that: Any, tmp_path: Path) -> None:
    asked = hub_that(None)
    assert hub.check(str(tmp_path)) == ""
    assert asked == []


def test_a_model_that_is_on_the_hub_passes(hub_that: Any) -> None:
    asked = hub_that(None)
    assert hub.check("house/voice") == "c0ffee"
    assert asked == ["house/voice"]


@pytest.mark.parametrize(
    ("said", "told", "hint"),
    [
        (httpx.ConnectError("Name not known."), "cannot be asked: Name not known.", "connect"),
        (errors.OfflineModeIsEnabled("Offline."), "cannot be asked: Offline.", "--base FOLDER"),
        (refused(errors.HfHubHTTPError, 503), "cannot be asked", "--base FOLDER"),
        (refused(errors.RepositoryNotFoundError, 404), "shows none of that name", "hf auth login"),
        (refused(errors.RevisionNotFoundError, 404), "no revision v2", "--set revision"),
        (refused(errors.GatedRepoError, 403), "accepted its licence", "page of house/voice"),
    ],
)
def test_why_a_base_cannot_be_had_is_told_at_once(
    said: Exception, told: str, hint: str, hub_that: Any
) -> None:
    hub_that(said)
    with pytest.raises(hub.HubError, match=told) as caught:
        hub.check("house/voice", "v2")
    assert hint in caught.value.hint


def test_what_is_neither_a_folder_nor_a_name_is_told(hub_that: Any) -> None:
    asked = hub_that(None)
    with pytest.raises(hub.HubError, match="my base is no folder here, and no name"):
        hub.check("my base")
    assert asked == []
