"""What a fresh process loads. Cold start is felt at every call, so imports are a contract."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from agent.cli.commands import COMMANDS

HEAVY = {
    "bm25s", "bs4", "chromadb", "docx", "httpx", "langchain", "langchain_core", "litellm",
    "llama_index", "lxml", "mcp", "numpy", "onnx", "onnxruntime", "openai", "pydantic", "pypdf",
    "ray", "rich", "safetensors", "scipy", "sentence_transformers", "sqlite3", "starlette",
    "textual", "tokenizers", "torch", "trafilatura", "transformers", "tree_sitter", "uvicorn",
    "prometheus_client",
}  # fmt: skip
"""No help may load any of these."""

NOT_FOR_AN_OFFLINE_ASK = {
    "langchain", "langchain_core", "litellm", "llama_index", "mcp", "openai", "rich",
    "sentence_transformers", "textual", "torch", "transformers",
}  # fmt: skip

_PROGRAM = """
import sys
from agent.__main__ import main
sys.argv = ["agent", *sys.argv[1:]]
code = main()
sys.stdout.flush()
print(*sorted(sys.modules), file=sys.stderr)
sys.exit(code)
"""


def loaded(home: Path, *arguments: str) -> tuple[int, set[str]]:
    """Run `agent ARGUMENTS…` in a fresh process; its exit code and the packages that it loaded."""
    env = {
        "PATH": os.environ["PATH"],
        "AGENT_HOME": str(home),
        "AGENT_EMBEDDER": "none",
        "HOME": str(home),
    }
    ran = subprocess.run(
        [sys.executable, "-c", _PROGRAM, *arguments],
        capture_output=True,
        text=True,
        env=env,
        stdin=subprocess.DEVNULL,
        timeout=120,
        cwd=Path(__file__).parents[1],
    )
    return ran.returncode, set(ran.stderr.splitlines()[-1].split())


def packages(modules: set[str]) -> set[str]:
    return {name.partition(".")[0] for name in modules}


@pytest.mark.parametrize("arguments", [[], ["--help"], ["-h"], ["--version"], ["-V"]])
def test_help_and_version_load_nothing_that_the_interpreter_has_not(
    tmp_path: Path, arguments: list[str]
) -> None:
    code, modules = loaded(tmp_path, *arguments)
    assert code == 0
    bare = subprocess.run(
        [sys.executable, "-c", "import sys; print(*sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[1],
    )
    ours = {name for name in modules if name.partition(".")[0] == "agent"}
    assert ours <= {"agent", "agent.__main__", "agent.cli", "agent.cli.commands"}
    assert modules - ours - set(bare.stdout.split()) <= {"__future__"}


@pytest.mark.parametrize("name", COMMANDS)
def test_the_help_of_a_command_loads_no_heavy_library(tmp_path: Path, name: str) -> None:
    code, modules = loaded(tmp_path, name, "--help")
    assert code == 0
    assert not packages(modules) & HEAVY


def test_a_command_loads_only_its_own_family(tmp_path: Path) -> None:
    _, modules = loaded(tmp_path, "config", "path")
    families = {module for module, _, _ in COMMANDS.values()}
    assert families & modules == {"agent.cli.config"}


def test_an_offline_ask_loads_no_provider_no_torch_and_no_index_database(tmp_path: Path) -> None:
    note = tmp_path / "note.md"
    note.write_text("# Lamp\n\nThe lamp of the lighthouse was lit in 1902 by Ada Brown.\n")
    assert loaded(tmp_path, "add", str(note))[0] == 0
    code, modules = loaded(tmp_path, "ask", "When was the lamp of the lighthouse lit?")
    assert code == 0
    assert not packages(modules) & NOT_FOR_AN_OFFLINE_ASK
    assert "chromadb" not in modules
