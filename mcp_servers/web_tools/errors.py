"""What can go wrong here beside a URL that was not fetched and a page that cannot be read."""

from __future__ import annotations

from agent.errors import AgentError


class WebError(AgentError):
    """The web cannot be used in this way; the message says why, the hint what to do."""
