"""Where a request connects to: the host's own checked addresses, or a proxy that is allowed."""

from __future__ import annotations

import urllib.request
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

from knowledge.errors import FetchFailed
from knowledge.guard.clock import Clock
from knowledge.guard.lookup import Resolver, addresses_of, look_up, refuse_inner_name
from knowledge.guard.urls import Target


class Proxy(NamedTuple):
    """An HTTP proxy, as the environment names it."""

    scheme: str
    host: str
    port: int
    auth: tuple[str, str] | None
    """User name and password."""


class Route(NamedTuple):
    """The one host that may be connected to, and the addresses that it stands for."""

    host: str
    port: int
    addresses: tuple[str, ...]
    proxy: Proxy | None = None
    """Where the host is a proxy's: that proxy."""


def route_to(
    target: Target,
    *,
    allow: tuple[str, ...],
    use_proxies: bool,
    resolve: Resolver,
    clock: Clock,
) -> Route:
    """Find the way to a host, checked.

    Raises:
        FetchRefused: The host is not allowed by name, and is not public.
        FetchFailed: The host, or the proxy, cannot be found.
    """
    proxy = _proxy_of(target) if use_proxies else None
    if proxy is None:
        return Route(target.host, target.port, addresses_of(target, allow, resolve, clock))
    if target.is_address:
        addresses_of(target, allow, resolve, clock)
    elif not target.is_in(allow):
        refuse_inner_name(target)
    found = look_up(proxy.host, proxy.port, resolve, clock)
    return Route(proxy.host, proxy.port, found, proxy)


def _proxy_of(target: Target) -> Proxy | None:
    """The proxy that the environment names for a URL, unless it exempts the host."""
    proxies = urllib.request.getproxies_environment()
    named = proxies.get(target.scheme) or proxies.get("all")
    exempt = urllib.request.proxy_bypass_environment  # type: ignore[attr-defined]
    if not named or exempt(target.authority):
        return None
    try:
        parts = urlsplit(named if "://" in named else f"http://{named}")
        usual = {"http": 80, "https": 443}[parts.scheme]
        port = parts.port or usual
    except (ValueError, KeyError):
        raise FetchFailed(
            "the proxy that the environment names is no http or https proxy",
            hint="Set HTTPS_PROXY to http://HOST:PORT, or unset it.",
        ) from None
    name, password = unquote(parts.username or ""), unquote(parts.password or "")
    return Proxy(parts.scheme, parts.hostname or "", port, (name, password) if name else None)
