"""Whether a text speaks of what a question asks: by its words, and by the form of an answer."""

from __future__ import annotations

from agent.models.reader.question import analyse
from agent.models.reader.shapes import of_kind
from agent.models.reader.words import alike, tokens

_SHARE = 0.75
"""The share of a question's words, by weight, that a text must hold."""
_FORMS = ("date", "number", "person", "place")
"""Kinds of question whose answers have a form of their own."""


def speaks_of(question: str, text: str, title: str = "") -> bool:
    """Whether a text holds nearly all words of a question, and a date where one is asked for.

    Or likewise a number, a name or a place, beyond those of the question. A sure sign that it is
    not beside the question; an answer in words of its own may lack it.

    Args:
        question: What is asked.
        text: That may answer.
        title: Of what it stands in, whose words it may take for granted.
    """
    asked = analyse(question)
    said = {token.stem for token in tokens(f"{title}\n{text}")}
    held = [max((alike(term.stem, s) for s in said), default=0.0) for term in asked.terms]
    if sum(w * h for w, h in zip(asked.weights, held, strict=True)) < _SHARE * sum(asked.weights):
        return False
    if asked.kind not in _FORMS:
        return True
    own = {token.stem for token in asked.tokens}
    forms = (text[start:end] for start, end in of_kind(asked.kind, text))
    return any({token.stem for token in tokens(form)} - own for form in forms)
