"""What others need to serve an export: Ollama's Modelfile, a persona's card, commands to type."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from pathlib import Path

from agent.card import Card, render
from finetune.export.dialogue import Dialogue
from finetune.export.source import ExportError, Source
from finetune.export.wanted import Item

ENDS = '"""'
"""What ends a text in a Modelfile."""
_RANKS = (8, 16, 32, 64, 128, 256, 320, 512)
"""The ranks that vLLM's `--max-lora-rank` takes."""


def modelfile(item: Item, dialogue: Dialogue | None, stops: Sequence[str], system: str) -> str:
    """The text of a Modelfile (https://github.com/ollama/ollama, docs/modelfile.md).

    Args:
        item: A GGUF file beside it, or an adapter in GGUF with its base.
        dialogue: The template's pieces; None leaves Ollama to find a template by itself.
        stops: Texts that end an answer.
        system: What the model is told first, without `ENDS`; empty for nothing, or what the
            template says.
    """
    lines = [f"FROM ./{(item.base or item.path).name}"]
    if item.base is not None:
        lines.append(f"ADAPTER ./{item.path.name}")
    if dialogue is not None:
        lines.append(f"TEMPLATE {ENDS}{dialogue.go_template()}{ENDS}")
        system = system or dialogue.default
    lines += [f'PARAMETER stop "{stop}"' for stop in stops]
    if system:
        lines.append(f"SYSTEM {ENDS}{system}{ENDS}")
    return "\n".join(lines) + "\n"


def card(name: str, source: Source, items: Sequence[Item]) -> str:
    """The text of a persona's card that speaks with one of the items, beside them.

    One with an adapter is preferred: its scale is a dial for the strength of the voice.
    """
    item = next((one for one in items if "adapter" in one.kind), items[0])
    model = item.base or (source.base if item.kind == "adapter" else item.path)
    adapter = item.path.name if "adapter" in item.kind else ""
    return render(
        Card(
            name,
            description=f"A voice trained by the recipe {source.recipe.name}.",
            model=f"local:{model.resolve()}",
            adapter=adapter,
            trained=not adapter,
            keep="facts",
            instruction=source.instruction,
            system=source.system,
        )
    )


def card_name(text: str) -> str:
    """A name that a card, a file and a server all take.

    Raises:
        ExportError: Nothing of the text is left.
    """
    name = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:40].strip("-")
    if not name:
        raise ExportError(f"{text!r} is no name.", hint="--name NAME, of letters and digits")
    return name


def commands(
    name: str, source: Source, items: Sequence[Item], its_card: Path, file: Path | None
) -> tuple[str, ...]:
    """What to type: to ask in the voice, and to serve each item.

    Args:
        name: What servers call it.
        source: The run.
        items: What was written.
        its_card: The persona's card.
        file: The Modelfile, where there is one.
    """
    rows = [["agent", "ask", "--persona", str(its_card), "QUESTION"]]
    rows += [_served(name, source, item) for item in items]
    if file is not None:
        rows.append(["ollama", "create", name, "-f", str(file)])
    return tuple(shlex.join(row) for row in rows)


def _served(name: str, source: Source, item: Item) -> list[str]:
    path = str(item.path)
    if item.kind == "adapter":
        rank = source.recipe.rank
        most = next((known for known in _RANKS if known >= rank), rank)
        words = ["vllm", "serve", str(source.base), "--enable-lora", "--max-lora-rank", str(most)]
        return [*words, "--lora-modules", f"{name}={path}"]
    if item.kind == "merged":
        return ["vllm", "serve", path, "--served-model-name", name]
    if item.base is not None:
        return ["llama-server", "-m", str(item.base), "--lora", path, "--jinja"]
    return ["llama-server", "-m", path, "--jinja"]
