"""A report as JSON: all of it, quotes letter for letter. `types.from_json` reads it again."""

from __future__ import annotations

import json

from agent.research.types import Report, as_json


def to_json(report: Report) -> str:
    """One object with the fields of `Report`, in ASCII, so that no terminal obeys it."""
    return json.dumps(as_json(report), indent=2) + "\n"
