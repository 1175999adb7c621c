"""E-mail: one message (.eml), or a mailbox of them (.mbox). Attachments are named, not read."""

from __future__ import annotations

import re
from collections.abc import Iterator
from email import message_from_bytes, policy
from email.message import EmailMessage
from email.utils import parsedate_to_datetime
from typing import Any, cast

from knowledge.errors import ReadError
from knowledge.read import stopping
from knowledge.read.html import convert
from knowledge.read.outline import sections_of
from knowledge.read.text import decode, tidy
from knowledge.read.writer import Writer
from knowledge.types import Document

MAX_MESSAGES = 250_000
MAX_PARTS = 1_000
"""Parts of one message that are looked at."""
_BOUNDARIES = 100_000
"""Lines of one message that may begin a part; each costs the parser 60 microseconds."""
_LONGEST_HEADER = 5_000
"""Characters of one header that are parsed: the time for more grows with their square."""
_SHOWN = ("From", "To", "Cc", "Date")
_TELLING = ("From", "To", "Subject", "Date", "Message-ID", "Received", "Return-Path")
"""A file with none of these headers is no message: to the parser any bytes are one."""
_SEPARATOR = re.compile(rb"(?:\A|(?<=\n\n)|(?<=\n\r\n))From [^\r\n]*\d{4}[^\r\n]*\r?\n")
"""The line before each message of a mailbox, with a date, after an empty line."""
_QUOTED = re.compile(rb"^>(>*From )", re.MULTILINE)


class _Policy(policy.EmailPolicy):
    """The library's own, for headers of bounded length."""

    def header_fetch_parse(self, name: str, value: str) -> Any:
        return super().header_fetch_parse(name, value[:_LONGEST_HEADER])


_POLICY = _Policy()


def read_email(data: bytes, name: str) -> Document:
    """Read a message or a mailbox, each message a section under its subject and day.

    Raises:
        ReadError: It holds no message.
    """
    if name.lower().endswith(".mbox") or _SEPARATOR.match(data):
        return _read_mailbox(data)
    message = _parsed(data)
    out = Writer()
    _write(message, out)
    text, title = out.text(), _subject(message)
    return Document(text, "email", title=title, sections=sections_of(text, out.headings))


def _read_mailbox(data: bytes) -> Document:
    out = Writer()
    bad = 0
    for number, raw in enumerate(_messages(data), 1):
        stopping.check()
        if number > MAX_MESSAGES:
            raise ReadError(f"it holds more than {MAX_MESSAGES:,} messages: split it")
        try:
            _write(_parsed(raw), out)
        except ReadError:
            if not raw.strip():
                continue
            bad += 1
    if not out.length:
        raise ReadError("it is not a mailbox: it holds no messages")
    text = out.text()
    notes = (f"{bad} damaged messages left out",) if bad else ()
    return Document(text, "email", sections=sections_of(text, out.headings), notes=notes)


def _messages(data: bytes) -> Iterator[bytes]:
    begin = None
    for line in _SEPARATOR.finditer(data):
        if begin is not None:
            yield _QUOTED.sub(rb"\1", data[begin : line.start()])
        begin = line.end()
    if begin is not None:
        yield _QUOTED.sub(rb"\1", data[begin:])


def _parsed(data: bytes) -> EmailMessage:
    if data.count(b"\n--") > _BOUNDARIES:
        raise ReadError("the e-mail has too many parts")
    try:
        message = cast(EmailMessage, message_from_bytes(data.lstrip(b"\r\n"), policy=_POLICY))
    except RecursionError:
        raise ReadError("the e-mail is damaged: it nests too deeply") from None
    except Exception:  # the parser fails on damaged messages with errors of every type
        raise ReadError("the e-mail is damaged") from None
    if not any(key in message for key in _TELLING):
        raise ReadError("it is not an e-mail: it has no sender, subject or date")
    return message


def _write(message: EmailMessage, out: Writer) -> None:
    """Write a message; nothing of it where it cannot be read.

    Raises:
        ReadError: It grows above the limit for text.
    """
    out.mark(1, _heading(message))
    subject = _subject(message)
    out.block(f"# {subject}" if subject else "")
    lines = 2
    for key in _SHOWN:
        if value := _header(message, key):
            out.block(f"- {key}: {value}", lines=lines)
            lines = 1
    body, attached = _parts(message)
    out.block(body)
    lines = 2
    for line in attached:
        out.block(f"- Attachment: {line}", lines=lines)
        lines = 1


def _heading(message: EmailMessage) -> str:
    """The subject, and the day, which parts the messages of a thread."""
    subject = _subject(message) or "(no subject)"
    try:
        return f"{subject} ({parsedate_to_datetime(_header(message, 'Date')):%Y-%m-%d})"
    except (ValueError, TypeError, IndexError, OverflowError):
        return subject


def _subject(message: EmailMessage) -> str:
    return _header(message, "Subject")


def _header(message: EmailMessage, key: str) -> str:
    """A header's value, decoded, in one line; empty where there is none or it is damaged."""
    try:
        return " ".join(tidy(str(message.get(key) or "")).split())
    except Exception:  # as the parser above: headers are parsed when they are asked for
        return ""


def _parts(message: EmailMessage) -> tuple[str, list[str]]:
    """The text, preferably the plain one, and what is attached in words."""
    plain: list[str] = []
    rich: list[str] = []
    attached: list[str] = []
    waiting = [message]
    seen = 0
    while waiting and seen < MAX_PARTS:
        part = waiting.pop()
        seen += 1
        kind = part.get_content_type()
        name = _filename(part)
        if kind.startswith("multipart/") and part.is_multipart():
            waiting += [p for p in reversed(list(part.iter_parts())) if hasattr(p, "iter_parts")]
        elif name or kind not in ("text/plain", "text/html"):
            if not kind.startswith("multipart/"):
                attached.append(f"{name or 'without a name'} ({kind})")
        elif kind == "text/html":
            rich.append(_text(part))
        else:
            plain.append(_text(part))
    body = "\n\n".join(text.strip("\n") for text in plain if text.strip())
    if not body:
        body = "\n\n".join(filter(None, (_converted(markup) for markup in rich)))
    return body, attached


def _filename(part: EmailMessage) -> str:
    try:
        name = part.get_filename() or ""
        if not name and part.get_content_disposition() == "attachment":
            name = "without a name"
    except Exception:  # as above
        return ""
    return " ".join(tidy(name).split())


def _text(part: EmailMessage) -> str:
    """The words of a text part, in the encoding it names, or in one that fits."""
    try:
        payload = part.get_payload(decode=True)
        charset = part.get_content_charset("utf-8")
    except Exception:  # as above
        return ""
    if not isinstance(payload, bytes):
        return ""
    try:
        return tidy(payload.decode(charset))
    except (LookupError, ValueError):
        pass
    try:
        return tidy(decode(payload)[0])
    except ReadError:
        return tidy(payload.decode("utf-8", "replace"))


def _converted(markup: str) -> str:
    try:
        return convert(markup).text
    except ReadError:
        return ""
