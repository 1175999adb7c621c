"""What the README and the handbook tell a user to type is what the program takes."""

import ast
import inspect
import itertools
import json
import os
import re
import shlex
import subprocess
import sys
import textwrap
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest

from agent.cli.commands import COMMANDS, OPTIONS
from agent.cli.group import root
from agent.config import Config, describe
from finetune.recipe import Dpo, Recipe, change, dumps, preset_names

ROOT = Path(__file__).resolve().parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs" / "handbook").glob("*.md"))]


def blocks(page: Path) -> Iterator[str]:
    """The lines of the page's shell blocks."""
    for block in re.findall(r"^```sh\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL):
        yield from block.splitlines()


def commands(page: Path) -> Iterator[list[str]]:
    """Every `agent …` that the page shows, in words."""
    inline = re.findall(r"`(agent [^`]+)`", page.read_text().replace("\n", " "))
    for line in [*blocks(page), *inline]:
        for part in re.split(r"&&|\|", line.split(" #")[0]):
            if part.strip().startswith("agent "):
                yield shlex.split(part.replace("…", "x"))[1:]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_and_option_shown_exists(page: Path) -> None:
    everywhere = {"--help", *re.findall(r"--?[\w-]+", " ".join(flags for flags, _ in OPTIONS))}
    for name, *rest in commands(page):
        if name.startswith("-"):
            assert name in {"--help", "--version"}
            continue
        assert name in COMMANDS, f"{page.name} shows `agent {name}`"
        command = root.get_command(click.Context(root), name)
        assert command is not None
        if isinstance(command, click.Group) and rest and not rest[0].startswith("-"):
            part = command.get_command(click.Context(command), rest[0])
            assert part is not None, f"{page.name} shows `agent {name} {rest[0]}`"
            command = part
        known = everywhere | {opt for param in command.params for opt in param.opts}
        for word in rest:
            if word.startswith("-"):
                assert word in known, f"{page.name} shows `agent {name} {word}`"


def test_the_table_of_settings_is_that_of_the_program() -> None:
    page = (ROOT / "docs" / "handbook" / "settings.md").read_text()
    shown = re.findall(r"^\| `(\w+)` \| (.*?) \| (.*) \|$", page, re.MULTILINE)
    known = [
        (s.name, "unset" if s.default in (None, "") else f"`{s.default}`", s.doc.replace("|", "/"))
        for s in describe(Config())
    ]
    assert shown == known


def test_the_table_of_a_recipes_keys_is_that_of_the_program() -> None:
    page = (ROOT / "docs" / "handbook" / "fine-tuning-recipe.md").read_text()
    shown = re.findall(r"^\| `([\w.]+)` \| (unset|`.*?`) \| (.*) \|$", page, re.MULTILINE)
    values = tomllib.loads(dumps(change(Recipe(), {"dpo": {}})))
    stage = values.pop("dpo")
    known = [*_rows(Recipe, values, ""), *_rows(Dpo, stage, "dpo.")]
    assert shown == known
    presets = re.findall(r"^\| `([\w-]+)` \|", page.partition("```")[0], re.MULTILINE)
    assert sorted(presets) == preset_names()


def _rows(kind: type, values: dict[str, Any], prefix: str) -> list[tuple[str, str, str]]:
    """The keys of a class of recipes, as the handbook has them: name, default, meaning."""
    body = ast.parse(textwrap.dedent(inspect.getsource(kind))).body[0]
    assert isinstance(body, ast.ClassDef)
    docs = {
        above.target.id: " ".join(below.value.value.split())
        for above, below in itertools.pairwise(body.body)
        if isinstance(above, ast.AnnAssign)
        and isinstance(above.target, ast.Name)
        and isinstance(below, ast.Expr)
        and isinstance(below.value, ast.Constant)
        and isinstance(below.value.value, str)
    }
    rows = []
    for name, value in values.items():
        text = value if isinstance(value, str) else json.dumps(value)
        default = f"`{text}`" if value not in ("", []) else "unset"
        rows.append((prefix + name, default, docs[name]))
    return rows


def test_the_path_of_a_newcomer_works_as_the_handbook_shows_it(tmp_path: Path) -> None:
    for folder in ("notes", "papers"):
        (tmp_path / folder).mkdir()
    (tmp_path / "notes" / "minutes.md").write_text(
        "# Minutes\n\nWe decided that the retry policy is five attempts with a pause.\n"
    )
    (tmp_path / "papers" / "paper.txt").write_text("The survey found nothing.\n")
    env = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "AGENT_HOME": str(tmp_path / "home"),
        "AGENT_EMBEDDER": "none",
    }
    shown = [
        line
        for line in blocks(ROOT / "docs" / "handbook" / "getting-started.md")
        if "pip" not in line
    ]
    assert len(shown) >= 2
    for line in shown:
        typed = re.sub(r"^agent ", f"{shlex.quote(sys.executable)} -m agent ", line)
        done = subprocess.run(
            ["bash", "-c", typed], env=env, cwd=ROOT, capture_output=True, text=True, timeout=120
        )
        assert done.returncode in (0, 3), done.stderr
    assert "five attempts" in done.stdout.replace("**", "")
