"""What the import contracts cannot say: constraints, packaging, and the shape of the tree."""

import re
import tomllib
from pathlib import Path

import agent

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def test_every_direct_requirement_has_a_pinned_version() -> None:
    pins = {
        normal(line.split("==")[0])
        for line in (ROOT / "constraints.txt").read_text().splitlines()
        if "==" in line
    }
    project = PROJECT["project"]
    wanted = [*project["dependencies"]]
    for extra, requirements in project["optional-dependencies"].items():
        if extra != "unsloth":
            wanted += requirements
    names = {normal(re.split(r"[\[<>=!~ ]", requirement)[0]) for requirement in wanted}
    assert names - {"understudy"} <= pins


def test_the_constraints_name_no_index_and_no_path() -> None:
    for file in ROOT.glob("constraints*.txt"):
        assert not re.search(r"://|^\s*-|[/\\]", file.read_text(), re.MULTILINE), file.name


def test_the_base_install_has_no_torch() -> None:
    base = " ".join(PROJECT["project"]["dependencies"])
    assert not re.search(r"torch|transformers|sentence|gt-all", base)


def test_the_version_is_the_same_everywhere() -> None:
    assert PROJECT["project"]["version"] == agent.__version__


def test_no_source_file_is_longer_than_400_lines() -> None:
    rooms = ("agent", "knowledge", "mcp_servers", "finetune", "benchmarks", "tests")
    files = [file for room in rooms for file in (ROOT / room).rglob("*.py")]
    lengths = {str(f.relative_to(ROOT)): len(f.read_text().splitlines()) for f in files}
    assert {name: n for name, n in lengths.items() if n > 400} == {}
