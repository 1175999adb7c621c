"""Replies in somebody's voice, from chats and from e-mail: what was said to them, what they said.

Not a reader of every client's export: a line that names no speaker goes on with the last one's
words, and of a mail only its plain text counts.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from email import message_from_binary_file, policy
from email.message import EmailMessage
from email.utils import parseaddr
from mailbox import mbox
from pathlib import Path
from typing import Any

from finetune.data.voice import LeftOut, Unit, read_lines, turn_of
from finetune.errors import SourceError

_NOT_SAID = re.compile(
    r"<[^<>]*(?:omitted|weggelassen|omis)[^<>]*>|(?:image|video|audio|sticker) omitted"
    r"|(?:This message was deleted|You deleted this message)\.?",
    re.IGNORECASE,
)
_ATTRIBUTION = re.compile(r"(?:On|Am|Le|El)\b.{0,200}(?:wrote|schrieb|a écrit|escribió)\b.{0,60}:")
_FORWARDED = re.compile(r"-{2,} ?(?:Original|Forwarded) [Mm]essage ?-{2,}")
_MOST_ASKED = 2000
"""Characters of what was said before that stand in the prompt: the latest."""


def chat_units(path: Path, voice: str) -> Iterator[Unit | LeftOut]:
    """The turns of one speaker, each with what the others said since the turn before.

    Raises:
        SourceError: Nobody of that name speaks, or no name is given.
    """
    speaker = _speaker(path, voice)
    asked: list[str] = []
    said: list[str] = []
    begins = 0
    for line, who, text in _turns(path):
        if who == speaker:
            if not said:
                begins = line
            said.append(text)
            continue
        if said:
            yield _reply(asked, said, begins)
            asked, said = [], []
        asked.append(text)
    if said:
        yield _reply(asked, said, begins)


def mail_units(path: Path, voice: str) -> Iterator[Unit | LeftOut]:
    """What one person wrote, each mail with the words that it quotes.

    Raises:
        SourceError: Nobody of that name wrote, or no name is given and several wrote.
    """
    writers = Counter(_writer(mail) for _, mail in _mails(path))
    wanted = _choose(writers, voice, path)
    for number, mail in _mails(path):
        if _writer(mail) != wanted:
            continue
        own, quoted = _apart(mail)
        if not own:
            yield LeftOut(number, "a mail without words of its own")
        elif quoted:
            yield Unit(own, number, asked=quoted[-_MOST_ASKED:], kind="reply")
        else:
            subject = " ".join(str(mail.get("Subject", "")).split())
            asked = f"Write an e-mail about: {subject}" if subject else ""
            yield Unit(own, number, asked=asked, kind="reply" if asked else "passage")


def _turns(path: Path) -> Iterator[tuple[int, str, str]]:
    held: tuple[int, str, str] | None = None
    for number, line in read_lines(path):
        turn = turn_of(line)
        if turn:
            if held:
                yield held
            held = (number, turn[0], turn[1])
        elif held and line.strip():
            held = (held[0], held[1], f"{held[2]}\n{line.strip()}")
    if held:
        yield held


def _speaker(path: Path, voice: str) -> str:
    return _choose(Counter(who for _, who, _ in _turns(path)), voice, path)


def _choose(found: Counter[str], voice: str, path: Path) -> str:
    wanted = voice.strip().casefold()
    for name in found:
        if wanted and wanted in (name.casefold(), parseaddr(name)[1].casefold()):
            return name
    if not wanted and len(found) == 1:
        return next(iter(found))
    names = [name for name, _ in found.most_common(5)] or ["nobody"]
    what = f"nobody called {voice!r} speaks in it" if wanted else "several people speak in it"
    raise SourceError(f"{path}: {what}: {', '.join(names)}.", hint=f'--voice "{names[0]}"')


def _reply(asked: list[str], said: list[str], line: int) -> Unit | LeftOut:
    words = [text for text in said if not _NOT_SAID.fullmatch(text)]
    before = "\n".join(text for text in asked if not _NOT_SAID.fullmatch(text))
    if not words:
        return LeftOut(line, "no words: a picture, or a message taken back")
    if not before:
        return LeftOut(line, "nobody said anything before it")
    return Unit("\n".join(words), line, asked=before[-_MOST_ASKED:], kind="reply")


def _mails(path: Path) -> Iterator[tuple[int, EmailMessage]]:
    """Every mail of a file, with its number in an mbox (1 in a file of one mail)."""
    with path.open("rb") as stream:
        is_box = stream.read(5) == b"From "
        if not is_box:
            stream.seek(0)
            mail: Any = message_from_binary_file(stream, policy=policy.default)
            yield 1, mail
            return

    def parse(stream: Any) -> Any:
        return message_from_binary_file(stream, policy=policy.default)

    box = mbox(path, factory=parse, create=False)
    try:
        for number, one in enumerate(box, 1):
            found: Any = one
            yield number, found
    finally:
        box.close()


def _writer(mail: EmailMessage) -> str:
    name, address = parseaddr(str(mail.get("From", "")))
    return address.casefold() or name.casefold() or "nobody"


def _apart(mail: EmailMessage) -> tuple[str, str]:
    """A mail's own words and those that it quotes, without signature."""
    part = mail.get_body(("plain",))
    try:
        text = part.get_content() if part is not None else ""
    except (LookupError, ValueError):  # an encoding that nobody knows
        return "", ""
    own: list[str] = []
    quoted: list[str] = []
    for line in str(text).splitlines():
        if line.rstrip() == "--" or _FORWARDED.match(line.strip()):
            break
        if line.startswith(">"):
            quoted.append(line.lstrip("> ").rstrip())
        elif not _ATTRIBUTION.fullmatch(line.strip()):
            own.append(line.rstrip())
    return "\n".join(own).strip(), "\n".join(quoted).strip()
