"""What a user chooses about a set. Frozen; all of it stands in the set's manifest."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from finetune.data.columns import check
from finetune.data.conversation import ROLES
from finetune.data.pii import Treatment
from finetune.data.rows import Kind, Split
from finetune.errors import FinetuneError


@dataclass(frozen=True, slots=True)
class Source:
    """A file or a folder that rows come from."""

    path: Path
    split: Split | None = None
    """The split that all of it goes to; None for the seed to decide."""


@dataclass(frozen=True, slots=True)
class Options:
    """How sources become a set."""

    kind: Kind | Literal["auto"] = "auto"
    """What the set is to train; `auto` goes by the sources."""
    format: str = "auto"
    """One of `formats.FORMATS` or `voice.FORMS`; `auto` recognises each source by itself."""
    prompt: str = ""
    """A template of columns (see `columns.py`); with `answer`, any table can be read."""
    answer: str = ""
    """Likewise, for what is to be learnt: the answer, or the label of a `classify` set."""
    system: str = ""
    """A system message for all rows that have none of their own."""
    roles: tuple[tuple[str, str], ...] = ()
    """Roles beyond those known, as (name in the source, `user` | `assistant` | …)."""
    voice: str = ""
    """Whose turns are learnt, in chats and e-mail."""
    instruction: str = ""
    """How a plain text is handed to the voice, with `{text}`; empty for the built-in one."""
    valid: float = 0.05
    """Share of the rows held out for the choice of a checkpoint, unless a source gives them."""
    test: float = 0.05
    """Share of the rows held out for the evaluation, likewise."""
    join: int = 1
    """Single questions joined into conversations of up to so many turns, within their split."""
    near: float = 0.8
    """Jaccard similarity from which two texts count as the same; 1 for equal texts only."""
    pii: Treatment = "flag"
    """What becomes of rows with personal data, and of texts before a model is asked about them."""
    seed: int = 0
    extra: dict[str, str] = field(default_factory=dict)
    """What a caller wants kept in the manifest, such as the model that wrote plain versions."""

    def __post_init__(self) -> None:
        """Refuse what makes no sense.

        Raises:
            FinetuneError: A value is out of its range.
        """
        check(self.prompt, "--prompt")
        check(self.answer, "--answer")
        if self.format == "columns" and not self.prompt:
            raise FinetuneError(
                "Which columns are the prompt and the answer?",
                hint="--prompt '{question}' --answer '{reply}'",
            )
        if bool(self.prompt) != bool(self.answer):
            raise FinetuneError(
                "A prompt needs an answer, and an answer a prompt.",
                hint="--prompt '{question}' --answer '{reply}'",
            )
        if self.instruction and "{text}" not in self.instruction:
            raise FinetuneError(
                "The instruction does not say where the text goes.",
                hint="--instruction 'Say it your way: {text}'",
            )
        if not (0 <= self.valid < 1 and 0 <= self.test < 1 and self.valid + self.test < 1):
            raise FinetuneError(
                "The shares of validation and test must leave rows to train on.",
                hint="--valid 0.05 --test 0.05",
            )
        if not 0.5 <= self.near <= 1:
            raise FinetuneError(
                f"Two texts are near at a similarity of 0.5 to 1, not {self.near:g}.",
                hint="--near 0.8",
            )
        if self.join < 1:
            raise FinetuneError("A conversation has at least one turn.", hint="--join 3")
        for name, role in self.roles:
            if role not in ROLES.values():
                raise FinetuneError(
                    f"{name} cannot be a {role!r}: the roles are user, assistant, system, tool.",
                    hint=f"--role {name}=user",
                )
