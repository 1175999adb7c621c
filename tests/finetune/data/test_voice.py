"""A text in somebody's voice is cut into pieces, and each becomes a question with its answer."""

from dataclasses import replace
from pathlib import Path

import pytest

from agent.prompts import prompt
from finetune.data import Journal, Options, prepare
from finetune.data.pairs import restyle_prompt
from finetune.data.voice import LeftOut, Unit, form_of, sentences, turn_of, units
from finetune.errors import SourceError
from tests.finetune.data.files import ALL, read, told

DICTIONARY = """\
The Project Gutenberg EBook of Words

*** START OF THIS PROJECT GUTENBERG EBOOK WORDS ***

By A. Writer

A

ACORN, n.  The oak's one argument
for patience.

  An acorn fell upon a king
  who took it for a lesser thing.

O. Nobody

ALMS, n.pl.  What is given _by_ the rich to
the poor, so that both may stay as they are.

ANCHOR, v.t.  To persuade a ship by weight.

ANGLE, n.  A corner with an education.

AUTUMN, n.  The year's apology for its spring.

AZURE.

  Blue, blue.

*** END OF THIS PROJECT GUTENBERG EBOOK WORDS ***

You may copy it. BADGE, n.  This is no entry.
"""

PROSE = """\
I have never trusted a door that closes by itself. It knows something. A door
ought to wait for a hand, as a question waits for a fool.

Short.

    Set in, as a verse is set in,
    and no prose at all.

"""

CHAT = """\
[12/03/2021, 10:00] Ann: hello
[12/03/2021, 10:01] Bob: hi, Ann
still there?
[12/03/2021, 10:02] Ann: how are you?
[12/03/2021, 10:02] Ann: well?
[12/03/2021, 10:03] Bob: as the weather
[12/03/2021, 10:04] Ann: <Media omitted>
[12/03/2021, 10:05] Bob: <Media omitted>
"""

MAIL = """\
From: Carol Jones <carol@x.org>
Subject: the roof
Content-Type: text/plain; charset=utf-8

It will hold until spring, unless it does not.

On Mon, Jan 1, 2024 Bob wrote:
> Will the roof hold?
--
Carol, 12 Hill Street
"""


