"""Tells when something changes under a few paths. The only door to watchfiles."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import Any

from knowledge.filters import under

_QUIET_MS = 300
"""Changes are told together once nothing has happened for this long."""
_AT_MOST_MS = 1000
"""… or once the first of them is this old, while more keep coming."""
_LOOK_MS = 1000
"""Between two looks whether the folders are still the ones that are watched."""

Identity = tuple[int, int] | None


async def changes(paths: Sequence[str]) -> AsyncGenerator[frozenset[str], None]:
    """The paths that changed, a set at a time, until the generator is closed.

    The first set holds all paths, and comes once they are watched: what changed before that, while
    nobody looked, is found by whoever looks now. A file is watched through its folder, since
    editors replace files rather than write to them. A folder that goes, comes, or is replaced by
    another is told as changed itself, and watched again. Hidden files, version control's own
    folders, and caches are passed over, but for `.gitignore`. Ends at once where no path exists.
    """
    if not any(map(os.path.exists, paths)):
        return
    folders = {path: path if os.path.isdir(path) else str(Path(path).parent) for path in paths}
    told = frozenset(paths)
    while True:
        known = {path: _identity(folder) for path, folder in folders.items()}
        watched = sorted({folders[path] for path, identity in known.items() if identity})
        async with aclosing(_notified(watched, paths)) as notified:
            async for found in notified:
                # The watch stands: what it could not see happened before this moment.
                if told := told | found:
                    yield told
                told = frozenset(
                    path for path, folder in folders.items() if _identity(folder) != known[path]
                )
                if told:
                    break


def _identity(folder: str) -> Identity:
    """What tells a folder from another in its place; None where there is none."""
    try:
        state = os.stat(folder)
    except OSError:
        return None
    return state.st_dev, state.st_ino


async def _notified(
    folders: Sequence[str], paths: Sequence[str]
) -> AsyncGenerator[frozenset[str], None]:
    """What changes under the paths, and now and then nothing; without folders, always nothing."""
    from watchfiles import DefaultFilter, awatch

    if not folders:
        while True:
            await asyncio.sleep(_LOOK_MS / 1000)
            yield frozenset()
    usual = DefaultFilter()

    def counts(change: Any, path: str) -> bool:
        # What lies above a path that was added says nothing about it.
        below = (os.path.relpath(path, root) for root in paths if under(path, (root,)))
        return any(_is_shown(name) and usual(change, name) for name in below)

    for polls in (None, True):
        watching = awatch(
            *folders,
            watch_filter=counts,
            step=_QUIET_MS,
            debounce=_AT_MOST_MS,
            rust_timeout=_LOOK_MS,
            yield_on_timeout=True,
            force_polling=polls,
            poll_delay_ms=_LOOK_MS,
            ignore_permission_denied=True,
        )
        try:
            async with aclosing(watching) as noticed:
                async for found in noticed:
                    yield frozenset(path for _, path in found)
        except FileNotFoundError:  # it went just now
            await asyncio.sleep(_LOOK_MS / 1000)
            return
        except (OSError, RuntimeError):  # the system watches no more files than it is set to
            if polls:
                raise


def _is_shown(below: str) -> bool:
    """Whether a sync looks at a path below what was added; a folder library's own is hidden."""
    *above, last = below.split(os.sep)
    return not any(part.startswith(".") and part != "." for part in above) and (
        not last.startswith(".") or last in (".", ".gitignore")
    )
