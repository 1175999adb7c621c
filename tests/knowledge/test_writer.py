"""The right to write: who waits says so, and who may not says why."""

import asyncio
import threading
from pathlib import Path

import pytest
from filelock import FileLock

from knowledge import writer
from knowledge.errors import DiskFull, LibraryBusy, LibraryReadOnly
from knowledge.writer import Writer


async def test_who_waits_says_for_whom_and_goes_on_when_the_other_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "TELL_AFTER", 0.0)
    (tmp_path / "writer.pid").write_text("4242")
    other = FileLock(tmp_path / "write.lock", thread_local=False)
    other.acquire()
    told: list[str] = []

    def tell(text: str) -> None:
        told.append(text)
        other.release()

    assert await Writer(tmp_path, tell).run(lambda: "done") == "done"
    assert len(told) == 1
    assert "4242" in told[0]


async def test_who_does_not_wait_says_nothing(tmp_path: Path) -> None:
    told: list[str] = []
    await Writer(tmp_path, told.append).run(lambda: None)
    assert told == []


async def test_who_has_waited_too_long_says_who_writes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "TELL_AFTER", 0.0)
    monkeypatch.setattr(writer, "LOCK_WAIT", 0.0)
    (tmp_path / "writer.pid").write_text("4242")
    ran = threading.Event()
    with FileLock(tmp_path / "write.lock"), pytest.raises(LibraryBusy, match="4242"):
        await Writer(tmp_path).run(ran.set)
    assert not ran.is_set()


async def test_a_folder_that_may_not_be_written_is_told_in_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(FileLock, "acquire", refuse)
    with pytest.raises(LibraryReadOnly, match="Permission denied") as caught:
        await Writer(tmp_path).run(lambda: None)
    assert caught.value.hint


async def test_a_disk_too_full_for_the_lock_is_told_in_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(FileLock, "acquire", refuse)
    with pytest.raises(DiskFull):
        await Writer(tmp_path).run(lambda: None)


async def test_a_disk_too_full_to_say_who_writes_stops_no_work_that_fits(tmp_path: Path) -> None:
    (tmp_path / "writer.pid").mkdir()  # cannot be written, like a file on a full disk
    assert await Writer(tmp_path).run(lambda: "removed") == "removed"


async def test_two_writers_of_one_program_take_turns_and_one_that_leaves_stops_no_other(
    tmp_path: Path,
) -> None:
    writer = Writer(tmp_path)
    began, end = threading.Event(), threading.Event()
    order: list[str] = []

    def first() -> bool:
        began.set()
        assert end.wait(10)
        order.append("first")
        return writer.stop.is_set()

    working = asyncio.create_task(writer.run(first))
    await asyncio.to_thread(began.wait, 10)
    second = asyncio.create_task(writer.run(lambda: order.append("second")))
    leaving = asyncio.create_task(writer.run(lambda: order.append("left")))
    await asyncio.sleep(0)
    leaving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await leaving
    end.set()
    assert await working is False
    await second
    assert order == ["first", "second"]


async def test_who_waits_too_long_for_the_same_program_is_told_that_it_writes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "TELL_AFTER", 0.0)
    monkeypatch.setattr(writer, "LOCK_WAIT", 0.0)
    one, end = Writer(tmp_path), threading.Event()
    began = threading.Event()

    def work() -> None:
        began.set()
        assert end.wait(10)

    working = asyncio.create_task(one.run(work))
    await asyncio.to_thread(began.wait, 10)
    with pytest.raises(LibraryBusy):
        await one.run(lambda: None)
    end.set()
    await working
