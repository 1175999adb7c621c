"""Which rows train, and which are held out; and single questions joined into conversations.

Splitting comes first: a conversation never holds rows of two splits.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from random import Random

from finetune.data.rows import SPLITS, Message, Split
from finetune.data.stage import Stage


def split(
    stage: Stage,
    kept: Sequence[int],
    leader: Sequence[int],
    *,
    valid: float,
    test: float,
    seed: int,
) -> dict[Split, array[int]]:
    """Deal rows out; those of one leader stay together.

    Args:
        stage: The examples, of which some name their split.
        kept: Those to deal out, ascending.
        leader: Of each example the number by which it is bound to others.
        valid: The share to hold out, of the rows that name no split; 0 where a source gives it.
        test: Likewise.
        seed: Of the order in which groups are drawn.

    Returns:
        The rows of each split, ascending.
    """
    dealt: dict[Split, array[int]] = {name: array("Q") for name in SPLITS}
    sizes = array("Q", bytes(8 * len(stage)))  # of each group, at its leader's number
    leaders = array("Q")
    for number in kept:
        if stage.wanted[number] < 0:
            if not sizes[leader[number]]:
                leaders.append(leader[number])
            sizes[leader[number]] += 1
    Random(seed).shuffle(leaders)
    free = sum(sizes)
    targets: dict[Split, int] = {"test": round(free * test), "valid": round(free * valid)}
    places = array("b", [SPLITS.index("train")]) * len(stage)
    for name in leaders:
        # A group that would overfill what is held out trains instead: shares stay as asked for.
        for held, left in targets.items():
            if sizes[name] <= left:
                places[name] = SPLITS.index(held)
                targets[held] = left - sizes[name]
                break
    for number in kept:
        wanted = stage.wanted[number]
        dealt[SPLITS[wanted if wanted >= 0 else places[leader[number]]]].append(number)
    return dealt


def join(singles: Iterable[tuple[int, int, int]], turns: int, seed: int) -> list[list[int]]:
    """Put single questions together, each into one conversation and none with its own kin.

    Args:
        singles: (number, hash of the system message, leader) of each.
        turns: The most questions of a conversation; each gets 1 to so many.
        seed: Of the order and the lengths.

    Returns:
        The numbers of each conversation, in the order of its questions.
    """
    by_system: dict[int, list[tuple[int, int]]] = {}
    for number, system, leader in singles:
        by_system.setdefault(system, []).append((number, leader))
    random = Random(seed)
    whole: list[list[int]] = []
    for rows in by_system.values():
        random.shuffle(rows)
        at: list[int] = []
        length = random.randint(1, turns)
        kin: set[int] = set()
        for number, leader in rows:
            if len(at) == length or leader in kin:
                whole.append(at)
                at, length, kin = [], random.randint(1, turns), set()
            at.append(number)
            kin.add(leader)
        if at:
            whole.append(at)
    return whole


def joined(conversations: Iterable[list[Message]]) -> list[Message]:
    """Conversations of one system message one after the other, that message once."""
    whole: list[Message] = []
    for number, messages in enumerate(conversations):
        has_system = messages[0]["role"] == "system"
        whole += messages[1:] if number and has_system else messages
    return whole
