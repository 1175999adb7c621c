"""What would go wrong in a training, told before it begins: in seconds, without a GPU.

    check.py         the room's public face: one look; a mended copy, looked at again
    look.py          the order of one look
    findings.py      what is told: findings, figures, rows as the model sees them
    rows.py          what rows show by themselves: roles, turns, repeats, leaks, labels
    pieces.py        rows -> tokens and loss, by the trainer's own encoding; one row to look at
    tokens.py        what only the tokens show: length, loss, control tokens, BOS
    template.py      the chat template: its end of turn, and training against serving
    base.py          the base: layers, window, vocabulary, packages (door: torch, transformers)
    machine.py       memory, time and disk space that the recipe takes here
    instead.py       where retrieval or a cached corpus would serve better
    mend.py          a mended copy of set and recipe; the originals stay as they are

It trains nothing and changes nothing of what it is given. What it tokenizes goes through
`finetune.training.encode`, so that what is checked is what is trained.
"""

from __future__ import annotations

from finetune.preflight.check import check
from finetune.preflight.findings import Estimate, Finding, Piece, Place, Report, Shown

__all__ = ["Estimate", "Finding", "Piece", "Place", "Report", "Shown", "check"]
