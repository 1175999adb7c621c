"""A report as a text to read or to process: Markdown, HTML, JSON; written to a file whole.

What pages and models said is data in each: escaped, on one line, and never a link but for the
address that a source was read at. Reads and fetches nothing.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

from agent.errors import UsageError
from agent.research.types import Report
from agent.whole_file import write_whole

Form = Literal["markdown", "html", "json"]

_BY_SUFFIX: dict[str, Form] = {
    ".md": "markdown",
    ".markdown": "markdown",
    ".html": "html",
    ".htm": "html",
    ".json": "json",
}


def rendered(report: Report, form: Form) -> str:
    """The report in a form, which UTF-8 can hold; ends with a line feed."""
    return _text(report, form).encode("utf-8", "replace").decode()


def write(report: Report, file: Path) -> None:
    """Write a report in the form of a file's name: all of it or nothing.

    It may be read by whom the user lets read what they write.

    Raises:
        UsageError: The name asks for no form that there is, or the file cannot be written.
    """
    text = rendered(report, form_of(file))
    mask = os.umask(0o077)  # there is no other way to read it
    os.umask(mask)
    try:
        write_whole(file, text, mode=0o666 & ~mask)
    except OSError as error:
        raise UsageError(
            f"{file} cannot be written: {error.strerror}.",
            hint=f"The report is kept: agent research --resume {report.id} --out FILE",
        ) from error


def _text(report: Report, form: Form) -> str:
    if form == "html":
        from agent.research.render.html import to_html

        return to_html(report)
    if form == "json":
        from agent.research.render.json import to_json

        return to_json(report)
    from agent.research.render.markdown import to_markdown

    return to_markdown(report)


def form_of(path: Path) -> Form:
    """The form that a file's name asks for.

    Raises:
        UsageError: It asks for none that there is.
    """
    try:
        return _BY_SUFFIX[path.suffix.lower()]
    except KeyError:
        raise UsageError(
            f"A report cannot be written as {path.name}.",
            hint="Name the file .md, .html or .json",
        ) from None
