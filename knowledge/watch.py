"""Tells when something changes under a few paths. The only door to watchfiles."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, Sequence
from pathlib import Path

from knowledge.filters import under

_QUIET_MS = 300
"""Changes are told together once nothing has happened for this long."""
_AT_MOST_MS = 1000
"""… or once the first of them is this old, while more keep coming."""


async def changes(paths: Sequence[str]) -> AsyncGenerator[frozenset[str], None]:
    """The paths that changed, a set at a time, until the generator is closed.

    A file is watched through its folder, since editors replace files rather than write to them.
    Paths that do not exist are not watched; version control's own folders, and caches, are passed
    over.
    """
    import watchfiles

    wanted = [path for path in paths if os.path.exists(path)]
    folders = {path if os.path.isdir(path) else str(Path(path).parent) for path in wanted}
    if not folders:
        return
    async for found in watchfiles.awatch(
        *sorted(folders), step=_QUIET_MS, debounce=_AT_MOST_MS, ignore_permission_denied=True
    ):
        if changed := frozenset(path for _, path in found if under(path, wanted)):
            yield changed
