from __future__ import annotations

import pytest

from agent.support import ENOUGH, numbers, support

PASSAGE = (
    "Acme Ltd was founded in 1987. It sold 1,200 looms a year. "
    "The company never paid a dividend. Nine mills closed when Jane Roe left."
)


def score(claim: str, passage: str = PASSAGE, about: str = "Annual report") -> float:
    found = support(claim, passage, about)
    assert found is not None
    return found.score


@pytest.mark.parametrize(
    "claim",
    [
        "Acme was founded in 1987.",
        "According to the report, it sells 1200 looms each year.",
        "The company did not pay dividends.",
        "When Jane Roe left, 9 mills were closed.",
    ],
)
def test_a_paraphrase_is_supported(claim: str) -> None:
    assert score(claim) >= ENOUGH


@pytest.mark.parametrize(
    "claim",
    [
        "Acme was founded in 1988.",
        "The company paid a dividend every year to its owners.",
        "Acme was not founded in 1987.",
        "Globex Corporation bought Initech in London.",
        "",
    ],
)
def test_another_claim_is_not(claim: str) -> None:
    assert score(claim) < ENOUGH


@pytest.mark.parametrize(
    ("claim", "passage"),
    [
        ("Lyon is the capital of France.", "Paris is the capital of France."),
        ("Microsoft bought Activision.", "Sony bought Activision."),
        ("It was signed by Germany in 1990.", "It was signed by France in 1990."),
        ("The treaty of Rome was signed.", "The treaty of Nice was signed."),
        ("The bridge has twenty arches.", "The bridge has thirty arches."),
        ("It sold two hundred looms.", "It sold three hundred looms."),
        ("It cost 3 million euros.", "It cost 3 billion euros."),
        ("The pump is serviced once per week.", "The pump is serviced once per day."),
        ("It sells 1,200 looms a month.", "It sells 1,200 looms a year."),
        ("The tunnel is 50 miles long.", "The tunnel is 50 km long."),
        ("It costs 612 euros per tonne.", "It costs 612 USD per tonne."),
        ("It costs 612 euros per tonne.", "It costs GBP 612 per tonne."),
        ("The music ends at 11.30 am.", "The music must end at 11.30 pm."),
        ("She served for 30 years.", "She served 22 years and retired on 30 September."),
        ("The siege lasted 12 days.", "The siege began on the 9th and lasted until 12 of May."),
        ("The vaccine is kept at 5 °C.", "The vaccine is kept at -5 °C."),
        ("The vaccine is kept at -5 °C.", "The vaccine is kept at 5 °C."),
        ("Napoleon was short.", "It is a myth that Napoleon was short."),
        ("Unplug the device.", "Do not unplug the device while updating."),
        ("Unplug the device.", "Do not unplug the device until the update ends."),
        ("The minister took bribes.", "The minister denied that he took bribes."),
        ("The moon is made of cheese.", "That the moon is made of cheese is not true."),
        ("The herb was not burnt.", "The herb was burnt in 1750, and nobody was hurt."),
        ("The bridge was never closed.", "The bridge was closed in 1990 and nobody was hurt."),
        ("The bridge was not closed.", "The bridge was closed without notice."),
        ("The bridge was not closed.", "The bridge was closed for no reason."),
        ("The herb was burnt, and nobody was hurt.", "The herb was not burnt; nobody was hurt."),
        ("The drug cures cancer in mice.", "The drug failed to cure cancer in mice."),
    ],
)
def test_one_wrong_name_number_unit_or_denial_is_enough(claim: str, passage: str) -> None:
    assert score(claim, passage) < ENOUGH


