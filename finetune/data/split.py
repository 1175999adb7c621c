"""Which rows train, and which are held out; and single questions joined into conversations.

Splitting comes first: a conversation never holds rows of two splits.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from random import Random
from typing import TYPE_CHECKING

from finetune.data.rows import SPLITS, Message, Split
from finetune.data.similar import mixed
from finetune.data.stage import Stage

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_MASK = (1 << 64) - 1


def split(
    stage: Stage,
    there: Sequence[int],
    leader: Sequence[int],
    *,
    valid: float,
    test: float,
    seed: int,
    labels: Sequence[int] | None = None,
) -> dict[Split, array[int]]:
    """Deal rows out; those of one leader stay together.

    Where they go is told by a hash of a text of theirs and of the seed, not by what else is in the
    set: every set made of the same text holds the same of it out.

    Args:
        stage: The examples, of which some name their split.
        there: Those to deal out, ascending: all that repeat no other. Those that are not used
            come to no split.
        leader: Of each example the number by which it is bound to others.
        valid: The share to hold out, of the texts that name no split; 0 where a source gives it.
        test: Likewise.
        seed: Other seeds hold out other texts.
        labels: A number for each example's label, where labels are learnt: of each label that rows
            without a split have, at least one row is trained on.

    Returns:
        The rows of each split, ascending.
    """
    dealt: dict[Split, array[int]] = {name: array("Q") for name in SPLITS}
    places = _places(stage, there, leader, {"test": test, "valid": valid}, seed)
    if labels is not None:
        _train_each(labels, stage, there, leader, places)
    for number in there:
        if not stage.used[number]:
            continue
        wanted = stage.wanted[number]
        dealt[SPLITS[wanted if wanted >= 0 else places[leader[number]]]].append(number)
    return dealt


def _places(
    stage: Stage, there: Sequence[int], leader: Sequence[int], shares: dict[Split, float], seed: int
) -> array[int]:
    """Of each leader the split of its rows, as its place in `SPLITS`.

    A share comes out within chance, as each text is drawn by itself; but where it is to have one
    text at least, it has one, and something is left to train on. Texts bound to more others than
    the share allows for are trained on.
    """
    import numpy as np

    names, drawn, sizes = _clusters(stage, there, leader, seed)
    free = int(sizes.sum())
    places = np.full(len(names), SPLITS.index("train"), dtype=np.int8)
    left = places == SPLITS.index("train")
    end = 0.0
    for held, share in shares.items():
        start, end = end, end + share
        fit = np.flatnonzero(left & (sizes <= max(1, round(free * share))))
        chosen = fit[(drawn[fit] >= start) & (drawn[fit] < end)]
        if not len(chosen) and round(free * share):
            beyond = fit[drawn[fit] >= end]
            chosen = beyond[np.argsort(drawn[beyond], kind="stable")][:1]
        chosen = chosen[: max(0, int(left.sum()) - 1)]
        places[chosen] = SPLITS.index(held)
        left[chosen] = False
    whole = np.full(len(stage), SPLITS.index("train"), dtype=np.int8)
    whole[names] = places
    return array("b", whole.tobytes())


def _train_each(
    labels: Sequence[int],
    stage: Stage,
    there: Sequence[int],
    leader: Sequence[int],
    places: array[int],
) -> None:
    """Have a row of each label trained on: a label that is only held out cannot be learnt."""
    train = SPLITS.index("train")
    wanted = stage.wanted
    trained = {
        labels[number]
        for number in there
        if (wanted[number] if wanted[number] >= 0 else places[leader[number]]) == train
    }
    for number in there:
        if wanted[number] < 0 and labels[number] not in trained:
            places[leader[number]] = train
            trained.add(labels[number])


def _clusters(
    stage: Stage, there: Sequence[int], leader: Sequence[int], seed: int
) -> tuple[NDArray[np.intp], NDArray[np.float64], NDArray[np.intp]]:
    """The leaders whose rows are free, where each falls in [0, 1), and how many texts it has.

    It falls by the least hash of its texts. Rows made of one text count as one: that a model has
    written more of them moves nothing.
    """
    import numpy as np

    wanted = np.frombuffer(stage.wanted, dtype=np.int8)
    leaders = np.array(leader, dtype=np.intp)
    trained = np.zeros(len(stage), dtype=bool)
    trained[leaders[wanted == SPLITS.index("train")]] = True
    free = (wanted < 0) & ~trained[leaders]
    units = np.frombuffer(stage.units, dtype=np.uint64)
    least = np.full(len(stage), np.iinfo(np.uint64).max, dtype=np.uint64)
    np.minimum.at(least, leaders[free], units[free])

    counted = np.zeros(len(stage), dtype=bool)
    counted[np.array(there, dtype=np.intp)] = True
    counted &= free
    groups = np.frombuffer(stage.groups, dtype=np.uint64)
    texts = np.where(groups == 0, np.arange(len(stage), dtype=np.uint64), groups)
    _, one_each = np.unique(texts[counted], return_index=True)
    names, sizes = np.unique(leaders[counted][one_each], return_counts=True)
    drawn = mixed(least[names] ^ mixed(np.array([seed & _MASK], dtype=np.uint64)))
    return names, (drawn >> np.uint64(11)) / float(1 << 53), sizes


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
