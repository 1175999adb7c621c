"""The wheel: nothing that the program reads is left out, and it works where it is unpacked."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
from mcp import Client, StdioServerParameters

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what an installation would put there."""
    builder = pytest.importorskip("hatchling.builders.wheel", reason="builds with hatchling")
    folder = tmp_path_factory.mktemp("wheel")
    [wheel] = builder.WheelBuilder(str(ROOT)).build(directory=str(folder), versions=["standard"])
    with zipfile.ZipFile(wheel) as packed:
        packed.extractall(folder / "site")
    return folder / "site"


def test_every_file_of_the_rooms_is_in_the_wheel(unpacked: Path) -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    rooms = settings["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    files = [file.relative_to(ROOT) for room in rooms for file in (ROOT / room).rglob("*.*")]
    kept = [f for f in files if "__pycache__" not in f.parts and (ROOT / f).is_file()]
    assert {file.suffix for file in kept} >= {".py", ".md", ".txt", ".toml", ".tcss", ".json"}
    assert [str(file) for file in kept if not (unpacked / file).exists()] == []


async def test_an_unpacked_wheel_serves_with_all_that_it_reads(
    unpacked: Path, tmp_path: Path
) -> None:
    given = {"PYTHONPATH": str(unpacked), "AGENT_HOME": str(tmp_path / "home")}
    where = subprocess.run(
        [sys.executable, "-c", "import agent.docs; print(list(agent.docs.__path__)[0])"],
        capture_output=True, text=True, check=True, cwd=tmp_path, env={**os.environ, **given},
    ).stdout  # fmt: skip
    assert Path(where.strip()) == unpacked / "agent" / "docs"
    server = StdioServerParameters(
        command=sys.executable, args=["-m", "agent", "mcp", "serve", "all"], env=given,
        cwd=tmp_path,
    )  # fmt: skip
    async with Client(server) as client:
        assert "web_fetch" in {tool.name for tool in (await client.list_tools()).tools}
        for prompt in (await client.list_prompts()).prompts:
            arguments = {argument.name: "lamps" for argument in prompt.arguments or ()}
            said = await client.get_prompt(prompt.name, arguments)
            assert "lamps" in said.messages[0].content.text  # type: ignore[union-attr]
