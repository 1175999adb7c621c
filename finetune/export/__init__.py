"""A finished run, written in the forms that others load: adapter, merged weights, GGUF.

Each file is loaded and asked before it takes its name: it must answer as the trained weights do.
`export` does all of it. Not the training, and no judge of the voice: that is
`finetune.evaluation`.
"""

from __future__ import annotations

from finetune.export.source import ExportError
from finetune.export.wanted import KINDS, QUANTIZATIONS, Exported, Item, Options
from finetune.export.writing import export

__all__ = ["KINDS", "QUANTIZATIONS", "ExportError", "Exported", "Item", "Options", "export"]
