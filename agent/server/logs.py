"""The server's log: one JSON object a line. Never a question, an answer, a key or a cookie.

Of a bug it tells the kind and where it arose, and not its message, which may quote what was asked.
"""

from __future__ import annotations

import json
import logging
import sys
import traceback
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TextIO

Log = Callable[..., None]
"""Called with the name of an event, and its fields by keyword."""


class JsonLines:
    """Writes to a stream; one that is gone is no reason to stop serving."""

    def __init__(self, stream: TextIO | None = None) -> None:
        """Write to a stream; to standard error if none is given."""
        self._stream = stream if stream is not None else sys.stderr

    def __call__(self, event: str, **fields: object) -> None:
        """Write one line: the time (UTC, RFC 3339), the event, and what is not None of the rest."""
        now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        said = {name: value for name, value in fields.items() if value is not None}
        # Escapes all that is not ASCII: no name can break a line or move a terminal's cursor.
        text = json.dumps({"time": now, "event": event, **said}, default=str)
        try:
            self._stream.write(text + "\n")
            self._stream.flush()
        except (OSError, ValueError):
            return


def silent(event: str, **fields: object) -> None:
    """A log that is not kept."""


def places(error: BaseException) -> list[str]:
    """Where an exception arose, outermost first: `file:line function`, at most the last twelve."""
    frames = traceback.extract_tb(error.__traceback__)[-12:]
    return [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames]


class Forwarded(logging.Handler):
    """Hands warnings of a library's own logger to the log, without what fills their gaps."""

    def __init__(self, log: Log) -> None:
        """Forward to `log`."""
        super().__init__(logging.WARNING)
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record: its unfilled message, and where it came from."""
        error = record.exc_info[1] if record.exc_info else None
        self._log(
            "library_warning",
            logger=record.name,
            level=record.levelname.lower(),
            message=str(record.msg),
            error=type(error).__name__ if error else None,
            places=places(error) if error else None,
        )
