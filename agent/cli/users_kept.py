"""What is kept of the users of `agent serve`, those who were removed too: sessions and files.

Who may ask, and with which key, is `agent.server.keys`'; the commands are `users.py`'s.
"""

from __future__ import annotations

import shlex
import shutil
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from agent.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from agent.paths import Paths


@dataclass(frozen=True, slots=True)
class Own:
    """What is kept of a user."""

    folder: Path
    name: str
    id: str

    @property
    def asked(self) -> bool:
        """Whether there are sessions."""
        return (self.folder / "transcripts.db").exists()

    @property
    def handed_in(self) -> list[Path]:
        """The files, of all libraries."""
        return [file for file in (self.folder / "files").rglob("*") if file.is_file()]

    def has(self, *, sessions: bool, files: bool) -> bool:
        """Whether any of that is kept."""
        return (sessions and self.asked) or (files and bool(self.handed_in))

    def syncs(self, libraries: list[str]) -> str:
        """What takes the files out of the libraries, once they are deleted.

        Args:
            libraries: Those that are known, by name.
        """
        from agent.server.uploads import folder_of

        folders = {file.parent.name for file in self.handed_in}
        known = {folder: name for name in libraries if (folder := folder_of(name)) in folders}
        commands = [f"agent --library {shlex.quote(name)} sync" for name in known.values()]
        if folders - set(known):
            commands.append("agent sync of each other library that they wrote to")
        return f"What libraries have of them is taken out by: {', '.join(commands)}"

    def deleted(
        self, libraries: Callable[[], list[str]], *, sessions: bool, files: bool
    ) -> list[str]:
        """Delete what is to be deleted; what became of all, line by line, for whoever typed it.

        Args:
            libraries: Gives what `syncs` takes.
            sessions: Whether the sessions are to be.
            files: Whether the files are to be.
        """
        again, told = f"agent users remove {self.name} --id {self.id}", []
        if self.asked and sessions:
            for file in self.folder.glob("transcripts.db*"):
                file.unlink(missing_ok=True)
            told.append(f"Deleted the sessions of {self.name}.")
        elif self.asked:
            told.append(f"Their sessions stay in {self.folder} until: {again} --sessions")
        many = len(self.handed_in)
        count = f"{many} file{'' if many == 1 else 's'}"
        if many and files:
            commands = self.syncs(libraries())
            shutil.rmtree(self.folder / "files", ignore_errors=True)
            told.append(f"Deleted {count} of {self.name}. {commands}")
        elif many:
            told.append(f"The library keeps {count} of theirs until: {again} --files")
        with suppress(OSError):  # where something is in it, it stays
            self.folder.rmdir()
        return told


def kept_of(paths: Paths, name: str) -> list[Own]:
    """What is kept of the users of a name, the earliest first: one who is there, and removed ones.

    Raises:
        UsageError: The name can be no user's.
    """
    from agent.server.user_records import check_name, id_in

    check_name(name)
    found = [
        Own(folder, name, own)
        for folder in (paths.data / "users").glob(f"{name}-*")
        if (own := id_in(folder.name, name)) is not None
    ]
    return sorted(found, key=lambda own: own.folder.stat().st_mtime)


def taken_over(
    name: str, earlier: Sequence[Own], *, with_sessions: bool, wanted: str | None
) -> Own | None:
    """Whose sessions a new user takes over; None for nobody's.

    Args:
        name: Of the new user.
        earlier: Those of that name who were removed, and whose sessions are kept.
        with_sessions: Whether they are to be taken over.
        wanted: Whose; None where there is no more than one.

    Raises:
        UsageError: There are sessions and nothing was said of them, or not whose, or they are not
            there.
    """
    again = f"agent users add {name} --with-sessions"
    if wanted is not None:
        found = next((own for own in earlier if own.id == wanted), None)
        if found is None or not with_sessions:
            raise UsageError(
                "--id says whose sessions --with-sessions takes over."
                if found is not None
                else f"No sessions are kept of an earlier user '{name}' with that ID.",
                hint=_each(again, earlier) or f"agent users add {name}",
            )
        return found
    if earlier and not with_sessions:
        raise UsageError(
            f"There are sessions of an earlier user '{name}', whom you have removed.",
            hint=f"{again}  or, to delete them: agent users remove {name} --sessions",
        )
    if len(earlier) > 1:
        raise UsageError(
            f"There are sessions of {len(earlier)} earlier users '{name}'.",
            hint=_each(again, earlier),
        )
    return earlier[0] if earlier else None


def _each(command: str, earlier: Sequence[Own]) -> str:
    return "  or  ".join(f"{command} --id {own.id}" for own in earlier)
