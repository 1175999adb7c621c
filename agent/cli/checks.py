"""The checks of `agent doctor`. Each looks and changes nothing; none stops the others."""

from __future__ import annotations

import os
import platform
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from agent.errors import AgentError, ConfigError
from knowledge.errors import KnowledgeError

if TYPE_CHECKING:
    from agent.wiring import Parts

PACKAGES = (
    "bm25s", "chromadb", "click", "litellm", "llama-index-core", "mcp", "numpy", "onnxruntime",
    "pypdf", "python-docx", "textual", "tokenizers", "tree-sitter",
)  # fmt: skip
"""Those without which a part of the program cannot work."""
REACH_SECONDS = 3.0
"""How long a model's server may take to answer."""
LOW_DISK, NO_DISK = 1_000_000_000, 100_000_000
"""Bytes below which it is warned, and below which it is a failure."""


@dataclass(frozen=True, slots=True)
class Check:
    """One thing looked at."""

    name: str
    state: Literal["ok", "warn", "fail"]
    detail: str
    mend: str = ""
    """What to type to make it work."""


def run(library: str | None) -> Iterator[Check]:
    """All checks, each as soon as it is known.

    Args:
        library: The library to look at; None for the configured one.
    """
    from agent.config import Config
    from agent.paths import Paths
    from agent.wiring import Parts

    yield program()
    yield packages()
    paths = Paths.from_env()
    try:
        parts = Parts.from_env({"library": library})
        held = "" if paths.config_file.exists() else " (not there; defaults hold)"
        yield Check("settings", "ok", f"{paths.config_file}{held}")
    except ConfigError as error:
        yield Check("settings", "fail", str(error), error.hint)
        parts = Parts(paths, Config())
    yield disk(paths.data)
    for name, check in (
        ("embedder", embedder),
        ("library", library_state),
        ("model", model),
        ("sessions", sessions),
    ):
        yield _guarded(name, check, parts)


def _guarded(name: str, check: Callable[[Parts], Check], parts: Parts) -> Check:
    try:
        return check(parts)
    except (AgentError, KnowledgeError) as error:
        return Check(name, "fail", str(error), error.hint)
    except Exception as error:
        # A doctor that dies of the illness helps nobody: whatever breaks is a finding.
        return Check(name, "fail", f"{type(error).__name__}: {error}")


def program() -> Check:
    """This program and the Python it runs on."""
    from agent import __version__

    python = f"Python {platform.python_version()} ({platform.machine()}, {sys.platform})"
    return Check("program", "ok", f"understudy {__version__}, {python}")


def packages() -> Check:
    """Whether all that the program is built on is installed, without importing any of it."""
    from importlib.metadata import PackageNotFoundError, version

    found, missing = [], []
    for name in PACKAGES:
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            missing.append(name)
    if missing:
        return Check(
            "packages",
            "fail",
            f"not installed: {', '.join(missing)}",
            "pip install -c constraints.txt .  (in the project's folder)",
        )
    return Check("packages", "ok", ", ".join(found))


def disk(place: Path) -> Check:
    """Whether the data folder can be written to and has room."""
    there = place
    while not there.exists() and there != there.parent:
        there = there.parent
    free = shutil.disk_usage(there).free
    detail = f"{free / 1e9:.1f} GB free in {place}"
    if not os.access(there, os.W_OK):
        return Check("disk", "fail", f"{there} cannot be written to", "export AGENT_HOME=FOLDER")
    if free < NO_DISK:
        return Check("disk", "fail", detail, "Make room, or: export AGENT_HOME=FOLDER")
    if free < LOW_DISK:
        return Check("disk", "warn", detail, "Make room, or: export AGENT_HOME=FOLDER")
    return Check("disk", "ok", detail)


def embedder(parts: Parts) -> Check:
    """Whether texts can be turned into vectors."""
    name = parts.config.embedder
    if name == "none":
        return Check(
            "embedder", "warn", "none: search is by words only", "agent config unset embedder"
        )
    if name != "minilm":
        return _provider("embedder", name, parts)
    from knowledge import weights

    found = weights.find(parts.paths.cache)
    if found is None:
        return Check(
            "embedder", "warn", "minilm: no weights here, so search is by words only", "agent setup"
        )
    return Check("embedder", "ok", f"minilm, weights in {found.model.parent}")


def library_state(parts: Parts) -> Check:
    """Whether the index opens, what it holds, and whether the embedder is the one it knows."""
    import asyncio

    root = parts.library_root
    if not (root / "catalog.sqlite").exists():
        return Check("library", "ok", f"empty ({root})", "agent add PATH")
    with parts.open_library() as library:
        status = asyncio.run(library.status())
    detail = (
        f"{status.sources:,} sources, {status.documents:,} documents, {status.chunks:,} passages, "
        f"{status.size_bytes / 1e6:.1f} MB ({root})"
    )
    configured = parts.embedder
    if status.embedder and configured is not None and status.embedder != configured.name:
        return Check(
            "library",
            "fail",
            f"its vectors were made by {status.embedder}, the embedder is {configured.name}",
            "agent sync --rebuild",
        )
    if configured is not None and status.embedded < status.documents:
        missing = status.documents - status.embedded
        return Check("library", "warn", f"{detail}; {missing:,} without vectors", "agent sync")
    if status.failed:
        return Check(
            "library", "warn", f"{detail}; {status.failed:,} not readable", "agent sources"
        )
    return Check("library", "ok", detail)


def model(parts: Parts) -> Check:
    """Whether the one who answers can."""
    name = parts.config.model
    if name == "embedded":
        return Check("model", "ok", "embedded (offline, extractive, free)")
    if name.startswith("scripted:"):
        _ = parts.model  # reads the script, and raises where it is wrong
        return Check("model", "ok", name)
    return _provider("model", name, parts)


def sessions(parts: Parts) -> Check:
    """Whether the history opens."""
    file = parts.paths.transcripts
    if not file.exists():
        return Check("sessions", "ok", f"none yet ({file})")
    with parts.open_transcripts() as transcripts:
        count = len(transcripts.sessions())
    return Check("sessions", "ok", f"{count:,} ({file})")


def _provider(kind: str, name: str, parts: Parts) -> Check:
    """Whether a provider's key is there (never shown), and whether a server of one's own is up."""
    from agent.models.gateway import Gateway, reach
    from agent.models.provider_errors import shown

    reach(name, parts.config.api_base or None, parts.api_key)  # raises where there is no provider
    if base := shown(parts.config.api_base):
        if trouble := unreachable(base):
            return Check(
                kind,
                "fail",
                f"{name}: no answer from {base}: {trouble}",
                "Start the server, or: agent config set api_base URL",
            )
        return Check(kind, "ok", f"{name}, {base} answers")
    missing = Gateway(name, api_key=parts.api_key).missing_keys()
    if missing:
        return Check(kind, "fail", f"{name}: no key", f"export {missing[0]}=…")
    return Check(kind, "ok", f"{name}, key present or not needed (not tried)")


def unreachable(base: str) -> str:
    """Why a server gives no HTTP answer, whatever the answer would be; empty if it gives one."""
    import urllib.error
    import urllib.request
    from http.client import HTTPException

    if not base.startswith(("http://", "https://")):
        return "an address begins with http:// or https://"
    try:
        with urllib.request.urlopen(base.rstrip("/") + "/models", timeout=REACH_SECONDS):
            return ""
    except urllib.error.HTTPError as error:
        error.close()
        return ""  # 401 and 404 come from a server that is there
    except urllib.error.URLError as error:
        return str(error.reason)
    except (OSError, ValueError, HTTPException) as error:
        return str(error) or type(error).__name__
