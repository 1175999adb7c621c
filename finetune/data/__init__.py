"""Training rows of any public format, or a text in somebody's voice, made one validated set.

`prepare` writes a set and `load` reads one; `write_versions` has a model write what rules cannot.
Not a tokenizer and no trainer: what a model will see of a row is `finetune.preflight`'s question.
"""

from __future__ import annotations

from finetune.data.folder import DataSet, load, read_manifest, read_report
from finetune.data.journal import Journal, Want
from finetune.data.leaks import refuse_leaks
from finetune.data.options import Options, Source
from finetune.data.prepare import Prepared, Progress, prepare
from finetune.data.sources import NAMES, find, set_kind, texts
from finetune.data.synthetic import Ask, Asked, write_versions

__all__ = [
    "NAMES",
    "Ask",
    "Asked",
    "DataSet",
    "Journal",
    "Options",
    "Prepared",
    "Progress",
    "Source",
    "Want",
    "find",
    "load",
    "prepare",
    "read_manifest",
    "read_report",
    "refuse_leaks",
    "set_kind",
    "texts",
    "write_versions",
]
