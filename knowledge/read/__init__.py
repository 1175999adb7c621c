"""Files to documents: one reader per family of formats, and the walk that finds the files."""

from __future__ import annotations

from knowledge.read.files import MAX_BYTES, load, read_bytes, read_path
from knowledge.read.kinds import FileKind, kind_of_name
from knowledge.read.walk import Walk, walk

__all__ = [
    "MAX_BYTES",
    "FileKind",
    "Walk",
    "kind_of_name",
    "load",
    "read_bytes",
    "read_path",
    "walk",
]
