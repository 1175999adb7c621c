"""What two claims cannot both be right about, and what only looks so: bounds, spans, units."""

from __future__ import annotations

import pytest

from agent.research.disagree import difference

UNITS = """
seconds minutes hours days weeks months milligrams grams kilograms tonnes tons ounces millimetres
centimetres metres kilometres miles inches feet yards litres gallons percent dollars euros pounds
watts kW MW acres hectares knots fathoms leagues furlongs volts kelvins joules calories km² m³ °C °F
"""


def told(one: str, other: str, question: str) -> bool:
    """Whether a difference is told, the same one either way round."""
    found, again = difference(one, other, question), difference(other, one, question)
    assert (found and found.sides) == (again and again.sides)
    return found is not None


@pytest.mark.parametrize("unit", UNITS.split())
@pytest.mark.parametrize(
    ("one", "other", "differ"),
    [
        ("50", "50", False),
        ("1,280", "1280", False),
        ("50", "about 51", False),
        ("78", "78.4", False),
        ("13.5", "13.54", False),
        ("340", "roughly 350", False),
        ("13 to 15", "14", False),
        ("50", "70", True),
    ],
)
def test_of_figures_in_one_unit_only_those_that_differ_are_told(
    unit: str, one: str, other: str, differ: bool
) -> None:
    thing = "of Skarholm measures at its most"
    found = told(
        f"The thing {thing} {one} {unit}.", f"The whole thing {thing} {other} {unit}.", "How much?"
    )
    assert found is differ


