"""What the guard refuses: URLs, addresses, names and redirects. None of it reaches a server."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from ipaddress import IPv4Address, IPv6Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from knowledge.errors import FetchFailed, FetchRefused, GuardError
from knowledge.guard import Fetched, Policy, fetch
from knowledge.guard.addresses import why_not_public
from tests.conftest import NetworkDenied
from tests.web import Page, Web, redirect

PUBLIC = "93.184.215.14"


class FakeResolver:
    """Gives its answers in turn, the last one for ever, and notes what it was asked."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []

    def __call__(self, host: str, port: int) -> Sequence[str]:
        self.asked.append(host)
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


def nobody(host: str, port: int) -> Sequence[str]:
    raise AssertionError(f"{host} was looked up")


def refusal(url: str, **options: object) -> str:
    """Why a URL is refused; the reason and what to do come in words."""
    with pytest.raises(FetchRefused) as caught:
        fetch(url, **{"resolve": nobody, **options})  # type: ignore[arg-type]
    assert str(caught.value)
    return str(caught.value)


@pytest.fixture
def web() -> Iterator[Web]:
    with Web({"/": Page(b"<p>secret")}) as server:
        yield server


def allowed(web: Web, **limits: object) -> Policy:
    return Policy(allow=(web.authority,), **limits)  # type: ignore[arg-type]


ODD_SPELLINGS = {
    "decimal": "http://2130706433/",
    "decimal_of_metadata": "http://2852039166/latest/meta-data/",
    "hex": "http://0x7f000001/",
    "hex_by_parts": "http://0x7f.0x0.0x0.0x1/",
    "hex_without_digits": "http://127.0.0.0x/",
    "octal": "http://0177.0.0.1/",
    "octal_whole": "http://017700000001/",
    "leading_zeros": "http://127.000.000.001/",
    "two_parts": "http://127.1/",
    "three_parts": "http://10.0.1/",
    "one_zero": "http://0/",
    "five_parts": "http://127.0.0.1.1/",
    "too_large_part": "http://127.0.0.256/",
    "number_at_the_end_of_a_name": "http://example.1/",
    "final_dot": "http://0x7f.1./",
    "full_width_octal": "http://０１７７.0.0.1/",
}


@pytest.mark.parametrize("url", ODD_SPELLINGS.values(), ids=ODD_SPELLINGS)
def test_an_address_in_an_odd_spelling_is_refused(url: str) -> None:
    assert "odd spelling" in refusal(url)


ADDRESSES = {
    "loopback": ("http://127.0.0.1/", "loopback"),
    "loopback_elsewhere": ("http://127.9.9.9:8080/", "loopback"),
    "loopback_final_dot": ("http://127.0.0.1./", "loopback"),
    "loopback_full_width": ("http://１２７.０.０.１/", "loopback"),
    "loopback_circled": ("http://①②⑦.⓪.⓪.①/", "loopback"),
    "loopback_ideographic_stops": ("http://127。0。0。1/", "loopback"),
    "unspecified": ("http://0.0.0.0/", "unspecified"),
    "private_10": ("http://10.1.2.3/", "private"),
    "private_172": ("http://172.31.255.255/", "private"),
    "private_192": ("https://192.168.0.1/", "private"),
    "metadata": ("http://169.254.169.254/latest/meta-data/", "metadata"),
    "metadata_azure": ("http://168.63.129.16/", "metadata"),
    "metadata_alibaba": ("http://100.100.100.200/", "metadata"),
    "link_local": ("http://169.254.1.1/", "link-local"),
    "cgnat": ("http://100.64.0.1/", "CGNAT"),
    "multicast": ("http://224.0.0.1/", "multicast"),
    "broadcast": ("http://255.255.255.255/", "broadcast"),
    "reserved": ("http://240.0.0.1/", "reserved"),
    "protocol_assignments": ("http://192.0.0.192/", "reserved"),
    "documentation": ("http://203.0.113.7/", "documentation"),
    "benchmarks": ("http://198.19.0.1/", "benchmark"),
    "v6_loopback": ("http://[::1]/", "loopback"),
    "v6_loopback_long": ("http://[0:0:0:0:0:0:0:1]:80/", "loopback"),
    "v6_unspecified": ("http://[::]/", "unspecified"),
    "v6_mapped": ("http://[::ffff:127.0.0.1]/", "IPv6 dress"),
    "v6_mapped_hex": ("http://[::ffff:a9fe:a9fe]/", "IPv6 dress"),
    "v6_mapped_public": (f"http://[::ffff:{PUBLIC}]/", "IPv6 dress"),
    "v6_compatible": ("http://[::127.0.0.1]/", "IPv6 dress"),
    "v6_translated": ("http://[::ffff:0:7f00:1]/", "IPv6 dress"),
    "v6_nat64": ("http://[64:ff9b::7f00:1]/", "NAT64"),
    "v6_nat64_local": ("http://[64:ff9b:1::a00:1]/", "NAT64"),
    "v6_6to4": ("http://[2002:7f00:1::]/", "6to4"),
    "v6_teredo": ("http://[2001:0:53aa:64c:0:fffe:80ff:fffe]/", "Teredo"),
    "v6_isatap": ("http://[2606:4700::5efe:a00:1]/", "ISATAP"),
    "v6_link_local": ("http://[fe80::1]/", "link-local"),
    "v6_site_local": ("http://[fec0::1]/", "private"),
    "v6_unique_local": ("http://[fd00:ec2::254]/", "private"),
    "v6_multicast": ("http://[ff02::1]/", "multicast"),
    "v6_documentation": ("http://[2001:db8::1]/", "documentation"),
    "v6_orchid": ("http://[2001:20::1]/", "reserved"),
    "v6_discard": ("http://[100::1]/", "reserved"),
    "v6_not_handed_out": ("http://[4000::1]/", "reserved"),
}