@pytest.mark.parametrize(
    ("claim", "passage"),
    [
        ("The German army won in 1871.", "The army of Germany won in 1871."),
        ("In 1969 NASA landed there.", "The National Aeronautics and Space Administration landed "
         "there in 1969."),
        ("French troops left in 1815.", "The troops of France left in 1815."),
        ("It is a work of embroidery.", "It is a work of embroidery, which is not woven."),
        ("Beyonce sang.", "Beyoncé sang."),
        ("Unplug the device first.", "First the device is to be unplugged."),
        ("Recently, thirty arches were repaired.", "30 arches were repaired."),
        ("It sold 1.2 thousand looms per year.", "It sold 1,200 looms annually."),
        ("The far side was seen in 1959.", "The far side was not seen until 1959."),
        ("It costs $612 per tonne.", "It costs 612 USD per tonne."),
        ("The music ends at 11.30 p.m.", "The music must end at 11.30 pm."),
        ("The hall is open from 5 pm to 7 pm.", "The hall is open between 5 and 7 pm."),
        ("She retired on September 30, 2024.", "She retired on 30 September 2024."),
        ("Napoleon was short.", "Napoleon was short, but he was not thin."),
        ("It runs on Linux and on Windows.", "It runs not only on Linux, but also on Windows."),
        ("It takes 5 days.", "It takes 5 to 6 days."),
        ("Napoleon was not short.", "It is a myth that Napoleon was short."),
        ("No dividend was paid by Acme.", "Acme paid no dividend, and nobody complained."),
        ("Acme never paid a dividend.", "Acme paid no dividend, and nobody complained."),
        ("Neither the mill nor the mine paid taxes.", "The mill and the mine did not pay taxes."),
        ("The drug did not cure cancer in mice.", "The drug failed to cure cancer in mice."),
        ("The plan was never accepted.", "The council refused to accept the plan."),
    ],
)  # fmt: skip
def test_the_same_in_another_form_is_supported(claim: str, passage: str) -> None:
    assert score(claim, passage) >= ENOUGH


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("square kilometres", "square miles"),
        ("square miles", "miles"),
        ("cubic metres", "square metres"),
        ("hectares", "acres"),
        ("knots", "kilometres an hour"),
        ("percent", "percentage points"),
        ("degrees Celsius", "degrees Fahrenheit"),
        ("nautical miles", "miles"),
        ("metres", "cubits"),
        ("fathoms", "ships"),
    ],
)
def test_a_figure_in_another_unit_is_not_supported(one: str, other: str) -> None:
    for mine, theirs in ((one, other), (other, one)):
        assert score(f"It measured 340 {mine} on land.", f"It measured 340 {theirs} on land.") == 0


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("square kilometres", "km²"),
        ("square kilometres", "km2"),
        ("square kilometres", "sq. km"),
        ("per cent", "percent"),
        ("miles an hour", "mph"),
        ("°C", "degrees Celsius"),
        ("people", "inhabitants"),
        ("ships", "vessels"),
        ("years", "consecutive years"),
    ],
)
def test_a_unit_in_another_form_or_a_thing_by_another_name_is_no_other_unit(
    one: str, other: str
) -> None:
    for mine, theirs in ((one, other), (other, one)):
        text = f"On the land it measured 340 {theirs} in 1990."
        assert score(f"On the land it measured 340 {mine} in 1990.", text) > 0


def test_a_page_or_a_line_is_no_evidence_for_a_number() -> None:
    passage = "The dose is 10 mg per day."
    assert score("The dose is 5 mg per day.", passage, "Leaflet p. 5") == 0
    assert score("The dose is 1 mg per day.", passage, "Leaflet line 1") == 0
    assert score("The dose in the leaflet is 10 mg per day.", passage, "Leaflet p. 5") == 1


def test_the_sentences_that_say_it_are_pointed_at() -> None:
    found = support("Acme, founded in 1987, sold 1,200 looms a year.", PASSAGE)
    assert found is not None
    assert PASSAGE[found.span.start : found.span.end] == (
        "Acme Ltd was founded in 1987. It sold 1,200 looms a year."
    )


def test_a_passage_without_a_sentence_supports_nothing() -> None:
    assert support("Acme.", " \n") is None


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("1,200 and 03 and 1.5 and 12,5", {"1200", "3", "1.5", "12,5"}),
        ("twelve hundred, 1.2 thousand", {"1200"}),
        ("two hundred and five or twenty-one", {"205", "21"}),
        ("two and three", {"2", "3"}),
        ("-5 °C, minus six, (−7)", {"-5", "-6", "-7"}),
        ("3-5 days, COVID-19, 1990–1995, 10 -4", {"3", "5", "19", "1990", "1995", "10", "4"}),
        ("a hundred, hundreds, 3 million", {"100", "3000000"}),
        ("00 and 0.50", {"0", "0.50"}),
        ("340 km2, 12 m3, CO2", {"340", "12", "2"}),
    ],
)
def test_numbers_are_read_in_digits_and_words_with_their_sign(text: str, read: set[str]) -> None:
    assert numbers(text) == read
