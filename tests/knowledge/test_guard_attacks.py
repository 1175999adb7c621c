"""The attack suite: every known way past a guard, run in one process whose memory is measured.

The tables of the other tests of the guard are gathered here, with more beside them. The server is
in this process; the guard is alone in another, so that its peak of memory is its own.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import pytest

from tests.knowledge import test_guard as urls
from tests.knowledge import test_guard_limits as wires
from tests.web import Page, Raw, Web, gzip_bomb, in_chunks, raw, redirect

MIB = 2**20
MEMORY = 300 * MIB


class Attack(NamedTuple):
    """What the guard is asked to fetch."""

    url: str
    """`{web}` stands for the server that is allowed."""
    answers: Sequence[Sequence[str]] = ()
    """What the resolver says, one answer after the other; nothing: it must not be asked."""
    page: Page | Raw | None = None
    """What the server has there."""
    verdict: str = "FetchRefused"
    words: str = ""
    """That are part of the reason."""


ODD_ADDRESSES = {
    "octal_private": "http://0300.0250.0.1/",
    "hex_metadata": "http://0xa9fea9fe/",
    "hex_and_octal": "http://0x7f.0.0.01/",
    "long_octal": "http://0000000000177.0.0.1/",
    "overflowing_decimal": "http://4294967297/",
    "full_width_metadata": "http://１６９．２５４．１６９．２５４/latest/",
    "circled_metadata": "http://①⑥⑨.②⑤④.①⑥⑨.②⑤④/",
    "half_width_stops": "http://127｡0｡0｡1/",
    "arabic_digits": "http://١٢٧.٠.٠.١/",
    "superscript": "http://¹²⁷.⁰.⁰.¹/",
    "mapped_long": "http://[0:0:0:0:0:ffff:127.0.0.1]/",
    "mapped_hex_port": "http://[::ffff:7f00:1]:8080/",
    "mapped_odd": "http://[::ffff:0x7f.1]/",
    "brackets_around_ipv4": "http://[127.0.0.1]/",
    "nat64_metadata": "http://[64:ff9b::a9fe:a9fe]/",
    "6to4_metadata": "http://[2002:a9fe:a9fe::]/",
    "teredo": "http://[2001:0:a9fe:a9fe::]/",
    "zone_unescaped": "http://[fe80::1%eth0]/",
}
NAMES = {
    "circled": "http://ⓛⓞⓒⓐⓛⓗⓞⓢⓣ/",
    "long_s": "http://localhoſt/",
    "soft_hyphen": "http://local\u00adhost/",
    "kubernetes": "http://kubernetes.default.svc/api",
    "cluster": "http://vault.default.svc.cluster.local/",
    "amazon": "http://instance-data.ec2.internal/",
    "docker": "http://host.docker.internal:2375/",
    "router": "http://fritz.home/",
    "hidden_service": "http://example.onion/",
    "two_final_dots": "http://localhost../",
    "percent": "http://%6c%6f%63%61%6c%68%6f%73%74/",
    "percent_digits": "http://%31%32%37.0.0.1/",
    "null": "http://127.0.0.1%00.example.com/",
    "broken_punycode": "http://xn--\u2013.example.com/",
    "joiners": "http://exa\u200dmple.com/",
    "bidi": "http://\u202emoc.elpmaxe/",
    "symbols": "http://a\u2044b.example.com/",
}
SPELLINGS = {
    "host_in_userinfo": "http://example.com:80@127.0.0.1/",
    "encoded_at": "http://example.com%40127.0.0.1/",
    "two_ats": "http://a@b@127.0.0.1/",
    "fragment_first": "http://127.0.0.1#@example.com/",
    "query_first": "http://127.0.0.1?@example.com/",
    "backslash_first": "http://127.0.0.1\\.example.com/",
    "no_slashes": "http:127.0.0.1/",
    "one_slash": "http:/127.0.0.1/",
    "three_slashes": "http:///127.0.0.1/",
    "scheme_twice": "http://http://127.0.0.1/",
    "port_with_sign": "http://127.0.0.1:+80/",
    "port_twice": "http://example.com:80:80/",
    "request_in_path": "http://example.com/ HTTP/1.1\r\nHost: evil",
    "view_source": "view-source:http://127.0.0.1/",
    "jar": "jar:http://example.com/a.jar!/",
    "blob": "blob:http://example.com/1",
    "about": "about:blank",
    "dict": "dict://127.0.0.1:11211/stat",
    "ldap": "ldap://127.0.0.1/",
    "sftp": "sftp://127.0.0.1/",
    "smb": "smb://10.0.0.1/share",
    "websocket": "ws://127.0.0.1/",
    "php": "php://filter/resource=/etc/passwd",
    "file_with_host": "file://localhost/etc/passwd",
    "file_of_windows": "file:///C:/Windows/win.ini",
    "path_alone": "/etc/passwd",
    "unc": "\\\\10.0.0.1\\share",
    "data_base64": "data:text/html;base64,PHA+aGVsbG8=",
    "data_with_slashes": "data://text/plain,hello",
}
PUBLIC = urls.PUBLIC
ANSWERS: dict[str, list[list[str]]] = {
    "loopback": [["127.0.0.1"]],
    "mapped": [["::ffff:127.0.0.1"]],
    "metadata": [["169.254.169.254"]],
    "second_is_private": [[PUBLIC, "192.168.1.1"]],
    "last_of_many": [[PUBLIC] * 5_000 + ["10.0.0.1"]],
    "zone": [["fe80::1%1"]],
    "odd_spelling": [["0177.0.0.1"]],
    "no_address": [["example.com"]],
    "nothing_but_zero": [["0.0.0.0"]],
    "unique_local": [["fdaa::1"]],
}
LOCATIONS = {
    "to_redis": "http://{host}:6379/",
    "to_itself_by_decimal": "http://2130706433:{port}/",
    "to_itself_mapped": "http://[::ffff:127.0.0.1]:{port}/",
    "to_a_neighbour": "http://127.0.0.2:{port}/",
    "to_every_address": "http://0.0.0.0:{port}/",
    "to_gopher": "gopher://127.0.0.1:6379/_FLUSHALL",
    "to_javascript": "javascript:alert(1)",
    "to_a_unicode_host": "http://ⓛⓞⓒⓐⓛⓗⓞⓢⓣ/".encode().decode("latin-1"),
    "to_a_long_address": "/" + "a" * 60_000,
    "without_scheme_by_backslash": "\\\\10.0.0.1\\",
    "with_userinfo": "http://{host}:{port}@10.0.0.1/",
    "with_a_tab": "ht\ttp://10.0.0.1/",
}
OK = wires.OK
WIRES: dict[str, Page | Raw] = {
    "brotli_bomb": Page(
        b"\xcb\xff\xff\x3f\x00" * 1000, headers={"Content-Encoding": "br"}
    ),
    "zstd_bomb": Page(
        b"\x28\xb5\x2f\xfd\xa4\x00\x00\x00\x40" * 1000, headers={"Content-Encoding": "zstd"}
    ),
    "gzip_of_a_bomb": Page(
        gzip_bomb(64 * MIB), headers={"Content-Encoding": "gzip, deflate, gzip"}
    ),
    "bomb_in_chunks": raw(
        OK, b"Content-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n",
        *in_chunks(gzip_bomb(100 * MIB), 100),
    ),
    "bomb_with_a_small_length": raw(
        OK, b"Content-Encoding: gzip\r\nContent-Length: 200000\r\n\r\n", gzip_bomb(250 * MIB)
    ),
    "gzip_with_an_endless_name": wires.flood(
        b"a" * 65_536, OK + b"Content-Encoding: gzip\r\n\r\n\x1f\x8b\x08\x08\0\0\0\0\0\0"
    ),
    "huge_chunk_size": raw(
        OK, b"Transfer-Encoding: chunked\r\n\r\nffffffffffffffffffff\r\nabc"
    ),
    "negative_chunk_size": raw(OK, b"Transfer-Encoding: chunked\r\n\r\n-1\r\nabc"),
    "length_of_thirty_digits": raw(OK, b"Content-Length: " + b"9" * 30 + b"\r\n\r\nabc"),
    "length_and_chunks": raw(
        OK, b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n-5\r\nabc"
    ),
    "endless_reason": wires.flood(b"OK " * 10_000, b"HTTP/1.1 200 "),
    "cookies": wires.flood(b"Set-Cookie: a=b; Path=/\r\n" * 1000, OK),
    "one_header_in_folds": wires.flood(b" folded\r\n" * 1000, OK + b"X-A: b\r\n"),
    "redirects_in_a_circle": redirect("/wire/redirects_in_a_circle"),
    "switching_protocols": raw(
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n\x81\x05hello"
    ),
    "an_older_protocol": raw(b"<html>HTTP/0.9"),
    "two_answers": raw(b"HTTP/1.1 204 No\r\nContent-Length: 5\r\n\r\n", b"HTTP/9.9 999\r\n\r\n"),
}  # fmt: skip
LET_THROUGH = {"two_answers"}
"""Harmless after all: the second answer is never read."""


def _urls(table: dict[str, str]) -> dict[str, Attack]:
    return {name: Attack(url) for name, url in table.items()}


def _reasons(table: dict[str, tuple[str, str]]) -> dict[str, Attack]:
    return {name: Attack(url, words=words) for name, (url, words) in table.items()}


def _wires(table: Mapping[str, Page | Raw]) -> dict[str, Attack]:
    return {name: Attack("", page=page, verdict="FetchFailed") for name, page in table.items()}


FAMILIES: dict[str, dict[str, Attack]] = {
    "odd": _urls(urls.ODD_SPELLINGS | ODD_ADDRESSES),
    "address": _reasons(urls.ADDRESSES),
    "name": _urls(urls.NAMES | NAMES),
    "spelling": _reasons(urls.URLS) | _urls(SPELLINGS),
    "resolver": {
        name: Attack("http://evil.example.com/", answers) for name, answers in ANSWERS.items()
    },
    "redirect": {
        name: Attack("", page=redirect(to), words="it redirects: ")
        for name, to in (urls.REDIRECTS | LOCATIONS).items()
    },
    "rebinding": {
        "between_redirects": Attack(
            "",
            [["127.0.0.1"]],
            redirect("http://evil.example.com/"),
            words="it redirects: evil.example.com is at 127.0.0.1",
        ),
    },
    "drip": _wires(wires.DRIPS),
    "endless": _wires(wires.ENDLESS),
    "headers": _wires(wires.HEADER_FLOODS),
    "bomb": _wires(
        {
            name: Page(body, headers={"Content-Encoding": coding})
            for name, (coding, body) in wires.BOMBS.items()
        }
    ),
    "coding": _wires(
        {
            name: Page(b"packed", headers={"Content-Encoding": coding})
            for name, coding in wires.REFUSED_CODINGS.items()
        }
    ),
    "broken": _wires(wires.BROKEN),
    "wire": _wires(WIRES),
}
ATTACKS = {
    f"{family}-{name}": attack
    for family, table in FAMILIES.items()
    for name, attack in table.items()
}
_GUARD = """
import json, re, resource, sys
from knowledge.guard import Policy, fetch
from knowledge.errors import FetchRefused, GuardError

