"""One connection of uvicorn's, which is given up where its peer says too little or opens too many.

uvicorn waits for ever for the rest of a request's head, before it is known who asks: whoever opens
connections and says nothing would otherwise keep everybody else out (an attack known as Slowloris).
"""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Iterator
from typing import TYPE_CHECKING

from uvicorn.protocols.http.h11_impl import H11Protocol

if TYPE_CHECKING:
    import h11

CONNECTIONS = 1_000
"""Open at once; uvicorn answers 503 to more."""
SHARE = CONNECTIONS // 4
"""Of one address. Those of this machine itself are not counted: a proxy may be one of them."""
PATIENCE = 10.0
"""Seconds for a whole head of a request to come."""


class Connection(H11Protocol):
    """One connection, from its opening to its end or to its becoming a WebSocket."""

    peer = ""
    """Whose it is, as far as that counts."""
    _late: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait, or give up at once where its peer has enough."""
        super().connection_made(transport)
        self.peer = peer_of(self.client[0]) if self.client is not None else ""
        if self.peer and sum(each.peer == self.peer for each in self._others()) >= SHARE:
            transport.abort()
        else:
            self._watch()

    def _others(self) -> Iterator[Connection]:
        for each in self.connections:
            if isinstance(each, Connection) and each is not self:
                yield each

    def data_received(self, data: bytes) -> None:
        """Take what has come."""
        super().data_received(data)
        self._watch()

    def handle_websocket_upgrade(self, event: h11.Request) -> None:
        """Hand over; from here on it is another protocol's."""
        super().handle_websocket_upgrade(event)
        self._rest()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget it."""
        self._rest()
        super().connection_lost(exc)

    def _watch(self) -> None:
        """Have it end in time where nothing is being answered."""
        if self not in self.connections or not self._idle:
            self._rest()
        elif self._late is None:
            self._late = self.loop.call_later(PATIENCE, self._give_up)

    @property
    def _idle(self) -> bool:
        return self.cycle is None or self.cycle.response_complete

    def _rest(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None

    def _give_up(self) -> None:
        self._late = None
        if self._idle:
            self.transport.abort()


def peer_of(address: str) -> str:
    """What counts as one peer: an address, or a network of IPv6, of which one peer has many.

    Args:
        address: Of whoever opened a connection.

    Returns:
        Empty for this machine itself.
    """
    try:
        known = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(known, ipaddress.IPv6Address) and known.ipv4_mapped is not None:
        known = known.ipv4_mapped
    if known.is_loopback:
        return ""
    return known.exploded[:19] if isinstance(known, ipaddress.IPv6Address) else str(known)
