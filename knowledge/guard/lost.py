"""The one kind of failure that another try may mend. Raised by the wire alone."""

from __future__ import annotations

from knowledge.errors import FetchFailed


class ConnectionLost(FetchFailed):
    """There was no connection, or it broke off before the answer was whole."""
