"""The only way to fetch a URL that came from a user, a document, a page or a tool.

Bounded in time and bytes, and never to an address of the inner network. It fetches and judges
nothing else: what the page says is `knowledge.read.page`'s affair.
"""

from __future__ import annotations

from knowledge.guard.fetch import Fetched, Policy, fetch
from knowledge.guard.lookup import Resolver
from knowledge.guard.lost import ConnectionLost

__all__ = ["ConnectionLost", "Fetched", "Policy", "Resolver", "fetch"]