@pytest.mark.parametrize(
    ("question", "one", "other"),
    [
        ("How many inhabitants has Skarholm?",
         "The island of Skarholm has more than 1,000 inhabitants.",
         "The island of Skarholm has 1,200 inhabitants."),
        ("How many inhabitants has Skarholm?",
         "The island of Skarholm has at least 500 inhabitants.",
         "The island of Skarholm has 1,200 inhabitants."),
        ("How many inhabitants has Skarholm?",
         "The island of Skarholm has fewer than 5,000 inhabitants.",
         "The island of Skarholm has 1,200 inhabitants."),
        ("How many inhabitants has Skarholm?",
         "The island of Skarholm has no more than 5,000 inhabitants.",
         "The island of Skarholm has 1,200 inhabitants."),
        ("How many inhabitants has Skarholm?",
         "The island of Skarholm has 1,000 or more inhabitants.",
         "The island of Skarholm has 1,200 inhabitants."),
        ("How many inhabitants has Skarholm?",
         "The island of Skarholm has between 1,000 and 1,500 inhabitants.",
         "The island of Skarholm has 1,200 inhabitants."),
        ("How many inhabitants has Skarholm?",
         "The island of Skarholm has 1,000 to 1,500 inhabitants.",
         "The island of Skarholm has 1,200 inhabitants."),
        ("How many inhabitants has Skarholm?", "The island of Skarholm has 1,000+ inhabitants.",
         "The island of Skarholm has 1,200 inhabitants."),
        ("When was the mill built?", "The mill was built in the 1800s.",
         "The mill was built in 1873."),
        ("When was the mill built?", "The mill was built in the 1700s.",
         "The mill was built in 1789."),
        ("When was the mill built?", "The mill was built in the 18th century.",
         "The mill was built in 1789."),
        ("When was the mill built?", "The mill was built in the eighteenth century.",
         "The mill was built in the 1700s."),
        ("When was the mill built?", "The mill was built in the 17th or 18th century.",
         "The mill was built in 1650."),
        ("How long is the path?", "The path is 3 miles long.", "The path is 5 km long."),
        ("How tall is the cliff?", "The cliff is 300 feet high.",
         "The cliff is nearly 100 m high."),
        ("Where was the drug approved?", "The drug was approved in Norway.",
         "The drug was approved in Sweden."),
        ("Where was the drug approved?", "The drug was approved in Norway.",
         "The drug was not approved in Sweden."),
        ("Where is the drug sold?", "The drug is sold in Norway.", "The drug is sold in Sweden."),
        ("Was the drug approved?", "The drug Ixolin was not approved in America.",
         "The drug Ixolin was approved in Europe."),
        ("Was the drug approved?", "The drug Ixolin is not approved for children.",
         "The drug Ixolin is approved for adults."),
        ("How tall is the tower?", "The tower is 50 metres tall.",
         "The tower is 40 metres wide."),
        ("How tall is the tower?", "The tower of the church of Lund is 50 metres tall.",
         "The tower of the church of Lund is 40 metres wide."),
        ("When was the mill built?", "The mill, restored in 1990, was built of stone.",
         "The mill was built of stone in 1850."),
        ("When was the mill built?", "The mill was built of stone and restored in 1990.",
         "The mill was built of stone in 1850."),
        ("What is the mill built of?", "The mill, restored in 1990, was built of stone.",
         "The mill was built of stone in 1850."),
        ("When was the mill built?", "The mill was not built in 1850.",
         "The mill was built in 1855."),
        ("When was the mill built?", "The mill was not built in 1850 but in 1855.",
         "The mill was built in 1855."),
        ("When was the mill built?", "The mill was built in 1855, not in 1850.",
         "The mill was built in 1855."),
        ("How many people live on Skarholm?", "Skarholm has 1,200 inhabitants.",
         "500 people work on Skarholm."),
        ("How many people live on Skarholm?", "Skarholm has 1,200 inhabitants.",
         "In the storm 500 people died on Skarholm."),
        ("How many ships sank?", "In the storm of Lund over 30 ships sank.",
         "In the storm of Lund 34 ships sank."),
        ("How many ships sank?", "In the storm of Lund up to 40 ships sank.",
         "In the storm of Lund 34 ships sank."),
        ("How many ships sank?", "In the storm of Lund not 34 but 12 ships sank.",
         "In the storm of Lund 12 ships sank."),
        ("How many ships sank?", "In the storm of Lund 30 or more ships sank.",
         "In the storm of Lund 42 ships sank."),
        ("How much does it cost?", "A ticket to Skarholm costs at least $20.",
         "A ticket to Skarholm costs $35."),
        ("When was the church built?",
         "The church, which burned down in 1900, was built of wood.",
         "The church was built in 1812."),
        ("When was the church built?",
         "The church was built of wood after the town had burned in 1790.",
         "The church was built in 1812."),
        ("When was the church built?", "Built in 1812, the church was restored in 1950.",
         "The church was built in 1812."),
        ("Where is the language spoken?", "The language Skarian is spoken in Norway.",
         "The language Skarian is spoken in Sweden."),
        ("Is fishing allowed?", "Fishing in the lake of Lund is allowed in summer.",
         "Fishing in the lake of Lund is not allowed in winter."),
        ("Did prices rise?", "Prices of salt rose in Norway.", "Prices of salt fell in Sweden."),
        ("Who painted it?", "The portrait was not painted by Anna Holm.",
         "The portrait was painted by Peter Lund."),
        ("How many people live in Lund?", "Lund has 90,000 inhabitants.",
         "Lund has 40,000 students."),
        ("When was the abbey founded?", "The abbey was founded in the mid-1100s.",
         "The abbey was founded in 1147."),
        ("When was the abbey founded?", "The abbey was founded in the late 19th century.",
         "The abbey was founded in 1889."),
        ("When was it released?", "The game was released in 2019 in Japan.",
         "The game was released in 2020 in Europe."),
        ("How many books?", "The library of Lund holds over 2 million books.",
         "The library of Lund holds 2.4 million books."),
        ("How many books?", "The library of Lund holds 2 million books.",
         "The library of Lund holds nearly 2 million books."),
        ("Is it open?", "The museum of Lund is open on Mondays.",
         "The museum of Lund is closed on Sundays."),
        ("Was the treaty ratified?", "The treaty of Lund was ratified by Norway.",
         "The treaty of Lund was never ratified by Sweden."),
        ("When was the mill built?", "The mill was built in 1850 and enlarged in 1900.",
         "The mill was built in 1850."),
        ("How long is the whale?", "The whale of Lund is 20 m to 25 m long.",
         "The whale of Lund is 23 m long."),
        ("What does it cost?", "The bridge of Lund cost $3 million to $5 million.",
         "The bridge of Lund cost $4 million."),
    ],
)  # fmt: skip
def test_what_is_told_of_bounds_of_spans_or_of_something_else_can_both_be_right(
    question: str, one: str, other: str
) -> None:
    assert not told(one, other, question)


