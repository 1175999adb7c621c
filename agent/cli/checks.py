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

from agent.errors import AgentError
from knowledge.errors import KnowledgeError

if TYPE_CHECKING:
    from agent.wiring import Parts

PACKAGES = (
    "chromadb", "click", "litellm", "llama-index-core", "mcp", "numpy", "onnxruntime",
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

    paths = Paths.from_env()
    # What works is looked for with the defaults where the settings cannot be read.
    parts = Parts(paths, Config())

    def settings() -> Check:
        nonlocal parts
        parts = Parts.from_env({"library": library})
        held = "" if os.path.exists(paths.config_file) else " (not there; defaults hold)"
        return Check("settings", "ok", f"{paths.config_file}{held}")

    checks: tuple[tuple[str, Callable[[], Check]], ...] = (
        ("program", program),
        ("packages", packages),
        ("settings", settings),
        ("disk", lambda: disk(paths.data)),
        ("embedder", lambda: embedder(parts)),
        ("library", lambda: library_state(parts)),
        ("model", lambda: model(parts)),
        ("sessions", lambda: sessions(parts)),
    )
    for name, check in checks:
        yield _guarded(name, check)


def _guarded(name: str, check: Callable[[], Check]) -> Check:
    try:
        return check()
    except (AgentError, KnowledgeError) as error:
        return Check(name, "fail", str(error), error.hint)
    except OSError as error:
        place = "" if error.filename is None else str(error.filename)
        mend = f"ls -ld '{place}'" if place else ""
        return Check(name, "fail", f"{place}: {error.strerror}".removeprefix(": "), mend)
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
    if trouble := blocked(place):
        return Check("disk", "fail", trouble, "export AGENT_HOME=FOLDER")
    free = shutil.disk_usage(_nearest(place)).free
    detail = f"{free / 1e9:.1f} GB free in {place}"
    if free < NO_DISK:
        return Check("disk", "fail", detail, "Make room, or: export AGENT_HOME=FOLDER")
    if free < LOW_DISK:
        return Check("disk", "warn", detail, "Make room, or: export AGENT_HOME=FOLDER")
    return Check("disk", "ok", detail)


def blocked(place: Path) -> str:
    """Why nothing can be kept in a folder, which need not be there yet; empty where it can."""
    there = _nearest(place)
    if not there.is_dir():
        return f"{there} is a file, and a folder is needed there"
    if not os.access(there, os.R_OK | os.W_OK | os.X_OK):
        return f"{there} cannot be read and written to"
    return ""


def _nearest(place: Path) -> Path:
    """The place itself, or the first above it that can be seen."""
    while not os.path.exists(place) and place != place.parent:
        place = place.parent
    return place


def embedder(parts: Parts) -> Check:
    """Whether texts can be turned into vectors."""
    name = parts.config.embedder
    if name == "none":
        return Check(
            "embedder", "warn", "none: search is by words only", "agent config unset embedder"
        )
    if name != "minilm":
        base, key = parts.config.embedder_api_base, parts.embedder_api_key
        return _provider("embedder", name, base, key, setting="embedder_api_base")
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
    if trouble := blocked(root):
        return Check("library", "fail", trouble, "agent library list")
    if not parts.library_holds_something:
        return Check("library", "ok", f"empty ({root})", "agent add PATH")
    with parts.open_library() as library:
        status = asyncio.run(library.status())
    detail = (
        f"{status.sources:,} sources, {status.documents:,} documents, {status.chunks:,} passages, "
        f"{status.size_bytes / 1e6:.1f} MB ({root})"
    )
    if status.chunks and not parts.collection and (trouble := _search(root)):
        return Check("library", "fail", f"{detail}; {trouble}", "agent sync --rebuild")
    configured = parts.embedder
    if status.embedder and configured is not None and status.embedder != configured.name:
        return Check(
            "library",
            "fail",
            f"its vectors were made by {status.embedder}, the embedder is {configured.name}",
            "agent config set embedder NAME" if parts.collection else "agent sync --rebuild",
        )
    if configured is not None and status.embedded < status.documents:
        missing = status.documents - status.embedded
        return Check("library", "warn", f"{detail}; {missing:,} without vectors", "agent sync")
    if status.failed:
        return Check(
            "library", "warn", f"{detail}; {status.failed:,} not readable", "agent sources"
        )
    return Check("library", "ok", detail)


def _search(root: Path) -> str:
    """Why the published picture of a library cannot be searched; empty where it can."""
    import asyncio

    from knowledge.library import Library

    library = Library.open(root, embedder=None)
    try:
        asyncio.run(library.search("any", limit=1))
    except Exception as error:
        # Whatever a damaged file makes of the libraries that read it.
        return f"its index cannot be opened ({type(error).__name__}: {error})"
    finally:
        library.close()
    return ""


def model(parts: Parts) -> Check:
    """Whether the one who answers can."""
    name = parts.config.model
    if name == "embedded":
        return Check("model", "ok", "embedded (offline, extractive, free)")
    if name.startswith("scripted:"):
        _ = parts.model  # reads the script, and raises where it is wrong
        return Check("model", "ok", name)
    return _provider("model", name, parts.config.api_base, parts.api_key, setting="api_base")


def sessions(parts: Parts) -> Check:
    """Whether the history opens."""
    file = parts.paths.transcripts
    if trouble := blocked(file.parent):
        return Check("sessions", "fail", trouble, "export AGENT_HOME=FOLDER")
    if not file.exists():
        return Check("sessions", "ok", f"none yet ({file})")
    with parts.open_transcripts() as transcripts:
        count = len(transcripts.sessions())
    return Check("sessions", "ok", f"{count:,} ({file})")


def _provider(kind: str, name: str, address: str, key: str | None, *, setting: str) -> Check:
    """Whether a provider's key is there (never shown), and whether a server of one's own is up."""
    from agent.models.gateway import Gateway, reach
    from agent.models.provider_errors import shown

    reach(name, address or None, key)  # raises where there is no provider
    if base := shown(address):
        if trouble := unreachable(base):
            return Check(
                kind,
                "fail",
                f"{name}: no answer from {base}: {trouble}",
                f"Start the server, or: agent config set {setting} URL",
            )
        return Check(kind, "ok", f"{name}, {base} answers")
    missing = Gateway(name, api_key=key).missing_keys()
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
