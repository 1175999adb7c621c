"""What of a sentence stands as others wrote it: quotations, code, formulas, and what is set bold.

Found by its marks alone. What is done about it is in `mask.py`, `tokens.py` and `pieces.py`.
"""

from __future__ import annotations

import re


def _single(opening: str, closing: str) -> str:
    """Single quotation marks, of which the closing one is an apostrophe, too.

    Within a word, or behind a plural's s, it closes nothing while another one follows.
    """
    inner = rf"[^{opening}{closing}\n]|(?<=\w){closing}(?=\w)|(?<=[sS]){closing}(?=\s)"
    # No quotation begins with "'em".
    return rf"(?<!\w){opening}(?!em\b)(?:{inner})+{closing}(?!\w)"


_QUOTATIONS = (
    r"“[^“”]+”",
    r"„[^„“”]+[“”]",
    r"(?<!\w)”[^“”]+”(?!\w)",
    r"«[^«»]+»",
    r"»[^«»]+[«»]",
    r"‹[^‹›]+›",
    r"›[^‹›]+[‹›]",
    r"「[^「」]+」",
    r"『[^『』]+』",
    r"‚[^‚‘’\n]+[‘’](?!\w)",
    r"(?<!\w)\"[^\"]+\"(?!\w)",
    _single("‘", "’"),
    _single("'", "'"),
)
_FORMULAS = (
    r"\$\$[^$]+\$\$",
    # As pandoc has it, no blanks within the signs: "$5 and $6" are prices.
    r"(?<![\\$\w])\$(?![\s$])[^$\n]*(?<![\s\\$])\$(?![\w$])",
    r"\\\([^\n]{1,500}?\\\)",
    r"\\\[[^\n]{1,500}?\\\]",
)
VERBATIM = "|".join((r"`[^`\n]+`", r"\*\*[^*\n]+\*\*", *_FORMULAS, *_QUOTATIONS))
"""The pattern, to stand within others; it holds no groups and no blanks."""
SPANS = re.compile(VERBATIM)
