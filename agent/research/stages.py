"""Which stages a run has: those that ask no model, and for a model those that ask it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.research.base import Hands, Stages
from agent.research.choose import Chooser
from agent.research.notes import ModelNotes, ReaderNotes
from agent.research.reflect import ModelReflect, RuleReflect
from agent.research.verify import SpanVerify
from agent.research.write import QuotedWrite
from agent.research.write_model import ModelWrite

if TYPE_CHECKING:
    from agent.models.base import ChatModel
    from agent.research.base import Options
    from knowledge.embed import Embedder


def stages(options: Options, model: ChatModel, embedder: Embedder | None) -> Stages:
    """The stages of a run. Loads nothing yet.

    Args:
        options: Of the run: which domains and dates.
        model: Who is asked. The embedded one is not: it is the reader that takes the notes anyway.
        embedder: Compares meanings; None for by words only.
    """
    reader = ReaderNotes(embedder)
    spare = Hands(reader, RuleReflect(), QuotedWrite())
    hands = spare
    if model.name != "embedded":
        hands = Hands(ModelNotes(reader), ModelReflect(), ModelWrite())
    return Stages(Chooser(options.domains, options.since), SpanVerify(), hands, spare)
