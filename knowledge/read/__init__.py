"""Files to documents: one reader per family of formats, and the walk that finds the files."""

from __future__ import annotations

from knowledge.read.files import HEAD, MAX_BYTES, check_size, read_bytes, read_path
from knowledge.read.kinds import FileKind, kind_of_name
from knowledge.read.walk import Walk, walk

__all__ = [
    "HEAD",
    "MAX_BYTES",
    "FileKind",
    "Walk",
    "check_size",
    "kind_of_name",
    "read_bytes",
    "read_path",
    "walk",
]
