"""A row that trains a preference out of one that trains an answer.

Chosen is the answer as it stands. Rejected is its plain version, or the answer wrong in one fact;
where both can be had they take turns, so that the model learns the voice and not to pay for it
with facts.
"""

from __future__ import annotations

from dataclasses import replace
from random import Random
from zlib import crc32

from finetune.data.conversation import unweighted
from finetune.data.facts import wrong
from finetune.data.journal import Journal
from finetune.data.options import Options
from finetune.data.pii import cleared
from finetune.data.rows import Example, NotUsed


def as_preference(example: Example, options: Options, journal: Journal | None) -> Example:
    """The example with a rejected answer beside its last one.

    Raises:
        NotUsed: There is nothing to reject: no plain version, and no fact that a rule could change.
    """
    if "chosen" in example.row:
        return example
    *prompt, last = example.row["messages"]
    # As it will be written: a fact that is masked then must not be the one that is made wrong.
    chosen = cleared(last["content"], options.pii) or last["content"]
    draw = crc32(f"{options.seed}\0{chosen}".encode())
    plain = journal.get("plain", chosen) if journal is not None else None
    false = journal.get("wrong", chosen) if journal is not None else None
    if false is None:
        false = wrong(chosen, Random(draw))
    there = [text for text in (plain, false) if text and text.strip() != chosen]
    if not there:
        raise NotUsed("nothing to reject: no plain version, and no fact that a rule could change")
    rejected = there[draw % len(there)]
    row = {
        "prompt": unweighted(prompt),
        "chosen": [last],
        "rejected": [{"role": "assistant", "content": rejected}],
    }
    return replace(example, row=row)


def as_chat(example: Example) -> Example:
    """The example with its chosen answer only."""
    if "chosen" not in example.row:
        return example
    return replace(example, row={"messages": example.row["prompt"] + example.row["chosen"]})
