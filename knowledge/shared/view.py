"""What a shared library is at one version: the log's commits, applied one after the other."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from knowledge.filters import is_url

if TYPE_CHECKING:
    from knowledge.shared.node import Node
    from knowledge.shared.wire import Changes
    from knowledge.sources import Entry

TEXT_IS_LOST = "its text is missing on the server"
"""Why a source that was read cannot be searched."""
OF_ANOTHER_MACHINE = "of another machine"
"""Why a source cannot be looked at from here, as a person reads it."""


@dataclass(slots=True)
class View:
    """A version of the library, as one node sees it."""

    node: Node
    version: int = 0
    token: str = ""
    """Of the last commit; see `Changes`."""
    nodes: dict[str, Node] = field(default_factory=dict)
    claims: dict[tuple[str, str], Entry] = field(default_factory=dict)
    """Every source as the node that syncs it last saw it; by node and by name there."""
    documents: dict[str, bool] = field(default_factory=dict)
    """Whether a document has vectors, of all that were named and not swept."""
    swept: dict[str, int] = field(default_factory=dict)
    """The version that last swept a document: its epoch from then on."""
    paths: set[tuple[str, str, str]] = field(default_factory=set)
    """Node, list (`roots` or `excluded`) and path of what users added, or took out."""
    lost: set[str] = field(default_factory=set)
    """Documents whose texts the server does not have, or not whole."""

    def apply(self, commits: Iterable[Changes]) -> None:
        """Go on by some commits."""
        for changes in commits:
            self.version += 1
            self.token = changes.token
            node = changes.node
            self.nodes[node.id] = node
            for entry in changes.claims:
                self.claims[node.id, entry.source] = entry
            for key in changes.gone:
                self.claims.pop(key, None)
            for document_id, _, _ in changes.swept:
                self.documents.pop(document_id, None)
                self.swept[document_id] = self.version
            self.documents.update(changes.documents)
            for owner, name, path, there in changes.paths:
                (self.paths.add if there else self.paths.discard)((owner, name, path))

    def epoch(self, document_id: str) -> int:
        """Since which version's sweep the document's records go by their name; 0 for ever."""
        return self.swept.get(document_id, 0)

    def own(self) -> list[Entry]:
        """This node's sources, sorted by name."""
        mine = [entry for (node, _), entry in self.claims.items() if node == self.node.id]
        return sorted(mine, key=lambda entry: entry.source)

    def listed(self, node: str, name: str) -> set[str]:
        """The paths in one of a node's lists."""
        return {path for owner, which, path in self.paths if (owner, which) == (node, name)}

    def shown(self, node: str, path: str) -> str:
        """What a node's source or root is called here.

        A file of another machine goes by that machine's name, too: under its path there may lie
        another file here. A page of the web is the same from everywhere.
        """
        owner = self.nodes.get(node, self.node)
        if is_url(path) or owner.machine == self.node.machine:
            return path
        return f"{owner.label}:{path}"

    def sources(self) -> dict[str, Entry]:
        """The sources as they are called here, by name.

        Where several nodes of one machine added a file, or several anywhere a page, it is what the
        last of them read: that one of them could not read it hides nothing.
        """
        found: dict[str, Entry] = {}
        rank: dict[str, tuple[bool, float]] = {}
        # In the nodes' order, so that of two that looked in the same instant all see one.
        for (node, source), entry in sorted(self.claims.items(), key=lambda item: item[0]):
            name = self.shown(node, source)
            if entry.document_id in self.lost:
                entry = replace(entry, document_id=None, reason=TEXT_IS_LOST)
            looked = entry.document_id is not None, entry.indexed_at
            if name not in found or looked >= rank[name]:
                rank[name] = looked
                found[name] = replace(entry, source=name, root=self.shown(node, entry.root))
        return found

    def live(self) -> set[str]:
        """The documents that the sources name, as they are called here."""
        return {entry.document_id for entry in self.sources().values() if entry.document_id}


def is_foreign(source: str, nodes: Iterable[Node], here: Node) -> bool:
    """Whether a source, as it is called here, lies on another machine."""
    return any(
        source.startswith(f"{node.label}:") for node in nodes if node.machine != here.machine
    )
