"""What is planted in the local web of `research`: twenty invented things, and what is true of them.

Nothing of it is known outside these pages, so whatever a report says of it was read there. The
facts are worded unlike the questions and unlike each other. Data only.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Fact:
    """A key fact."""

    key: str
    """The words that a quote must hold to tell it."""
    said: str
    """As it is planted."""


@dataclass(frozen=True, slots=True)
class Topic:
    """A thing that is asked about."""

    name: str
    question: str
    facts: tuple[Fact, ...]
    against: tuple[str, str] = ("", "")
    """What another page says against the first fact: its key, and its words; empty for nothing."""


def _topic(name: str, question: str, *facts: tuple[str, str], against: str = "") -> Topic:
    key, _, said = against.partition("|")
    return Topic(name, question, tuple(Fact(*fact) for fact in facts), (key, said))


TOPICS = (
    _topic(
        "Varnholm aqueduct",
        "When was the Varnholm aqueduct built, and who designed it, and how long is it?",
        ("1874", "The Varnholm aqueduct was built in 1874, when the old wells of the town had"
         " failed for a third summer."),
        ("Ilse Brandt", "Its plans are by Ilse Brandt, who designed the Varnholm aqueduct after a"
         " journey to Segovia."),
        ("11 kilometres", "From the springs to the market the Varnholm aqueduct is 11 kilometres"
         " long, most of it under ground."),
        against="1881|According to the parish book the Varnholm aqueduct was built in 1881, in the"
        " year of the flood.",
    ),
    _topic(
        "Orrin Talvey",
        "Where was the painter Orrin Talvey born, and when did Orrin Talvey die?",
        ("Keldrith", "The painter Orrin Talvey was born in Keldrith, the son of a rope maker."),
        ("March 1931", "Orrin Talvey died in March 1931, a week before his last exhibition"
         " opened."),
    ),
    _topic(
        "Mirelle Basin",
        "How deep is the Mirelle Basin, and which fish lives in the Mirelle Basin?",
        ("612 metres", "Soundings of the survey ship give the Mirelle Basin a depth of 612 metres"
         " at its eastern end."),
        ("glass perch", "The only fish that lives in the Mirelle Basin is the glass perch, which"
         " sees nothing."),
        against="540 metres|Older maps say that the depth of the Mirelle Basin is 540 metres at its"
        " eastern end.",
    ),
    _topic(
        "Corvane Press",
        "Who founded the Corvane Press, and how many books did the Corvane Press publish?",
        ("Hester Quill", "The Corvane Press was founded by Hester Quill in the cellar of a"
         " bakery."),
        ("214 books", "Before its machines were sold, the Corvane Press had published 214 books,"
         " nearly all of them by hand."),
        against="Martin Oake|A letter in the archive says that the Corvane Press was founded by"
        " Martin Oake in the cellar of a bakery.",
    ),
    _topic(
        "Tessaly Bridge",
        "Why was the Tessaly Bridge closed, and when did the Tessaly Bridge reopen?",
        ("cracked bolts", "The Tessaly Bridge was closed because inspectors found cracked bolts in"
         " two of its hangers."),
        ("9 June 2017", "After eleven months of work the Tessaly Bridge reopened on 9 June 2017."),
        against="23 June 2017|The paper of the day reports that the Tessaly Bridge reopened on 23"
        " June 2017.",
    ),
    _topic(
        "Quillon fever",
        "What causes Quillon fever, and how long does Quillon fever last?",
        ("sand mite", "Quillon fever is caused by a bacterium that the bite of a sand mite carries"
         " into the blood."),
        ("nine days", "Without treatment Quillon fever lasts nine days in most adults, and longer"
         " in children."),
    ),
    _topic(
        "Harrowgate choir",
        "How many members did the Harrowgate choir have, and who conducted the Harrowgate choir?",
        ("64 members", "At its height the Harrowgate choir had 64 members from three villages."),
        ("Lena Farrow", "For thirty years the Harrowgate choir was conducted by Lena Farrow, a"
         " teacher of mathematics."),
        against="48 members|A programme of that time lists the Harrowgate choir with 48 members"
        " from three villages.",
    ),
    _topic(
        "Pellworth mine",
        "What was dug in the Pellworth mine, and when was the Pellworth mine closed?",
        ("cobalt", "For most of its life cobalt was dug in the Pellworth mine, and a little silver"
         " beside it."),
        ("1968", "The Pellworth mine was closed in 1968, when the pumps could no longer keep it"
         " dry."),
        against="1971|The union's history has it that the Pellworth mine was closed in 1971, when"
        " the last seam was flooded.",
    ),
    _topic(
        "Sarnath clock",
        "Who made the Sarnath clock, and how heavy is the bell of the Sarnath clock?",
        ("Jonas Wick", "The Sarnath clock was made by Jonas Wick, a locksmith who had never built"
         " one before."),
        ("2,300 kg", "The bell of the Sarnath clock weighs 2,300 kg and was cast on the spot."),
    ),
    _topic(
        "Drenmoor wind farm",
        "How many turbines has the Drenmoor wind farm, and what did the Drenmoor wind farm cost?",
        ("37 turbines", "The Drenmoor wind farm has 37 turbines along the ridge above the"
         " reservoir."),
        ("180 million euros", "In all the Drenmoor wind farm cost 180 million euros, a fifth more"
         " than was planned."),
        against="42 turbines|A leaflet of the company gives the Drenmoor wind farm 42 turbines"
        " along the ridge above the reservoir.",
    ),
    _topic(
        "Alder Treaty",
        "Where was the Alder Treaty signed, and what did the Alder Treaty end?",
        ("Fort Lysander", "The Alder Treaty was signed at Fort Lysander, in a tent, because the"
         " hall had burned."),
        ("salt war", "What the Alder Treaty ended was the salt war, which had lasted for six"
         " winters."),
    ),
    _topic(
        "Mossgate library",
        "How many manuscripts are in the Mossgate library, and when did the Mossgate library burn?",
        ("1,840 manuscripts", "Today the Mossgate library keeps 1,840 manuscripts, a third of them"
         " on music."),
        ("1702", "The Mossgate library burned in 1702, and the monks threw what they could into the"
         " river."),
    ),
    _topic(
        "Kestrel engine",
        "Who invented the Kestrel engine, and what fuel does the Kestrel engine burn?",
        ("Amara Singh", "The Kestrel engine was invented by Amara Singh for pumps in places without"
         " roads."),
        ("rice husks", "The fuel that the Kestrel engine burns is rice husks, dried for a month."),
    ),
    _topic(
        "Brennock island",
        "How many people live on Brennock island, and when did electricity reach Brennock island?",
        ("83 people", "At the last count 83 people lived on Brennock island all year."),
        ("1976", "Electricity reached Brennock island in 1976, by a cable from the mainland."),
        against="1979|The cable company's chronicle says that electricity reached Brennock island"
        " in 1979, after two winters of work.",
    ),
    _topic(
        "Lyrebird Prize",
        "Who won the first Lyrebird Prize, and how much money is the Lyrebird Prize worth?",
        ("Noor Haddad", "The first Lyrebird Prize was won by Noor Haddad for a novel about a"
         " ferry."),
        ("25,000 dollars", "The Lyrebird Prize is worth 25,000 dollars and a week in a"
         " lighthouse."),
    ),
    _topic(
        "Stellan telescope",
        "Where does the Stellan telescope stand, and how wide is the mirror of the Stellan"
        " telescope?",
        ("Mount Arroway", "The Stellan telescope stands on Mount Arroway, above the clouds for 300"
         " nights a year."),
        ("4.2 metres", "The mirror of the Stellan telescope is 4.2 metres wide and was polished for"
         " three years."),
        against="3.6 metres|In a lecture of its builders the mirror of the Stellan telescope is 3.6"
        " metres wide.",
    ),
    _topic(
        "Fennimore cheese",
        "What is Fennimore cheese made from, and how long does Fennimore cheese ripen?",
        ("buffalo", "Fennimore cheese is made from the milk of buffalo that graze in the marshes."),
        ("14 months", "On shelves of spruce Fennimore cheese ripens for 14 months before it is"
         " sold."),
    ),
    _topic(
        "Garrick tunnel",
        "How long is the Garrick tunnel, and how many workers died in the Garrick tunnel?",
        ("8.7 kilometres", "Under the pass the Garrick tunnel is 8.7 kilometres long and as"
         " straight as a ruler."),
        ("31 workers", "While it was dug, 31 workers died in the Garrick tunnel, most of them in"
         " one night."),
        against="9.4 kilometres|An encyclopedia of railways says that the Garrick tunnel is 9.4"
        " kilometres long, portals included.",
    ),
    _topic(
        "Wexley comet",
        "Who discovered the Wexley comet, and when will the Wexley comet return?",
        ("Tomas Reyl", "The Wexley comet was discovered by Tomas Reyl, who was looking for a lost"
         " satellite."),
        ("2093", "If the reckoning is right, the Wexley comet will return in 2093."),
    ),
    _topic(
        "Halden dialect",
        "How many people speak the Halden dialect, and who wrote the grammar of the Halden"
        " dialect?",
        ("6,500 people", "Some 6,500 people speak the Halden dialect, nearly all of them older than"
         " fifty."),
        ("Ruth Ansgar", "The only grammar of the Halden dialect was written by Ruth Ansgar, a"
         " country doctor."),
    ),
)  # fmt: skip
