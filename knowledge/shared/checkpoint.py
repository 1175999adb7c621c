"""A version of the library written to the log now and then, so that nobody has to read all of it.

It says what the commits say, but for what its writer knows better by then: when its own sources
were last looked at, and which vectors the server has lost. No commit is ever deleted, so one that
is missing or damaged is passed over for the one before it, or for the commits from the first on.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import astuple
from typing import TYPE_CHECKING, Any

from knowledge.errors import KnowledgeError, LibraryCorrupt
from knowledge.shared.node import Node
from knowledge.shared.view import View
from knowledge.shared.wire import damaged
from knowledge.sources import Entry

if TYPE_CHECKING:
    from knowledge.shared.log import SharedLog
    from knowledge.shared.state import State
    from knowledge.shared.wire import Changes

EVERY = 100
"""Commits from one to the next: as many as one request reads."""


def keep(log: SharedLog, before: int, state: State) -> None:
    """Write the version that a cache is at, if enough commits lie between it and an earlier one.

    That it cannot be written is no harm: the commits are there.
    """
    if (number := state.version() // EVERY) > before // EVERY:
        with suppress(KnowledgeError):
            log.put_checkpoint(number, _write(state.view()))


def first_read(log: SharedLog, node: Node) -> tuple[View, Sequence[Changes]]:
    """A version to begin with, as a node sees it, and the commits after it.

    Raises:
        LibraryCorrupt: The commits are damaged, or a newer program's.
    """
    for text in log.checkpoints(EVERY):
        # One that does not belong to this log (a server put back to an earlier state) is damaged.
        with suppress(LibraryCorrupt):
            view = _read(text, node)
            return view, log.since(view.version, view.token)
    return View(node), log.since(0, "")


def _write(view: View) -> str:
    return json.dumps(
        {
            "version": view.version,
            "token": view.token,
            "nodes": [astuple(node) for node in view.nodes.values()],
            "claims": [(node, *astuple(entry)) for (node, _), entry in view.claims.items()],
            "documents": view.documents,
            "swept": view.swept,
            "paths": sorted(view.paths),
        },
        ensure_ascii=False,
        separators=(",", ":"),
    )


def _read(text: str, node: Node) -> View:
    try:
        found: dict[str, Any] = json.loads(text)
        if not isinstance(found["version"], int) or not isinstance(found["token"], str):
            raise TypeError
        claims = [(owner, Entry(*entry)) for owner, *entry in found["claims"]]
        return View(
            node,
            found["version"],
            found["token"],
            {one[0]: Node(*one) for one in found["nodes"]},
            {(owner, entry.source): entry for owner, entry in claims},
            found["documents"],
            found["swept"],
            {(owner, name, path) for owner, name, path in found["paths"]},
        )
    except (ValueError, KeyError, TypeError) as error:
        raise damaged("a checkpoint is not what this program writes") from error