def written(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def pairs(source: Path, options: Options = ALL, journal: Journal | None = None) -> list[list[str]]:
    done = prepare([source], source.parent / "set", options, journal=journal)
    return [
        [message["content"] for message in row["messages"]]
        for row in read(done.folder / "train.jsonl")
    ]


@pytest.mark.parametrize(
    ("text", "form"),
    [(DICTIONARY, "dictionary"), (PROSE, "prose"), (CHAT, "chat"), (MAIL, "email")],
    ids=["dictionary", "prose", "chat", "email"],
)
def test_the_form_of_a_text_is_recognised(tmp_path: Path, text: str, form: str) -> None:
    assert form_of(written(tmp_path / "a.txt", text)) == form


@pytest.mark.parametrize(
    "line",
    [
        "Bob: hi there: you",
        "[12/03/2021, 10:01:07] Bob: hi there: you",
        "12.03.21, 10:01 - Bob: hi there: you",
        "\u200e[3/12/21, 10:01 PM] Bob: hi there: you",
    ],
)
def test_a_line_of_a_chat_names_its_speaker_with_or_without_a_date(line: str) -> None:
    assert turn_of(line) == ("Bob", "hi there: you")


def test_a_paragraph_on_one_long_line_is_prose_though_it_is_set_in(tmp_path: Path) -> None:
    text = "\t" + "This sentence is written on one line with all of the others. " * 4
    (unit,) = units(written(tmp_path / "a.txt", text), "prose")
    assert isinstance(unit, Unit)


def test_a_dictionary_gives_its_definitions_without_verse_and_frame(tmp_path: Path) -> None:
    found = list(units(written(tmp_path / "a.txt", DICTIONARY), "dictionary"))
    defined = [(unit.asked, unit.part) for unit in found if isinstance(unit, Unit)]
    assert defined == [
        ("acorn", "n."),
        ("alms", "n.pl."),
        ("anchor", "v.t."),
        ("angle", "n."),
        ("autumn", "n."),
    ]
    texts = [unit.text for unit in found if isinstance(unit, Unit)]
    assert texts[0] == "The oak's one argument for patience."
    assert texts[1].startswith("What is given by the rich to the poor")
    reasons = {left.reason for left in found if isinstance(left, LeftOut)}
    assert reasons == {
        "before the first headword",
        "set in: verse or a quotation",
        "a name under a quotation",
        "an entry without words of its own",
    }


def test_a_definition_is_what_is_asked_for_by_its_headword(tmp_path: Path) -> None:
    found = pairs(written(tmp_path / "a.txt", DICTIONARY))
    assert all(f'"{word}"' in question for word, (question, _) in zip(
        ("acorn", "alms", "anchor", "angle", "autumn"), found, strict=True
    ))  # fmt: skip
    assert found[2][1] == "To persuade a ship by weight."


def test_prose_without_a_model_asks_for_what_follows_its_first_sentence(tmp_path: Path) -> None:
    source = written(tmp_path / "a.txt", PROSE)
    ((question, answer),) = pairs(source)
    assert question.endswith("I have never trusted a door that closes by itself.")
    assert answer.startswith("It knows something. A door ought to wait")
    assert [line for line, _ in told(tmp_path / "set", "left out")] == [4, 6]


def test_a_chat_gives_the_turns_of_one_speaker_with_what_was_said_before(tmp_path: Path) -> None:
    source = written(tmp_path / "a.txt", CHAT)
    assert pairs(source, replace(ALL, voice="bob")) == [
        ["hello", "hi, Ann\nstill there?"],
        ["how are you?\nwell?", "as the weather"],
    ]


def test_a_chat_of_several_asks_whose_voice_it_is(tmp_path: Path) -> None:
    source = written(tmp_path / "a.txt", CHAT)
    with pytest.raises(SourceError, match="several people speak in it: Ann, Bob") as caught:
        pairs(source)
    assert caught.value.hint == '--voice "Ann"'
    with pytest.raises(SourceError, match="nobody called 'Zoe'"):
        pairs(source, replace(ALL, voice="Zoe"))


def test_a_mail_answers_what_it_quotes_without_its_signature(tmp_path: Path) -> None:
    source = written(tmp_path / "a.eml", MAIL)
    assert pairs(source) == [
        ["Will the roof hold?", "It will hold until spring, unless it does not."]
    ]


def test_a_mailbox_gives_the_mails_of_one_writer(tmp_path: Path) -> None:
    other = MAIL.replace("Carol Jones <carol@x.org>", "bob@y.org").replace("spring", "June")
    frame = "From x@x.org Mon Jan  1 10:00:00 2024\n"
    source = written(tmp_path / "a.mbox", f"{frame}{MAIL}\n{frame}{other}\n")
    found = pairs(source, replace(ALL, voice="carol@x.org"))
    assert [answer for _, answer in found] == ["It will hold until spring, unless it does not."]


def test_a_plain_version_in_the_journal_makes_a_row_of_restyling(tmp_path: Path) -> None:
    source = written(tmp_path / "a.txt", PROSE)
    styled = " ".join(PROSE.split("\n\n")[0].split())
    with Journal(tmp_path / "journal") as journal:
        journal.keep("plain", styled, "I do not trust self-closing doors.")
    options = replace(ALL, instruction="Your way: {text}")
    found = pairs(source, options, Journal(tmp_path / "journal"))
    assert found[0] == ["Your way: I do not trust self-closing doors.", styled]
    assert len(found) == 2


def test_training_asks_for_the_voice_in_the_words_that_its_use_does() -> None:
    text = "It costs $3 {as told}."
    assert restyle_prompt(text, ALL) == prompt("persona_trained", text=text)


def test_long_paragraphs_are_cut_at_the_ends_of_sentences(tmp_path: Path) -> None:
    text = " ".join(f"Sentence number {n} says very little of note." for n in range(200))
    found = list(units(written(tmp_path / "a.txt", text), "prose"))
    assert all(isinstance(unit, Unit) and len(unit.text) <= 1500 for unit in found)
    assert " ".join(unit.text for unit in found if isinstance(unit, Unit)) == text
    assert " ".join(sentences(text)) == text


def test_rows_of_one_piece_stay_in_one_split(tmp_path: Path) -> None:
    text = "\n\n".join(
        f"WORD{chr(65 + n // 26)}{chr(65 + n % 26)}, n.  Thing {n} is what {n * 37} others are not."
        for n in range(60)
    ).replace("WORD", "QU")
    source = written(tmp_path / "a.txt", text)
    styled = [unit.text for unit in units(source, "dictionary") if isinstance(unit, Unit)]
    assert len(styled) == 60
    with Journal(tmp_path / "journal") as journal:
        for number, one in enumerate(styled):
            journal.keep("plain", one, f"It is number {number}.")
    options = Options(valid=0.2, test=0.2)
    done = prepare([source], tmp_path / "set", options, journal=journal)
    seen = {
        split: {row["messages"][-1]["content"] for row in read(done.folder / f"{split}.jsonl")}
        for split in ("train", "valid", "test")
    }
    assert not seen["train"] & seen["test"]
    assert not seen["train"] & seen["valid"]
    assert not seen["valid"] & seen["test"]
    assert seen["test"]
    assert seen["valid"]
    assert sum(map(len, seen.values())) == 60