told = json.load(sys.stdin)
verdicts = {}
for name, (url, answers, seconds) in told["attacks"].items():
    def resolve(host, port):
        if not answers:
            raise AssertionError(f"{host} was looked up")
        return answers.pop(0) if len(answers) > 1 else answers[0]
    try:
        page = fetch(url, policy=Policy(allow=(told["allow"],), seconds=seconds), resolve=resolve)
        verdicts[name] = ["fetched", str(page.status)]
    except GuardError as error:
        kind = "FetchRefused" if isinstance(error, FetchRefused) else "FetchFailed"
        verdicts[name] = [kind, str(error)]
    except BaseException as error:
        verdicts[name] = [type(error).__name__, str(error)]
try:
    # Not `ru_maxrss` here: on Linux it begins at what the process had that started this one.
    status = open("/proc/self/status").read()
    peak = int(re.search(r"VmHWM:\\s+(\\d+) kB", status)[1]) * 1024
except FileNotFoundError:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
json.dump([verdicts, peak], sys.stdout)
"""


class Outcome(NamedTuple):
    verdicts: dict[str, list[str]]
    peak: int
    """Bytes."""


@pytest.fixture(scope="module")
def outcome() -> Iterator[Outcome]:
    with Web() as web:
        told: dict[str, tuple[str, Sequence[Sequence[str]], float]] = {}
        for name, attack in ATTACKS.items():
            url, family = attack.url, name.partition("-")[0]
            if attack.page is not None:
                path = f"/{family}/{name.partition('-')[2]}"
                page = attack.page
                if isinstance(page, Page) and "Location" in page.headers:
                    to = page.headers["Location"]
                    page = redirect(to.replace("{host}", web.address).replace(
                        "{port}", str(web.port)))  # fmt: skip
                web.pages[path], url = page, web.url(path)
            told[name] = (url, attack.answers, 0.3 if family == "drip" else 20.0)
        asked = json.dumps({"attacks": told, "allow": web.authority})
        done = subprocess.run(
            [sys.executable, "-c", _GUARD], input=asked, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        yield Outcome(*json.loads(done.stdout))


@pytest.mark.parametrize("name", ATTACKS)
def test_no_attack_gets_through_and_each_is_refused_in_words(name: str, outcome: Outcome) -> None:
    verdict, words = outcome.verdicts[name]
    if name.partition("-")[2] in LET_THROUGH:
        assert verdict == "fetched"
        return
    assert verdict == ATTACKS[name].verdict
    assert ATTACKS[name].words in words
    assert words
    assert not words.startswith(("<", "("))
    assert "Traceback" not in words


def test_the_memory_of_the_guard_stays_small_over_all_of_them(outcome: Outcome) -> None:
    assert len(outcome.verdicts) >= 200
    assert outcome.peak < MEMORY
