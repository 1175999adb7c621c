"""The words that turn a statement: deny, hedge, count, compare, or say who did what to whom.

English, by closed lists, by the look of a word (`un-`, `-less`) and by two words' common root. An
opposite that no list has and no affix shows is not known here. What is done about these words is
in `check.py`.
"""

from __future__ import annotations

import re
from functools import cache

from agent.numerals import NUMBER_WORDS, figures
from knowledge.lexical import terms

_DENIALS = "not no never none nobody nothing neither nor nowhere without hardly scarcely barely"
DENIALS = frozenset(_DENIALS.split())
"""Words that deny."""
_LIMITS = """
may might could can must should shall will would perhaps possibly probably maybe likely unlikely
seem seems seemed appear appears appeared apparently reportedly allegedly supposedly presumably
suggest suggests suggested estimate estimated believed thought claimed claims claim said says say
about approximately roughly around nearly almost mostly mainly usually often sometimes rarely
seldom always ever only just merely even still yet already again all every each any some most many
much few several both half either least more less fewer than over under above below exactly enough
too very if unless except but although though whether because so however instead first last next
other another same different surely certainly definitely doubtless
"""
LIMITS = DENIALS | frozenset(_LIMITS.split())
"""Words that deny, hedge, compare, count or condition: moved or lost, they turn a statement."""
_ROLES = """
by from to before after since until till into onto against between during per versus via towards
toward through across behind off of in on at upon that which and or here there
"""
ROLES = frozenset(_ROLES.split())
"""Words that say which part something has in what is told."""
_TURNS = """
refuse refused grant granted deny denied accept accepted reject rejected allow allowed
forbade harm harmed help helped hurt heal healed damage damaged repair repaired protect protected
increase decrease rise rose risen fall fell fallen grow grew grown shrink shrank gain lose lost win
won defeat beat up down high low large small big little long short old young new early late open
close opened closed begin began end start stop add remove allow forbid ban permit accept reject
import export buy bought sell sold give gave take took lend borrow send sent receive win pass fail
succeed true false right wrong good bad best worst better worse safe dangerous cause prevent north
south east west left dead alive born die died male female man woman father mother son daughter
brother sister husband wife black white hot cold full empty rich poor strong weak fast slow inside
outside enter leave arrive depart love hate friend enemy guilty innocent legal illegal public
private profit loss borrow teach learn lead follow raise lower widen narrow day night morning
evening summer winter spring autumn today tomorrow yesterday
present absent absence presence missing major minor majority minority maximum minimum maximal
minimal upper top bottom front back ancient modern hard soft heavy light thick thin deep shallow
broad near far close distant clean dirty wet dry sharp blunt bright dark dim loud quiet silent rough
smooth tight loose cheap expensive costly easy difficult simple complex rare common frequent partial
complete whole total temporary permanent brief foreign domestic native internal external interior
exterior local national urban rural civil military peace war victory defeat success failure attack
defend advance retreat expand contract extend shorten build built destroy demolish create abolish
appoint dismiss hire fire arrest release convict acquit praise condemn criticise criticize support
oppose join agree confirm contradict add subtract multiply divide climb drop decline plunge soar
freeze froze frozen melt boil float sink sank sunk lock save spend spent waste immigrate emigrate
ascend descend ancestor descendant predecessor successor senior junior master servant slave king
queen prince princess boy girl uncle aunt nephew niece widow buyer seller landlord tenant doctor
patient plaintiff defendant debtor creditor positive negative odd even horizontal vertical liquid
solid healthy sick ill mild severe benign malignant acute chronic fatal voluntary compulsory
mandatory optional required vacant occupied active passive constant variable flexible rigid brave
cowardly kind cruel wise foolish proud humble happy sad beautiful ugly sweet bitter fresh stale raw
tame wild natural artificial real genuine original secret famous obscure superior inferior surplus
deficit shortage abundant scarce asset liability income expense credit debit supply demand entrance
exit finish quick prohibit former latter previous following sole lone free able forget forgot
remember lack avoid refrain doubt dispute contest refute rebut disprove debunk deceive lie lied myth
rumour rumor hoax fiction fake forge pretend legend alleged suspect prove proved proven plan planned
hope try tried attempt intend promise threaten double triple quadruple halve pair couple non anti
red blue green yellow brown grey gray pink purple orange
"""
_FORMS = """
i me my we us our you your he him his she her it its they them their who whom whose what where when
why how myself himself herself itself themselves be am is are was were been being have has had
having do does did doing done get gets got
"""
FORMS = frozenset(_FORMS.split())
"""Words that stand for others, or say when something holds."""
ARTICLES = frozenset(["the", "a"])
"""In their common spelling."""
DROPPABLE = frozenset(["also", "moreover", "furthermore", "additionally"])
"""Words that link sentences and state nothing; a voice may leave them out, never put them in."""

_ORDINALS = """
first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth
fourteenth fifteenth sixteenth seventeenth eighteenth nineteenth twentieth thirtieth fortieth
fiftieth sixtieth seventieth eightieth ninetieth hundredth thousandth millionth billionth
"""
_COUNTS = """
once twice thrice half halves quarter quarters tens dozens scores hundreds thousands millions
billions trillions
"""
_FRACTIONS = (f"{word}s" for word in _ORDINALS.split() if word not in ("first", "second"))
_FOLDS = (f"{word}fold" for word in (*NUMBER_WORDS, "mani", "multi"))
COUNTS = frozenset([*_ORDINALS.split(), *_COUNTS.split(), *_FRACTIONS, *_FOLDS])
"""Words that count, besides the cardinal numbers."""

_NEGATED = re.compile(
    r"(?:un(?!cle|der|ion|iq|it|iv|iform)|non|in|im|il|ir|dis|mis(?![st]))\w{3,}|\w{3,}less"
)
"""What may be a denial by its look. It takes in `important`, which then keeps its place."""
_PREFIXES = """
un in im il ir non dis mis de anti counter over under out re pre post fore sub super semi hyper hypo
inter intra extra pro ex up down
"""
_SUFFIXES = "less ful er or ee ess"
_PLURAL_WORDS = "people men women children feet teeth mice geese oxen cattle police"
_PLURALS = frozenset(_PLURAL_WORDS.split())


@cache
def turns(word: str) -> bool:
    """Whether a word has, or may have, an opposite or a measure in it.

    Args:
        word: In lower case.
    """
    stems = terms(word)
    if not stems or not _turn_stems().isdisjoint(stems) or _NEGATED.fullmatch(word):
        return True
    return any(figure.unit for figure in figures(f"1 {word}"))


def replaces(word: str, other: str) -> bool:
    """Whether one common word may stand for another, as far as their forms tell.

    Not where both have one root, as `lawful` and `unlawful`, `employer` and `employee`, `works` and
    `worked`, nor where one only is a plural.
    """
    return _roots(word).isdisjoint(_roots(other)) and _plural(word) == _plural(other)


@cache
def _turn_stems() -> frozenset[str]:
    return frozenset(stem for word in _TURNS.split() for stem in terms(word))


@cache
def _roots(word: str) -> frozenset[str]:
    found = {word, *(word.removeprefix(prefix) for prefix in _PREFIXES.split())}
    found |= {part.removesuffix(suffix) for part in found for suffix in _SUFFIXES.split()}
    found = {part for part in found if len(part) > 2}
    return frozenset([*found, *(stem for part in found for stem in terms(part))])


def _plural(word: str) -> bool:
    """Whether a word looks like a plural, or like the verb that goes with a singular."""
    return word in _PLURALS or (word.endswith("s") and not word.endswith(("ss", "us", "is")))
