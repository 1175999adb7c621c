"""The gate: what of a sentence may change, and what may not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.card import Card, Keep
from agent.persona.check import Gate, wrong_tables

WORDS = Card("w", asides=("Arr", "mark me"), words={"you": "ye", "people": "folk"})
FACTS = Card("f", keep="facts", asides=("Arr",))
PLAIN = "You may not see more than 12 people near the old mill of Ada Brown before 1902 [1]."


@pytest.mark.parametrize(
    "voiced",
    [
        PLAIN,
        "Ye may not see more than 12 folk near the old mill of Ada Brown before 1902 [1].",
        "Arr! You may not see more than 12 people near the old mill of Ada Brown before 1902 [1].",
        "You may not see more than 12 people near the old mill of Ada Brown before 1902 [1]. Arr!",
        "Arr, ye may not see more than 12 people near the old mill of Ada Brown, mark me, before"
        " 1902 [1]!",
        "You may not see more than 12 people near the old mill o' Ada Brown before 1902 [1]!",
    ],
)
def test_spelling_pauses_asides_and_the_cards_own_words_may_differ(voiced: str) -> None:
    assert Gate(WORDS).fault(PLAIN, voiced) == ""


@pytest.mark.parametrize(
    ("plain", "voiced"),
    [
        ("It does not float [1].", "It doesn't float [1]."),
        ("It cannot float [1].", "It can't float [1]."),
        ("He will not go [1].", "He won't go [1]."),
        ("It is lost and it was found [1].", "'Tis lost an' 'twas found [1]."),
        ("It has them [1].", "It hath 'em [1]."),
        ("It also floats [1].", "It floats [1]."),
        ("He was swimming [1].", "He was swimmin' [1]."),
    ],
)
def test_contractions_and_old_spellings_are_the_same_words(plain: str, voiced: str) -> None:
    assert Gate(WORDS).fault(plain, voiced) == ""
    assert Gate(FACTS).fault(plain, voiced) == ""


@pytest.mark.parametrize(
    ("plain", "voiced"),
    [
        ("The dog that bit the boy died [1].", "The dog bit the boy that died [1]."),
        ("The guard shot at the crowd [1].", "The guard shot the crowd [1]."),
        ("Workers who left in the spring won [1].", "Workers who left the spring won [1]."),
        ("The ships and the crews were lost [1].", "The ships of the crews were lost [1]."),
        ("The tax on bread was cut in towns [1].", "The tax in bread was cut on towns [1]."),
        ("The tax on bread was cut [1].", "The tax in bread was cut [1]."),
        ("The court refused the appeal [1].", "The court granted the appeal [1]."),
        ("The drug harmed patients [1].", "The drug helped patients [1]."),
    ],
)
def test_words_that_say_who_did_what_to_whom_neither_come_nor_go(plain: str, voiced: str) -> None:
    assert Gate(FACTS).fault(plain, voiced)


MOVED = {
    "leaves out “[1]”": PLAIN.replace(" [1]", ""),
    "adds “[2]”": PLAIN.replace("[1]", "[1][2]"),
    "adds “1900”": PLAIN.replace("1902", "1900"),
    "adds “-12”": PLAIN.replace("12", "-12"),
    "adds “120”": PLAIN.replace("12 ", "120 "),
    "leaves out “not”": PLAIN.replace(" not", ""),
    "adds “do”": PLAIN.replace("may not", "do not"),
    "leaves out “more”": PLAIN.replace("more than ", ""),
    "adds “tom”": PLAIN.replace("Ada", "Tom"),
    "adds “after”": PLAIN.replace("before", "after"),
    "moves the pauses at “not”": PLAIN.replace("not see", "not, see"),
    "adds “arr”": PLAIN.replace("not see", "not arr see"),
    "adds “?”": PLAIN.replace("].", "]?"),
    "adds “\"”": PLAIN.replace("old", '"old"'),
    "adds “new”": PLAIN.replace("old", "new"),
    "moves “brown”": PLAIN.replace("Ada Brown", "xx").replace("1902", "Ada 1902").replace(
        "xx", "Brown"
    ),
    "is empty": " ",
    "goes on for too long": PLAIN * 4,
    "holds characters that are not shown": PLAIN.replace("see", "see\u200b"),
}  # fmt: skip


@pytest.mark.parametrize("card", [WORDS, FACTS], ids=["words", "facts"])
@pytest.mark.parametrize("fault", MOVED)
def test_what_is_moved_lost_or_added_is_told(fault: str, card: Card) -> None:
    told = Gate(card).fault(PLAIN, MOVED[fault])
    # Which of two moved words is named depends on what else may differ.
    assert told.split()[0] == fault.split()[0] if "moves “" not in fault else told


@pytest.mark.parametrize("safe", ["It's", "It’s", "Don't be", "They're", "There's", "We've", "I'm"])
def test_an_aside_stands_before_a_contraction(safe: str) -> None:
    plain, lower = f"{safe} safe [1].", f"{safe[:1].lower()}{safe[1:]} safe [1]."
    for gate in (Gate(WORDS), Gate(FACTS)):
        assert gate.fault(plain, f"Arr, {lower}") == ""
        assert gate.fault(f"Also, {lower}", plain) == ""
        assert gate.fault(f"The mill and {lower}", f"The mill and {plain}")


def test_an_article_that_opens_a_sentence_may_come_and_go() -> None:
    short, long = "Mills stand near water [1].", "The mills stand near water [1]."
    for plain, voiced in ((short, long), (long, short), (short, f"Arr! {long}")):
        assert Gate(FACTS).fault(plain, voiced) == ""
    assert Gate(FACTS).fault("An owl stands there [1].", "A hawk stands there [1].") == ""


def test_a_name_that_looks_like_an_old_spelling_stays_also_where_the_card_swaps_the_word() -> None:
    gate = Gate(Card("c", words={"you": "ye"}))
    assert gate.fault("He met Ye [1].", "He met you [1].")
    assert gate.fault("You met him [1].", "Ye met him [1].") == ""
    assert gate.fault("He met you [1].", "He met ye [1].") == ""


def test_a_word_that_becomes_a_name_is_refused() -> None:
    assert Gate(WORDS).fault("They ate turkey [1].", "They ate Turkey [1].")
    assert Gate(FACTS).fault("They ate turkey [1].", "They ate Turkey [1].")


def test_commas_that_turn_a_statement_are_refused() -> None:
    plain = "The mate said the captain was drunk [1]."
    for gate in (Gate(WORDS), Gate(FACTS)):
        assert gate.fault(plain, "The mate, said the captain, was drunk [1].")
        assert gate.fault(plain, "The mate, arr, said the captain, arr, was drunk [1].")
        assert gate.fault(plain, "The mate, arr, said the captain was drunk [1].") == ""
    assert Gate(WORDS).fault("No price rose [1].", "No, price rose [1].")
    assert Gate(WORDS).fault("No price rose [1].", "Arr, no price rose [1].") == ""


def test_an_aside_is_set_off_and_stands_in_no_quotation() -> None:
    gate = Gate(Card("c", asides=("Well",)))
    assert gate.fault("Water is deep [1].", "Well, water is deep [1].") == ""
    assert gate.fault("Water is deep [1].", "Well water is deep [1].")
    assert gate.fault("The well is deep [1].", "Well, the well is deep [1].") == ""
    assert gate.fault("It is 39 m long [1].", "It is 39 well, m long [1].")
    assert gate.fault('He said "so it is" [1].', 'He said "so, well, it is" [1].')


def test_a_cards_phrase_has_no_pauses_but_its_own() -> None:
    gate = Gate(Card("c", asides=("if I may",), words={"children": "the young", "it is": "it be"}))
    plain = "He denied children sank where it is deep [1]."
    assert gate.fault(plain, "He denied the young sank where it be deep, if I may [1].") == ""
    assert gate.fault(plain, "He denied the; young sank where it is deep [1].")
    assert gate.fault(plain, "He denied the young sank where it is deep, if; I may [1].")
    assert gate.fault("He knew it, is all [1].", "He knew it be all [1].")


def test_facts_lets_common_words_change_and_words_does_not() -> None:
    plain, voiced = "The mill stands near the river [1].", "The mill sits near the stream [1]."
    assert Gate(FACTS).fault(plain, voiced) == ""
    assert Gate(WORDS).fault(plain, voiced)


@pytest.mark.parametrize(
    ("plain", "voiced"),
    [
        ("The dog bit the man [1].", "The man bit the dog [1]."),
        ("The price rose [1].", "The price fell [1]."),
        ("It is older than the mill [1].", "It is younger than the mill [1]."),
        ("It weighs 3 kg [1].", "It weighs 3 stones [1]."),
        ("It was closed [1].", "It is closed [1]."),
        ("He saw it [1].", "She saw it [1]."),
        ("Two boys ran [1].", "Three boys ran [1]."),
        ("The mill stands [1].", "The mill stands, famous and bankrupt [1]."),
        ("The mill met the town [1].", "The mill was met by the town [1]."),
        ('He said "the lamp went out" [1].', 'He said "the torch went out" [1].'),
        ("He said ‘the lamp went out’ [1].", "He said ‘the torch went out’ [1]."),
        ("He said 'the lamp went out' [1].", "He said 'the torch went out' [1]."),
        ("It has $the + lamp$ in it [1].", "It has $the + torch$ in it [1]."),
        ("Patients with hepatitis A recover [1].", "Patients with hepatitis recover [1]."),
        ("Patients with hepatitis recover [1].", "Patients with hepatitis A recover [1]."),
        ("The plan A works [1].", "The plan works [1]."),
        ("A floats near water [1].", "Floats near water [1]."),
        ("He met Ye in the mill [1].", "He met you in the mill [1]."),
        ("He met you in the mill [1].", "He met Ye in the mill [1]."),
        ("The old mill stands near a river [1].", "Die alte Mühle liegt an einem Fluss [1]."),
    ],
)
def test_under_facts_what_turns_a_statement_stays(plain: str, voiced: str) -> None:
    assert Gate(FACTS).fault(plain, voiced)


DENIED = (
    ("The captain denied the ship sank in the storm [1].", "denied"),
    ("It is a myth that the mill burned down [1].", "myth"),
    ("It is false that the ship sank [1].", "false"),
    ("The report was wrong to say the mill burned [1].", "wrong"),
    ("The keeper doubts the lamp was lit [1].", "doubts"),
    ("The rumour of a fire destroyed the mill [1].", "of"),
    ("The price was above 12 pounds [1].", "above"),
)
CUTS = (
    ", arr. X",
    ", arr! X",
    "; arr, X",
    ", arr; X",
    " – arr, X",
    ": arr: x",
    ", Arr, X",
    ", arr x",
)


@pytest.mark.parametrize("keep", ["words", "facts"])
@pytest.mark.parametrize(("plain", "word"), DENIED)
@pytest.mark.parametrize("cut", CUTS)
def test_an_aside_cuts_no_sentence_in_two(plain: str, word: str, cut: str, keep: Keep) -> None:
    head, tail = plain.split(f" {word} ")
    joint = cut[:-1] + (tail[0].upper() if cut[-1] == "X" else tail[0])
    assert Gate(Card("c", keep=keep, asides=("arr",))).fault(
        plain, f"{head} {word}{joint}{tail[1:]}"
    )


def test_an_aside_before_or_behind_a_sentence_may_be_one_of_its_own() -> None:
    plain = "The captain denied the ship sank [1]."
    for voiced in (
        "Arr! The captain denied the ship sank [1].",
        "Arr. The captain denied the ship sank [1].",
        "The captain denied the ship sank, arr! [1].",
        "The captain denied the ship sank – arr [1].",
        "The captain denied the ship sank [1]. Arr.",
        "The captain, arr, denied the ship sank [1].",
    ):
        assert Gate(WORDS).fault(plain, voiced) == ""


@pytest.mark.parametrize(
    ("plain", "voiced"),
    [
        ("It was, as the mate said, a myth [1].", "It was, as the mate said: a myth [1]."),
        ("He told a lie, the ship sank [1].", "He told a lie; the ship sank [1]."),
        ("He denied the U.S. ship sank [1].", "He denied the U.S… ship sank [1]."),
        ("He met a man-eating shark [1].", "He met a man eating shark [1]."),
        ("He denied also, the ship sank [1].", "He denied the ship sank [1]."),
    ],
)
def test_a_pause_keeps_its_mark(plain: str, voiced: str) -> None:
    assert Gate(WORDS).fault(plain, voiced)


@pytest.mark.parametrize(
    ("plain", "voiced"),
    [
        ("A few ships sank [1].", "Few ships sank [1]."),
        ("Few ships sank [1].", "A few ships sank [1]."),
        ("There was a little water [1].", "There was little water [1]."),
        ("He was the only one [1].", "He was only one [1]."),
        ("He owns a third of it [1].", "He owns third of it [1]."),
        ("The two ships sank [1].", "Two ships sank [1]."),
        ("All the ships sank [1].", "All ships sank [1]."),
        ("He was a captain there [1].", "He was the captain there [1]."),
        ("The captain denied the ship sank [1].", "The captain denied thus, the ship sank [1]."),
        ("Rents grew, so the mill stood idle [1].", "Rents grew, the mill stood idle [1]."),
    ],
)
def test_under_facts_articles_that_count_neither_come_nor_go(plain: str, voiced: str) -> None:
    assert Gate(FACTS).fault(plain, voiced)


@pytest.mark.parametrize(
    ("plain", "voiced"),
    [
        ("The mill stands near the river [1].", "Mill stands near the river [1]."),
        ("The mill was a house of wood [1].", "The mill was an abode of wood [1]."),
    ],
)
def test_under_facts_other_articles_may_come_and_go(plain: str, voiced: str) -> None:
    assert Gate(FACTS).fault(plain, voiced) == ""


COUNTED = (
    "third fifth", "second ninth", "hundreds thousands", "dozens scores", "twice thrice",
    "once twice", "tripled halved", "twofold tenfold", "single double", "quarter fifth",
    "weekly daily", "decade century", "miles inches", "ship boats", "works worked",
)  # fmt: skip
TURNED = (
    "unlawful lawful", "ineffective effective", "unable able", "nontoxic toxic", "harmless harmful",
    "useless useful", "immoral moral", "illegible legible", "irrelevant relevant",
    "dishonest honest", "mistrusted trusted", "deactivated activated", "foreseen overseen",
    "overestimated underestimated", "employer employee", "unlawful permitted", "majority minority",
    "maximum minimum", "present absent", "cheap expensive", "plausible impossible",
    "doubts notes", "red blue", "inflow outflow", "heavy light",
)  # fmt: skip


@pytest.mark.parametrize("pair", COUNTED + TURNED)
def test_under_facts_a_word_that_counts_or_turns_is_not_replaced(pair: str) -> None:
    one, other = pair.split()
    for a, b in ((one, other), (other, one)):
        plain, voiced = (f"The old mill near the river was {word} there [1]." for word in (a, b))
        assert Gate(FACTS).fault(plain, voiced)


def test_tables_that_would_turn_what_is_said_are_refused() -> None:
    assert wrong_tables(WORDS) == ""
    assert wrong_tables(Card("c", words={"is not": "ain't"})) == ""
    for bad in (
        Card("c", words={"not": "never"}),
        Card("c", words={"about": "exactly"}),
        Card("c", words={"ten": "10"}),
        Card("c", words={"ten": "twelve"}),
        Card("c", words={"twice": "once"}),
        Card("c", asides=("not at all",)),
        Card("c", asides=("42",)),
        Card("c", asides=("",)),
        Card("c", words={"old": ""}),
    ):
        assert wrong_tables(bad)


@given(st.lists(st.sampled_from([*PLAIN.split(), "Arr,", "not", "Tom", "7"]), max_size=22))
def test_whatever_passes_has_the_plain_words_in_their_order(words: list[str]) -> None:
    voiced = " ".join(words)
    if Gate(WORDS).fault(PLAIN, voiced) == "":
        assert [w for w in words if w != "Arr,"] == PLAIN.split()


@given(st.text(max_size=60))
def test_any_text_is_judged_without_an_error(text: str) -> None:
    for card in (WORDS, FACTS):
        assert isinstance(Gate(card).fault(PLAIN, text), str)
        assert isinstance(Gate(card).fault(text, PLAIN), str)
        if text.strip():
            again = Gate(card).fault(text, text)
            assert again in ("", "goes on for too long")
