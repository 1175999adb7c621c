"""Take sources of any node out of a shared library."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from knowledge.filters import named, under
from knowledge.shared.wire import Changes

if TYPE_CHECKING:
    from knowledge.shared.cache import Share
    from knowledge.shared.view import View


def remove(share: Share, names: Sequence[str]) -> tuple[str, ...]:
    """See `Library.remove`. What was added on another machine stays out of its syncs, too.

    Raises:
        SourceNotFound: A name matches no source, or several; nothing is taken out then.
    """
    removed: set[str] = set()
    # What was read here and not committed yet; read once, since it is unstaged on the way.
    staged = [entry.source for entry in share.catalog.sources.staged()]

    def changes(view: View) -> Changes:
        nonlocal removed
        me = share.node.id
        shown = {key: view.shown(*key) for key in view.claims}
        roots = {
            (node, path): view.shown(node, path)
            for node, name, path in view.paths
            if name == "roots"
        }
        # What was added here and not committed yet.
        roots |= {(me, path): path for path in share.catalog.sources.paths("roots")}
        removed, lost = _meant(names, [*shown.values(), *staged], [*roots.values()])
        gone = [key for key, source in shown.items() if source in removed]
        share.state.unstage(removed)
        paths = [
            (node, "roots", path, False) for (node, path), root in roots.items() if root in lost
        ]
        left = {node: [p for (n, p), root in roots.items() if n == node and root not in lost]
                for node, _ in roots}  # fmt: skip
        paths += [
            (node, "excluded", source, True)
            for node, source in sorted({*gone, *((me, s) for s in staged if s in removed)})
            if under(source, left.get(node, ()))
        ]
        return share.swept(view, Changes(share.node, gone=tuple(gone), paths=tuple(paths)))

    share.commit(changes)
    return tuple(sorted(removed))


def _meant(
    names: Sequence[str], sources: Sequence[str], roots: Sequence[str]
) -> tuple[set[str], set[str]]:
    """`filters.named`, where a name may also be that of another machine's file or folder."""
    gone: set[str] = set()
    lost: set[str] = set()
    typed = []
    for name in names:
        found = {source for source in sources if ":" in name and under(source, [name])}
        added = {root for root in roots if ":" in name and under(root, [name])}
        gone |= found
        lost |= added
        if not found and not added:
            typed.append(name)
    more, also = named(typed, sources, roots)
    return gone | more, lost | also
