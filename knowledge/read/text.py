"""Bytes to clean text, and plain text files. Guesses an encoding only where UTF-8 fails."""

from __future__ import annotations

import re

from knowledge.errors import ReadError
from knowledge.read.kinds import binary_format
from knowledge.types import Document

TEXT_LIMIT = 64 * 1024 * 1024
"""Bytes of a text file, and of the text inside a container, that are read. More is a data dump:
64 MiB are about 100,000 chunks, hours of embedding."""

_BOMS: tuple[tuple[bytes, str], ...] = (
    (b"\xef\xbb\xbf", "utf-8"),
    (b"\xff\xfe\x00\x00", "utf-32-le"),
    (b"\x00\x00\xfe\xff", "utf-32-be"),
    (b"\xff\xfe", "utf-16-le"),
    (b"\xfe\xff", "utf-16-be"),
)
_SAMPLE = 64 * 1024
"""Bytes looked at to guess an encoding."""
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f\x80-\x84\x86-\x9f\ufffe\uffff]")
_ANSI = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b\r\n]*(?:\x07|\x1b\\))")
"""What tells a terminal of colours, of where to write and of its title. Source: ECMA-48."""
_NO_LINE_ENDS = r"[\x0b\x0c\x1c-\x1e\u2028\u2029]"
"""What parts pages, records or paragraphs and ends no line, as grep, git and editors count them."""
_LEADING = re.compile(rf"(?:\A|(?<=[\r\n])){_NO_LINE_ENDS}+")
_WITHIN = re.compile(_NO_LINE_ENDS)
_BREAKS = re.compile(r"\r\n|[\r\x0b\x0c\x1c-\x1e\x85\u2028\u2029]")
_UNFIT = re.compile(r"[\x00-\x08\x0e-\x1f\x7f\ufffe\uffff]")
_SURROGATE = re.compile(r"[\ud800-\udfff]")
_WESTERN = re.compile(
    r"(?:[\x00-\x7f€‚„…†‡‰‹‘’“”•–—™›\xa0¡¢£¥§©ª«®°±²³´µ·º»¼½¾¿×÷]"
    r"|[À-ÖØ-Ýß-öø-ýŠšŒœŽžŸÿ](?![À-ÖØ-Ý]))*+"
)
"""Letters and signs of Western texts; accented letters in a row only in lower case."""
_C1_TO_SPACE = bytes(0x20 if 0x80 <= byte < 0xA0 else byte for byte in range(256))


def read_text(data: bytes, name: str) -> Document:
    """Read a plain text file. It has no sections: a plain text does not say what a heading is."""
    text, notes = decode(data)
    return Document(clean(text), "text", notes=notes)


def decode(data: bytes) -> tuple[str, tuple[str, ...]]:
    """Bytes to text: a byte order mark, else UTF-8, else a guess that the notes tell of.

    Raises:
        ReadError: It is no text, or in no encoding that can be told with confidence.
    """
    if len(data) > TEXT_LIMIT:
        raise too_large(len(data), TEXT_LIMIT)
    if what := binary_format(data):
        raise ReadError(f"not text: it is {what}")
    for bom, encoding in _BOMS:
        # Wide text without one zero byte holds no space and no line end: the mark is an accident.
        if data.startswith(bom) and (encoding == "utf-8" or 0 in data[len(bom) :]):
            try:
                return _checked(data[len(bom) :].decode(encoding)), ()
            except UnicodeDecodeError:
                raise ReadError(f"not text: it begins as {encoding} and breaks off") from None
    try:
        return _checked(data.decode("utf-8")), ()
    except UnicodeDecodeError:
        return _guess(data)


def _checked(text: str) -> str:
    sample = text[:_SAMPLE]
    strange = len(_CONTROL.findall(sample))
    if strange > max(2, len(sample) // 50):
        raise ReadError(f"not text: {100 * strange // len(sample)} % of it are control characters")
    return text


def _guess(data: bytes) -> tuple[str, tuple[str, ...]]:
    """Text that is not valid UTF-8.

    Western before all others: on short texts a general guesser prefers the East.

    Raises:
        ReadError: No encoding fits.
    """
    sample = data[:_SAMPLE]
    _checked(sample.translate(_C1_TO_SPACE).decode("latin-1"))
    high = sum(byte >= 0x80 for byte in data)
    repaired = data.decode("utf-8", "replace")
    lost = repaired.count("\ufffd")
    if lost * 20 < high:
        # Damaged UTF-8: in another encoding hardly one high byte would have fitted.
        places = "one place, which is" if lost == 1 else f"{lost} places, which are"
        return _checked(repaired), (f"not valid UTF-8 in {places} lost",)
    if high < len(data) * 0.3:
        western = data.decode("cp1252", "replace")
        if _WESTERN.fullmatch(western):
            return western, ("read as Windows-1252: it is not valid UTF-8",)
    from charset_normalizer import from_bytes

    best = from_bytes(sample, cp_exclusion=["ascii", "utf_8", "utf_16", "utf_32", "utf_7"]).best()
    if best is not None and best.coherence > 0:
        try:
            text = data.decode(best.encoding)
        except UnicodeDecodeError:
            pass
        else:
            return _checked(text), (f"read as {best.encoding}: it is not valid UTF-8",)
    raise ReadError("not text: neither UTF-8 nor another encoding that can be told")


def tidy(text: str) -> str:
    """Make any text storable and its lines countable.

    Line ends of every kind become line feeds; control characters and noncharacters go; lone
    surrogates become U+FFFD. All else stays as it is.
    """
    if not text.isascii():
        text = _SURROGATE.sub("\ufffd", text.removeprefix("\ufeff"))
    return _UNFIT.sub("", _BREAKS.sub("\n", text))


def clean(text: str) -> str:
    """The text of a file, tidy: its lines are those that other programs count.

    What colours a log goes. A page break is no line end: it goes where it begins a line, and is
    a space elsewhere.

    Raises:
        ReadError: Nothing but white space is left.
    """
    if "\x1b" in text:
        text = _ANSI.sub("", text)
    text = tidy(_WITHIN.sub(" ", _LEADING.sub("", text)))
    if not text.strip():
        raise ReadError("it holds no text")
    return text


def too_large(size: int, limit: int) -> ReadError:
    """The error for a file above a limit, both in bytes."""
    return ReadError(
        f"it is too large: {size / 2**20:.0f} MiB, above the limit of {limit // 2**20} MiB;"
        " split it into smaller files, or add the part that matters",
        hint="For example: split -C 32m --additional-suffix=.log big.log part-",
    )
