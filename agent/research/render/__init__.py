"""A report as a text to read or to process: Markdown, HTML, JSON. Reads and fetches nothing.

What pages and models said is data in each: escaped, on one line, and never a link but for the
address that a source was read at.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from agent.errors import UsageError
from agent.research.types import Report

Form = Literal["markdown", "html", "json"]

_BY_SUFFIX: dict[str, Form] = {
    ".md": "markdown",
    ".markdown": "markdown",
    ".html": "html",
    ".htm": "html",
    ".json": "json",
}


def rendered(report: Report, form: Form) -> str:
    """The report in a form; ends with a line feed."""
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