@pytest.mark.parametrize(("url", "why"), ADDRESSES.values(), ids=ADDRESSES)
def test_an_address_that_is_not_public_is_refused_in_words(url: str, why: str) -> None:
    reason = refusal(url)
    assert why in reason
    assert "only the public web" in reason


ANSWERS = {
    name: (url.split("//")[1].split("/")[0].strip("[]"), why)
    for name, (url, why) in ADDRESSES.items()
    if url.isascii() and url.rstrip("/").endswith(("]", *"0123456789")) and ":80" not in url
}


@pytest.mark.parametrize(("address", "why"), ANSWERS.values(), ids=ANSWERS)
def test_a_name_that_stands_for_such_an_address_is_refused(address: str, why: str) -> None:
    resolver = FakeResolver([address])
    reason = refusal("http://evil.example.com/", resolve=resolver)
    assert reason.startswith(f"evil.example.com is at {address}")
    assert why in reason


@given(st.ip_addresses())
def test_what_the_standard_library_calls_private_is_never_called_public(
    address: IPv4Address | IPv6Address,
) -> None:
    assert address.is_global or why_not_public(str(address))


@pytest.mark.parametrize("address", [PUBLIC, "1.1.1.1", "2606:4700:4700::1111", "2a00:1450::1"])
def test_a_public_address_is_called_so(address: str) -> None:
    assert why_not_public(address) == ""


NAMES = {
    "localhost": "http://localhost/",
    "localhost_upper": "http://LOCALHOST:631/",
    "localhost_final_dot": "http://localhost./",
    "under_localhost": "http://app.localhost/",
    "mdns": "http://printer.local/",
    "google_metadata": "http://metadata.google.internal/",
    "home": "http://router.home.arpa/",
    "single_label": "http://intranet/",
    "localhost_full_width": "http://ｌｏｃａｌｈｏｓｔ/",
}


@pytest.mark.parametrize("url", NAMES.values(), ids=NAMES)
def test_a_name_of_the_local_network_is_refused_without_a_lookup(url: str) -> None:
    assert "name of this machine or its network" in refusal(url)