@pytest.mark.parametrize(
    ("question", "one", "other"),
    [
        ("How tall is the tower?", "The tower is 50 metres tall.",
         "The tower is 60 metres tall."),
        ("How tall is the tower?", "The tower is 50 metres.", "The tower is 60 metres."),
        ("Where was Anna Holm born?", "Anna Holm was born in Paris.",
         "Anna Holm was born in London."),
        ("Where is the lighthouse of Skarholm?", "The lighthouse of Skarholm stands in Norway.",
         "The lighthouse of Skarholm stands in Sweden."),
        ("Where is the lighthouse of Skarholm?", "The lighthouse of Skarholm is in Norway.",
         "The lighthouse of Skarholm is in Sweden."),
        ("How many inhabitants has Skarholm?",
         "The island of Skarholm has more than 5,000 inhabitants.",
         "The island of Skarholm has 1,200 inhabitants."),
        ("How many inhabitants has Skarholm?",
         "The island of Skarholm has fewer than 500 inhabitants.",
         "The island of Skarholm has 1,200 inhabitants."),
        ("How many inhabitants has Skarholm?",
         "The island of Skarholm has 2 million inhabitants.",
         "The island of Skarholm has 3 million inhabitants."),
        ("How many inhabitants has Skarholm?",
         "The island of Skarholm has 1,000 to 1,100 inhabitants.",
         "The island of Skarholm has 1,900 inhabitants."),
        ("How many inhabitants has Skarholm?",
         "The island of Skarholm has just over 1,000 inhabitants.",
         "The island of Skarholm has 1,900 inhabitants."),
        ("How long is the path?", "The path is 3 miles long.", "The path is 8 km long."),
        ("How hot is the spring?", "The spring of Lund is 78 °C hot.",
         "The spring of Lund is 160 °F hot."),
        ("When was the mill built?", "The mill was built in 1850.",
         "The mill was built in the 18th century."),
        ("When was the mill built?", "The mill was built in the 1850s.",
         "The mill was built in 1873."),
        ("When was the mill built?", "The mill was not built in 1850 but in 1855.",
         "The mill was built in 1850."),
        ("When was the mill built?", "The mill was not built in 1850.",
         "The mill was built in 1850."),
        ("When was the mill built?", "In 1850, the mill was built.",
         "The mill, restored in 1990, was built in 1870."),
        ("How many people live on Skarholm?", "Skarholm has 1,200 inhabitants.",
         "Skarholm has 1,500 people."),
        ("How many people live on Skarholm?", "Skarholm has 1,200 inhabitants.",
         "1,500 people live on Skarholm."),
        ("How many inhabitants has Skarholm?", "Skarholm has 1,200 inhabitants.",
         "Skarholm has a population of 1,500."),
        ("Is the drug effective?", "The drug Ixolin is effective against fever.",
         "The drug Ixolin is ineffective against fever."),
        ("Was it approved?", "The drug Ixolin was approved in Norway.",
         "The drug Ixolin was not approved in Norway."),
        ("Does it work?", "The vaccine of Lund works against fever in children.",
         "The vaccine of Lund does not work against fever in children."),
        ("How much did it cost?", "The bridge of Lund cost $5 million.",
         "The bridge of Lund cost $8 million."),
        ("How many ships sank?", "In the storm of Lund over 30 ships sank.",
         "In the storm of Lund 12 ships sank."),
        ("How many ships sank?", "In the storm of Lund 34 ships sank.",
         "In the storm of Lund 12 ships sank."),
        ("How much does it cost?", "A ticket to Skarholm costs less than $20.",
         "A ticket to Skarholm costs $35."),
        ("When was the church built?", "Built in 1812, the church was restored in 1950.",
         "The church was built in 1950."),
        ("Where did Holm die?", "The painter Anna Holm died in Paris.",
         "The painter Anna Holm died in London."),
        ("Where was the treaty signed?", "The treaty of the coast was signed in Paris.",
         "The treaty of the coast was signed in London."),
        ("Is fishing allowed?", "Fishing in the lake of Lund is allowed.",
         "Fishing in the lake of Lund is not allowed."),
        ("Is fishing allowed?", "Fishing in the lake of Lund is allowed in winter.",
         "Fishing in the lake of Lund is forbidden in winter."),
        ("Did prices rise?", "Prices of salt rose in Norway.", "Prices of salt fell in Norway."),
        ("How deep is the lake?", "The lake of Lund is 30 m deep.",
         "The lake of Lund has a depth of 45 m."),
        ("Who painted it?", "The portrait was painted by Anna Holm.",
         "The portrait was painted by Peter Lund."),
        ("When was the abbey founded?", "The abbey was founded in the 1100s.",
         "The abbey was founded in 1247."),
        ("How many books?", "The library of Lund holds 2 million books.",
         "The library of Lund holds 5 million books."),
        ("Is it open?", "The museum of Lund is open on Mondays.",
         "The museum of Lund is closed on Mondays."),
        ("Was the treaty ratified?", "The treaty of Lund was ratified by Norway.",
         "The treaty of Lund was never ratified by Norway."),
        ("When was the firm founded?",
         "The firm, which moved to Lund in 1950, was founded in 1900.",
         "The firm was founded in 1910."),
        ("When did the pass open?", "The pass did not open until 1850.",
         "The pass opened in 1840."),
        ("How long is the whale?", "The whale of Lund is 20 m to 25 m long.",
         "The whale of Lund is 33 m long."),
    ],
)  # fmt: skip
def test_what_is_outside_of_bounds_and_spans_or_of_the_same_is_a_difference(
    question: str, one: str, other: str
) -> None:
    assert told(one, other, question)


def test_a_unit_is_no_matter_that_two_claims_share() -> None:
    one, other = "The tower of Lund is 50 metres tall.", "The ship of Holm is 40 metres tall."
    assert not told(one, other, "How tall?")
