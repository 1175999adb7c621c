"""What a unit of a voice becomes: a question and its answer in the voice.

Where the journal holds a plain version, the row is what the persona is to do: plain text in,
voice out. Without one, rules draw a question out of the text itself: a headword asks for its
definition, what was said before asks for the reply, a first sentence asks for what follows. Such
rows teach the words and the rhythm, not the restyling of a given text.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from zlib import crc32

from finetune.data.conversation import text_of
from finetune.data.journal import Journal
from finetune.data.options import Options
from finetune.data.pii import cleared
from finetune.data.prompts import prompt
from finetune.data.rows import Example, NotUsed
from finetune.data.voice import SHORTEST, Form, LeftOut, Unit, sentences, units
from finetune.data.voice_turns import chat_units, mail_units


def voice_units(path: Path, form: Form, voice: str) -> Iterator[Unit | LeftOut]:
    """The pieces of a text of any form.

    Raises:
        SourceError: Nobody can tell whose voice it is.
    """
    if form == "chat":
        return chat_units(path, voice)
    return mail_units(path, voice) if form == "email" else units(path, form)


def examples_of(unit: Unit, options: Options, journal: Journal | None) -> Iterator[Example]:
    """The rows that one unit gives: one by its rule where there is a rule, one by its plain text.

    Raises:
        NotUsed: It gives none.
        BadRow: It is no UTF-8 text.
    """
    text = text_of(unit.text)
    asked_of = cleared(text, options.pii)
    plain = None
    if journal is not None and asked_of is not None:
        plain = journal.get("plain", asked_of)
    if plain is not None:
        restyled = _example(restyle_prompt(plain, options), plain, text, unit, options)
        yield replace(restyled, binds=False)
    question, answer = _by_rule(unit, text)
    if question:
        asked = unit.asked or answer
        yield _example(question, asked, answer, unit, options)
    elif plain is None:
        raise NotUsed("one sentence, of which no question can be made without a model")


def restyle_prompt(plain: str, options: Options) -> str:
    """How a plain text is handed to the voice, in training and, with the same words, in use."""
    return (options.instruction or prompt("restyle")).replace("{text}", plain)


def _by_rule(unit: Unit, text: str) -> tuple[str, str]:
    """A question and the part of the text that answers it; empty where no rule fits."""
    if unit.kind == "definition":
        ways = prompt("define").splitlines()
        # By the word, not by chance: the same book gives the same set.
        return ways[crc32(unit.asked.encode()) % len(ways)].replace("{word}", unit.asked), text
    if unit.kind == "reply":
        return text_of(unit.asked), text
    parts = sentences(text)
    start, rest = parts[0], " ".join(parts[1:])
    if len(rest) < SHORTEST:
        return "", ""
    return prompt("continue").replace("{text}", start), rest


def _example(question: str, asked: str, answer: str, unit: Unit, options: Options) -> Example:
    turns = [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
    if options.system:
        turns.insert(0, {"role": "system", "content": options.system})
    return Example(
        {"messages": turns},
        asked=(asked,),
        answer=answer,
        group=str(unit.line),
        line=unit.line,
        unit=f"{unit.asked}\n{unit.text}",
    )
