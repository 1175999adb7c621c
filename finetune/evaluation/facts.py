"""Whether a model that restyles grounded sentences keeps their facts; who checks is given.

The sentences go to the model one by one and as they stand. The persona pass masks numbers, names
and citations before, checks after, and shows the plain sentence where something moved: so these
figures are of the model alone, and tell how much of its voice will reach a reader.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import resources
from pathlib import Path

from finetune.errors import FinetuneError
from finetune.evaluation import intervals
from finetune.evaluation.results import Kept

CheckFacts = Callable[[str, str], str]
"""A plain and a restyled sentence in; what moved in words, empty where nothing did."""


def sentences(path: Path | None) -> list[str]:
    """The grounded sentences of a file, one a line; without a file, those that come along.

    Raises:
        FinetuneError: It cannot be read, holds none, or one that is far too long.
    """
    if path is None:
        text = (resources.files(__package__) / "grounded.txt").read_text(encoding="utf-8")
    else:
        try:
            text = path.read_text(encoding="utf-8")
        except OSError as error:
            raise FinetuneError(f"{path}: {error.strerror or error}.", hint=_HINT) from error
        except UnicodeDecodeError as error:
            raise FinetuneError(f"{path}: not UTF-8 text (byte {error.start}).") from error
    found = [line.strip() for line in text.splitlines() if line.strip()]
    for number, line in enumerate(found, 1):
        if len(line) > _LONGEST:
            raise FinetuneError(
                f"{path}: its sentence {number} has {len(line):,} characters, and {_LONGEST:,} are "
                "the most.",
                hint=_HINT,
            )
    if not found:
        raise FinetuneError(f"{path} holds no sentence.", hint=_HINT)
    return found


_LONGEST = 2000
"""Characters of a sentence."""
_HINT = "Name a text file with one grounded sentence a line, or leave --answers out."


def kept(plain: Sequence[str], said: Sequence[str], check: CheckFacts) -> Kept:
    """How many of the restyled sentences keep their facts.

    Args:
        plain: The sentences, at least one.
        said: What a model made of each; an empty one counts as a fault.
        check: Compares two.
    """
    faults = []
    for before, after in zip(plain, said, strict=True):
        if fault := check(before, after) if after else "is empty":
            faults.append((before, after, fault))
    lost = {before for before, _, _ in faults}
    changed = sum(_bare(a) != _bare(b) for a, b in zip(plain, said, strict=True))
    return Kept(
        kept=intervals.share([one not in lost for one in plain]),
        changed=changed / len(plain),
        faults=faults,
    )


def _bare(text: str) -> str:
    return " ".join(text.split())
