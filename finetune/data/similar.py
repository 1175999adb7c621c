"""How alike two texts are, and hashes by which alike texts are found: shingles and MinHash.

Broder 1997, "On the resemblance and containment of documents". Own code of a page: the arrays of
numpy are all that it needs. It knows no rows and no files.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Shingles = NDArray[np.uint64]
    """Sorted, without repetition."""

WIDTH = 5
"""Characters of a shingle: with 5 of them, short texts still have enough to compare."""
BANDS, ROWS = 16, 4
"""Of a signature of 64 minima. Texts of Jaccard similarity s share a band with probability
1 - (1 - s^4)^16: 0.9998 at 0.8, 0.987 at 0.7, 0.64 at 0.5."""

_BASE = 0x100000001B3
"""The prime of FNV-1a; any large odd number would do."""
_AT_ONCE = 2048
_MASK = (1 << 64) - 1
_SPACE = re.compile(r"[\W_]+")


def normal(text: str) -> str:
    """The text as it is compared: letters and digits in lower case, one blank between words."""
    return _SPACE.sub(" ", unicodedata.normalize("NFKC", text).casefold()).strip()


def shingles(text: str) -> Shingles:
    """The hashed runs of `WIDTH` characters of a normal text; the whole where it is shorter."""
    import numpy as np

    signs = np.frombuffer(text.encode("utf-32-le"), dtype=np.uint32).astype(np.uint64)
    width = min(WIDTH, len(signs))
    if not width:
        return np.empty(0, dtype=np.uint64)
    count = len(signs) - width + 1
    hashed = np.zeros(count, dtype=np.uint64)
    for at in range(width):  # a polynomial of the characters, modulo 2^64
        hashed = hashed * np.uint64(_BASE) + signs[at : at + count]
    return np.unique(mixed(hashed))


def jaccard(one: Shingles, other: Shingles) -> float:
    """The share of the shingles of both that each of them has."""
    import numpy as np

    shared = len(np.intersect1d(one, other, assume_unique=True))
    return shared / max(1, len(one) + len(other) - shared)


def minima(found: Shingles) -> NDArray[np.uint64]:
    """The signature, shape (64,): of two sets together it is the smaller of each two numbers."""
    import numpy as np

    factors = _factors()
    least = np.full(BANDS * ROWS, _MASK, dtype=np.uint64)
    for at in range(0, len(found), _AT_ONCE):  # a long text must not fill the memory
        part = found[at : at + _AT_ONCE]
        np.minimum(least, (factors[:, None] * part).min(axis=1), out=least)
    return least


def band_hashes(least: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """One hash a band of a signature, shape (16,). Texts that share one are worth comparing."""
    import numpy as np

    weighed = least.reshape(BANDS, ROWS) * _factors().reshape(BANDS, ROWS)
    return mixed(weighed.sum(axis=1, dtype=np.uint64))


def mixed(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """splitmix64's finalizer (Steele, Lea, Flood 2014): each bit in reaches each bit out."""
    import numpy as np

    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))


@cache
def _factors() -> NDArray[np.uint64]:
    """The odd factors of multiply-shift hashing, shape (64,)."""
    import numpy as np

    state, odd = 0x9E3779B97F4A7C15, []
    for _ in range(BANDS * ROWS):
        state = (state * 6364136223846793005 + 1442695040888963407) & _MASK  # Knuth's MMIX
        odd.append(state | 1)
    return np.array(odd, dtype=np.uint64)
