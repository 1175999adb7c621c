"""What a model has written for a set, kept as it comes: a file of JSON lines, only appended to.

A run that is killed loses what was on its way, and nothing that had come.
"""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

from finetune.data.prompts import prompt
from finetune.errors import FinetuneError

Want = Literal["plain", "wrong"]
"""A plain version of a text, or one that is wrong in one fact."""


def key_of(want: Want, text: str) -> str:
    """The name of a request: of the prompt's text too, so that a new prompt asks anew."""
    whole = "\0".join((want, prompt(want), text))
    return hashlib.sha256(whole.encode()).hexdigest()[:32]


class Journal:
    """Answers by the text that they were asked for. Open it as a context to write to it."""

    def __init__(self, path: Path) -> None:
        """Read what there is; a line that was cut off by a crash does not count.

        Raises:
            FinetuneError: It is another kind of file, or cannot be read.
        """
        self._path = path
        self._answers: dict[str, str] = {}
        self._refused: dict[str, str] = {}
        self._file: int | None = None
        try:
            data = path.read_bytes() if path.exists() else b""
        except OSError as error:
            raise FinetuneError(f"{path}: {error.strerror or error}.") from error
        self._ends_in_line_feed = not data or data.endswith(b"\n")
        lines = [line for line in data.split(b"\n") if line.strip()]
        good = sum(map(self._take, lines))
        if len(lines) > 1 and not good:
            raise FinetuneError(
                f"{path} is no journal of this program.", hint="Name another file: --journal PATH"
            )

    def _take(self, line: bytes) -> bool:
        """Take a line of the file; False for one that a crash has cut off."""
        try:
            entry = json.loads(line)
            name, text, why = entry["key"], entry.get("text"), entry.get("refused")
        except (ValueError, KeyError, TypeError, AttributeError):
            return False
        if text is not None:
            self._answers[name] = str(text)
        else:
            self._refused[name] = str(why)
        return True

    def get(self, want: Want, text: str) -> str | None:
        """The answer to a request; None where there is none yet."""
        return self._answers.get(key_of(want, text))

    def was_refused(self, want: Want, text: str) -> bool:
        """Whether an answer had come and could not be used: it is not asked for again."""
        return key_of(want, text) in self._refused

    def __len__(self) -> int:
        return len(self._answers)

    def __enter__(self) -> Self:
        """Open for writing; made where there is none.

        Raises:
            OSError: It cannot be written.
        """
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._file = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        if not self._ends_in_line_feed:
            os.write(self._file, b"\n")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def keep(self, want: Want, text: str, answer: str) -> None:
        """Write an answer down; it is on the disk when this returns."""
        self._answers[key_of(want, text)] = answer
        self._append({"key": key_of(want, text), "want": want, "text": answer})

    def refuse(self, want: Want, text: str, why: str) -> None:
        """Write down that an answer could not be used, and why."""
        self._refused[key_of(want, text)] = why
        self._append({"key": key_of(want, text), "want": want, "refused": why})

    def _append(self, entry: dict[str, str]) -> None:
        assert self._file is not None, "the journal is open for reading only"
        line = json.dumps(entry, ensure_ascii=False) + "\n"
        os.write(self._file, line.encode("utf-8", "replace"))
        os.fsync(self._file)
