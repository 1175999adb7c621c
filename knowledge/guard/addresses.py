"""Which IP addresses belong to the public internet, and what the others are. Opens nothing.

A list of what is allowed, not of what is forbidden: an IPv6 address is public only within
2000::/3, the one range that is handed out, and every range with a purpose of its own is named.
Sources: the IANA special-purpose address registries for IPv4 and IPv6 (RFC 6890 and its updates).
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

_V4 = (
    ("169.254.169.254/32", "the address of a cloud's metadata service"),
    ("168.63.129.16/32", "the address of a cloud's metadata service"),
    ("100.100.100.200/32", "the address of a cloud's metadata service"),
    ("0.0.0.0/8", "an unspecified address"),
    ("10.0.0.0/8", "a private address"),
    ("100.64.0.0/10", "an address shared by a provider's customers (CGNAT)"),
    ("127.0.0.0/8", "a loopback address"),
    ("169.254.0.0/16", "a link-local address"),
    ("172.16.0.0/12", "a private address"),
    ("192.0.0.0/24", "a reserved address"),
    ("192.0.2.0/24", "an address for documentation only"),
    ("192.31.196.0/24", "a reserved address"),
    ("192.52.193.0/24", "a reserved address"),
    ("192.88.99.0/24", "a 6to4 relay"),
    ("192.168.0.0/16", "a private address"),
    ("192.175.48.0/24", "a reserved address"),
    ("198.18.0.0/15", "an address for benchmarks only"),
    ("198.51.100.0/24", "an address for documentation only"),
    ("203.0.113.0/24", "an address for documentation only"),
    ("224.0.0.0/4", "a multicast address"),
    ("255.255.255.255/32", "the broadcast address"),
    ("240.0.0.0/4", "a reserved address"),
)
_V6 = (
    ("::/128", "an unspecified address"),
    ("::1/128", "a loopback address"),
    ("::ffff:0:0/96", "an IPv4 address in IPv6 dress"),
    ("::ffff:0:0:0/96", "an IPv4 address in IPv6 dress"),
    ("::/96", "an IPv4 address in IPv6 dress"),
    ("64:ff9b::/96", "an IPv4 address in IPv6 dress (NAT64)"),
    ("64:ff9b:1::/48", "an IPv4 address in IPv6 dress (NAT64)"),
    ("2001::/32", "an IPv4 address in IPv6 dress (Teredo)"),
    ("2002::/16", "an IPv4 address in IPv6 dress (6to4)"),
    ("fe80::/10", "a link-local address"),
    ("fec0::/10", "a private address"),
    ("fc00::/7", "a private address"),
    ("ff00::/8", "a multicast address"),
    ("2001:db8::/32", "an address for documentation only"),
    ("3fff::/20", "an address for documentation only"),
    ("2001::/23", "a reserved address"),
    ("2620:4f:8000::/48", "a reserved address"),
)
_NETWORKS_V4 = tuple((IPv4Network(net), words) for net, words in _V4)
_NETWORKS_V6 = tuple((IPv6Network(net), words) for net, words in _V6)
_HANDED_OUT = IPv6Network("2000::/3")
_ISATAP = (0x00005EFE, 0x02005EFE)
"""The upper half of an interface identifier that holds an IPv4 address (RFC 5214)."""


def why_not_public(text: str) -> str:
    """What an address is that is not public, in words; empty for a public one.

    Args:
        text: An address as the resolver gives it, perhaps with a zone (`fe80::1%eth0`).
    """
    try:
        address = ip_address(text)
    except ValueError:
        return "no address at all"
    if isinstance(address, IPv4Address):
        return next((words for net, words in _NETWORKS_V4 if address in net), "")
    return _why_not_public_v6(address)


def _why_not_public_v6(address: IPv6Address) -> str:
    plain = IPv6Address(int(address))  # without its zone, which would match no network
    for net, words in _NETWORKS_V6:
        if plain in net:
            return words
    if plain not in _HANDED_OUT:
        return "a reserved address"
    if (int(plain) >> 32) & 0xFFFFFFFF in _ISATAP:
        return "an IPv4 address in IPv6 dress (ISATAP)"
    return ""
