"""The public inspector lists and calls every tool of ours over stdio; see `tests.npm`."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agent.cli.mcp_serve import SERVERS
from tests.mcp_servers.web_stand import ARTICLE
from tests.npm import INSPECTOR, ROOT, needs_npm, npx
from tests.web import Page, Web

pytestmark = needs_npm()

FOUND = {"results": [{"url": "https://example.org/lamp", "title": "Lamps", "content": "Lit."}]}
"""What a SearXNG answers."""
DONE = "Where are sessions kept?"
QUESTION = "Which command adds documents to the library?"
LAMP = {"type": "object", "properties": {"headline": {"type": "string"}}}
MARKED = {"@context": "https://schema.org", "@type": "Article", "headline": "The lamp"}


@pytest.fixture
def site() -> Iterator[Web]:
    """A site, and a search engine of its own."""
    data = f"<script type='application/ld+json'>{json.dumps(MARKED)}</script></head>"
    pages = {
        "/": Page(b"<html><body><p>A lighthouse. <a href='/lamp'>Its lamp</a>"),
        "/lamp": Page(ARTICLE.replace("</head>", data).encode()),
        "/search": Page(json.dumps(FOUND).encode(), type="application/json"),
    }
    with Web(dict(pages)) as web:
        yield web


@pytest.fixture
def home(own_home: Path, site: Web) -> Path:
    """Settings that allow the site, and a library of the handbook."""
    for command in (
        ("config", "set", "allow_hosts", site.authority),
        ("config", "set", "searxng_url", site.url()),
        ("add", "-q", str(ROOT / "docs" / "handbook")),
        ("research", "-q", "--yes", "--no-web", DONE),
    ):
        subprocess.run([sys.executable, "-m", "agent", *command], check=True, cwd=ROOT)
    return own_home


def calls(site: Web, note: Path) -> dict[str, dict[str, dict[str, Any]]]:
    """By server and tool: what it is called with."""
    knowledge: dict[str, dict[str, Any]] = {
        "search": {"query": "library", "limit": 2},
        "ask": {"question": QUESTION},
        "list_sources": {"contains": "library"},
        "read_source": {"source": "library.md"},
        "add_source": {"source": str(note)},
    }
    web: dict[str, dict[str, Any]] = {
        "fetch": {"url": site.url("/lamp")},
        "extract": {"url": site.url("/lamp"), "schema": LAMP},
        "crawl": {"url": site.url("/"), "max_pages": 2},
        "search": {"query": "lamp"},
        "add_to_library": {"url": site.url("/lamp")},
    }
    # Each call is a process of its own: a run ends with the one that has started it.
    research: dict[str, dict[str, Any]] = {
        "start": {"question": QUESTION, "where": "library"},
        "status": {"wait": 0},
        "report": {},
        "cancel": {},
    }
    everything = {
        **knowledge,
        **{f"web_{name}": arguments for name, arguments in web.items()},
        **{f"research_{name}": arguments for name, arguments in research.items()},
    }
    return {"knowledge": knowledge, "web": web, "research": research, "all": everything}


def says(name: str, data: dict[str, Any], site: Web) -> bool:
    """Whether a tool's result is what that call must come to."""
    match name:
        case "search":
            return len(data["passages"]) == 2
        case "ask":
            cited = data["outcome"] == "grounded" and data["citations"]
            return bool(cited) and all(each["verified"] for each in data["citations"])
        case "list_sources":
            return bool(data["total"] >= 1)
        case "read_source":
            return bool(data["source"].endswith("library.md") and data["text"])
        case "add_source":
            return bool(data["added"] == 1 and data["failed"] == 0)
        case "web_fetch":
            return "lit in 1902" in data["markdown"] and data["author"] == "Ada Brown"
        case "web_extract":
            return bool(data["data"] == {"headline": "The lamp"} and data["fields"])
        case "web_crawl":
            return {page["url"] for page in data["pages"]} == {site.url("/"), site.url("/lamp")}
        case "web_search":
            return [each["title"] for each in data["results"]] == ["Lamps"]
        case "web_add_to_library":
            return bool(data["result"] == "added" and data["title"] == "The lamp")
        case "research_start":
            return bool(data["question"] == QUESTION and data["state"] in ("running", "done"))
        case "research_status" | "research_cancel":
            return {run["question"] for run in data["runs"]} >= {QUESTION}
        case "research_report":
            return data["markdown"].startswith(f"# {DONE}") and "SHA-256" in data["markdown"]
    return False


@pytest.mark.parametrize("server", SERVERS)
def test_every_tool_is_listed_without_fault_and_called(
    server: str, home: Path, site: Web, tmp_path: Path
) -> None:
    note = tmp_path / "note.md"
    note.write_text("The boat was built of oak in 1911.\n")
    # It hands on only the environment that it is told, and takes options for its own.
    program = (sys.executable, "-m", "agent", "mcp", "serve", server, "--allow-write")
    inspected = ("--cli", "-e", f"AGENT_HOME={home}", *program)
    listed = npx(INSPECTOR, *inspected, "--method", "tools/list", "--strict")
    assert listed.returncode == 0, listed.stderr[-2_000:]
    wanted = calls(site, note)[server]
    assert {tool["name"] for tool in json.loads(listed.stdout)["tools"]} == wanted.keys()
    for name, arguments in wanted.items():
        call = ["--method", "tools/call", "--tool-name", name]
        for key, value in arguments.items():
            written = value if isinstance(value, str) else json.dumps(value)
            call += ["--tool-arg", f"{key}={written}"]
        ran = npx(INSPECTOR, *inspected, *call)
        assert ran.returncode == 0, f"{name}: {ran.stdout[-2_000:]}{ran.stderr[-2_000:]}"
        result = json.loads(ran.stdout)
        assert not result.get("isError"), ran.stdout
        data = result["structuredContent"]
        assert json.loads(result["content"][0]["text"]) == data
        known = f"{server}_{name}" if server in ("web", "research") else name
        assert says(known, data, site), (name, data)