URLS = {
    "file": ("file:///etc/passwd", "only http and https"),
    "file_upper": ("FILE:///etc/passwd", "only http and https"),
    "data": ("data:text/html,<p>hello", "only http and https"),
    "ftp": ("ftp://example.com/a", "only http and https"),
    "gopher": ("gopher://example.com:6379/_FLUSHALL", "only http and https"),
    "javascript": ("javascript:alert(1)", "only http and https"),
    "unix_socket": ("unix:///var/run/docker.sock", "only http and https"),
    "no_scheme": ("example.com/a", "without http://"),
    "no_scheme_at_all": ("//example.com/a", "without http://"),
    "empty": ("", "without http://"),
    "no_host": ("http:///a", "names no host"),
    "no_host_but_a_port": ("http://:80/", "names no host"),
    "user": ("http://user@example.com/", "user name or password"),
    "password": ("http://user:pass@example.com/", "user name or password"),
    "host_as_user": ("http://example.com@127.0.0.1/", "user name or password"),
    "empty_user": ("http://@example.com/", "user name or password"),
    "line_feed": ("http://example.com/\nHost: evil", "white space or a control"),
    "carriage_return": ("http://example.com/a\r\nX: y", "white space or a control"),
    "leading_space": (" http://example.com/", "white space or a control"),
    "tab_in_the_host": ("http://exa\tmple.com/", "white space or a control"),
    "null": ("http://example.com/\0", "white space or a control"),
    "no_break_space": ("http://example.com\xa0/", "white space or a control"),
    "zero_width_space": ("http://exam\u200bple.com/", "white space or a control"),
    "right_to_left": ("http://example.com/\u202egpj.exe", "white space or a control"),
    "lone_surrogate": ("http://example.com/\ud800", "white space or a control"),
    "backslash": ("http://example.com\\@127.0.0.1/", "backslash"),
    "backslash_path": ("http:\\\\127.0.0.1\\", "backslash"),
    "percent_in_the_host": ("http://127.0.0.1%2f.example.com/", "not the name of a host"),
    "zone": ("http://[fe80::1%25eth0]/", "not an IPv6 address"),
    "not_an_address": ("http://[::g]/", "IPv6 address"),
    "open_bracket": ("http://[::1/", "not a URL"),
    "text_after_bracket": ("http://[::1]evil.com/", ""),
    "future_address": ("http://[v1.fe80::1]/", ""),
    "slash_from_unicode": ("http://127.0.0.1\u2100.example.com/", "not a URL"),
    "empty_label": ("http://a..example.com/", "not the name of a host"),
    "long_label": (f"http://{'a' * 64}.example.com/", "not the name of a host"),
    "long_idn": (f"http://{'ü' * 200}.example.com/", "not the name of a host"),
    "port_text": ("http://example.com:http/", "not a URL"),
    "port_too_large": ("http://example.com:65536/", "not a URL"),
    "port_zero": ("http://example.com:0/", "port"),
    "port_empty": ("http://example.com:/", "port"),
    "port_of_mail": ("http://example.com:25/", "port 25"),
    "port_of_redis": ("http://example.com:6379/", "port 6379"),
    "port_of_ssh": ("https://example.com:22/", "port 22"),
    "too_long": ("http://example.com/" + "a" * 8000, "longer than"),
}


@pytest.mark.parametrize(("url", "why"), URLS.values(), ids=URLS)
def test_a_url_that_is_none_or_could_be_read_in_two_ways_is_refused(url: str, why: str) -> None:
    reason = refusal(url)
    assert why in reason
    assert "pass@" not in reason


def test_one_private_address_among_public_ones_is_enough_to_refuse() -> None:
    assert "10.0.0.1" in refusal(
        "http://mixed.example.com/", resolve=FakeResolver([PUBLIC, "10.0.0.1"])
    )
    assert "::1" in refusal("http://mixed.example.com/", resolve=FakeResolver([PUBLIC, "::1"]))


def test_what_the_resolver_gives_must_be_an_address() -> None:
    assert "no address" in refusal("http://x.example.com/", resolve=FakeResolver(["0x7f.1"]))


def test_a_rebinding_name_is_looked_up_once_and_the_connection_goes_to_what_was_checked() -> None:
    resolver = FakeResolver([PUBLIC], ["127.0.0.1"])
    with pytest.raises(NetworkDenied, match=PUBLIC):
        fetch("http://rebind.example.com/", resolve=resolver)
    assert resolver.asked == ["rebind.example.com"]


def test_a_name_that_rebinds_between_redirects_is_checked_again(web: Web) -> None:
    web.pages["/"] = redirect(f"http://rebind.example.com:{web.port}/next")
    resolver = FakeResolver(["127.0.0.1"])
    assert "it redirects: rebind.example.com is at 127.0.0.1, a loopback address" in refusal(
        web.url(), policy=allowed(web), resolve=resolver
    )
    assert resolver.asked == ["rebind.example.com"]
    assert [path for path, _ in web.requests] == ["/"]


REDIRECTS = {
    "loopback": "http://127.0.0.1/admin",
    "metadata": "http://169.254.169.254/latest/meta-data/",
    "decimal": "http://2130706433/",
    "without_scheme": "//10.0.0.1/",
    "v6": "http://[::1]/",
    "localhost": "http://localhost/",
    "file": "file:///etc/passwd",
    "data": "data:text/plain,hello",
    "ftp": "ftp://example.com/",
    "userinfo": "http://user:pw@example.com/",
    "space": "http://exam ple.com/",
    "backslash": "/\\10.0.0.1/",
}


@pytest.mark.parametrize("to", REDIRECTS.values(), ids=REDIRECTS)
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_checked_as_a_url_is(web: Web, to: str, status: int) -> None:
    web.pages["/out"] = redirect(to, status)
    assert refusal(web.url("/out"), policy=allowed(web)).startswith("it redirects: ")


def test_the_same_host_at_another_port_is_not_allowed_with_it(web: Web) -> None:
    with Web({"/": Page()}) as other:
        web.pages["/out"] = redirect(other.url())
        assert "loopback" in refusal(web.url("/out"), policy=allowed(web))
        assert other.requests == []


def test_redirects_in_a_circle_end(web: Web) -> None:
    web.pages |= {"/a": redirect("/b"), "/b": redirect("/a")}
    with pytest.raises(FetchFailed, match="more than 10 times, or in a circle"):
        fetch(web.url("/a"), policy=allowed(web))
    assert len(web.requests) == 11


def test_a_chain_of_ten_redirects_is_followed_and_one_of_eleven_is_not(web: Web) -> None:
    for i in range(11):
        web.pages[f"/{i}"] = redirect(f"/{i + 1}")
    web.pages["/11"] = Page(b"here")
    assert fetch(web.url("/1"), policy=allowed(web)).data == b"here"
    with pytest.raises(FetchFailed, match="redirects"):
        fetch(web.url("/0"), policy=allowed(web))


def test_a_redirect_to_nowhere_is_named(web: Web) -> None:
    web.pages["/out"] = Page(b"", status=302)
    with pytest.raises(FetchFailed, match="to nowhere"):
        fetch(web.url("/out"), policy=allowed(web))


def test_a_relative_redirect_and_one_in_utf8_are_followed(web: Web) -> None:
    web.pages |= {"/a/b": redirect("../c?q=1#part"), "/c": redirect("/stra\xc3\x9fe")}
    web.pages["/stra%C3%9Fe"] = Page(b"arrived")
    page = fetch(web.url("/a/b"), policy=allowed(web))
    assert (page.data, page.url) == (b"arrived", web.url("/stra%C3%9Fe"))


def test_a_redirect_with_spaces_in_it_is_followed_as_browsers_do(web: Web) -> None:
    web.pages["/out"] = redirect("/a page?of=two words")
    web.pages["/a%20page"] = Page(b"arrived")
    page = fetch(web.url("/out"), policy=allowed(web))
    assert (page.data, page.url) == (b"arrived", web.url("/a%20page?of=two%20words"))


ALLOWED = {
    "host_and_port": "127.0.0.1:{port}",
    "host": "127.0.0.1",
    "in_capitals_and_spaces": " 127.0.0.1:{port} ",
}


@pytest.mark.parametrize("name", ALLOWED.values(), ids=ALLOWED)
def test_a_host_that_is_allowed_by_name_is_fetched(web: Web, name: str) -> None:
    page: Fetched = fetch(web.url(), policy=Policy(allow=(name.format(port=web.port),)))
    assert page.data == b"<p>secret"


def test_an_allowed_name_is_connected_to_by_its_address_and_asked_for_by_its_name(web: Web) -> None:
    name = f"Wiki.Example.com:{web.port}"
    resolver = FakeResolver(["127.0.0.1"])
    url = f"http://WIKI.example.com.:{web.port}/"
    page = fetch(url, policy=Policy(allow=(name,)), resolve=resolver)
    assert page.url == f"http://wiki.example.com:{web.port}/"
    assert web.requests[0][1]["host"] == f"wiki.example.com:{web.port}"


def test_an_international_name_is_asked_for_as_browsers_do(web: Web) -> None:
    resolver = FakeResolver(["127.0.0.1"])
    policy = Policy(allow=("xn--bcher-kva.example",))
    page = fetch(f"http://BÜCHER.example:{web.port}/", policy=policy, resolve=resolver)
    assert resolver.asked == ["xn--bcher-kva.example"]
    assert page.url == f"http://xn--bcher-kva.example:{web.port}/"


def test_every_refusal_is_one_error_of_the_room_with_a_hint_how_to_allow() -> None:
    with pytest.raises(GuardError) as caught:
        fetch("http://10.0.0.5/")
    assert '"10.0.0.5"' in caught.value.hint


def test_a_name_that_does_not_exist_is_a_failure_and_no_refusal() -> None:
    def unknown(host: str, port: int) -> Sequence[str]:
        raise OSError(-2, "Name or service not known")

    with pytest.raises(FetchFailed, match=r"nowhere\.example\.com cannot be found: Name or"):
        fetch("http://nowhere.example.com/", resolve=unknown)
