"""A byte-level BPE tokenizer as a GGUF file has it: tokens, kinds, merges, template, special ones.

llama.cpp cuts a text into words by rules of its own, chosen by a name (`tokenizer.ggml.pre`); only
those of `llama-vocab.cpp` exist. A tokenizer whose cut is none of them is refused, not guessed at.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from finetune.export.container import Fact
from finetune.export.shapes import OTHERWISE
from finetune.export.source import ExportError

_NORMAL, _CONTROL, _USER, _UNUSED = 1, 3, 4, 5
"""Kinds of tokens: a word's part, one that only the template may write, an added word, a filler."""
_WORDS = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{{L}}\p{{N}}]?\p{{L}}+|{digits}"
    r"| ?[^\s\p{{L}}\p{{N}}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
_CUTS = {
    _WORDS.format(digits=r"\p{N}{1,3}"): "llama-bpe",
    _WORDS.format(digits=r"\p{N}"): "qwen2",
}
"""The patterns of Llama 3 and Qwen 2."""
_GENERATION = re.compile(r"\{%(-?)\s*(end)?generation\s*(-?)%\}")


def read(folder: Path, rows: int, turn_end: str) -> dict[str, Fact]:
    """The facts of a folder's tokenizer.

    Args:
        folder: It has `tokenizer.json` and `tokenizer_config.json`.
        rows: Of the embedding: tokens that are missing are filled up.
        turn_end: The token after an answer in the chat template; empty for none.

    Raises:
        ExportError: llama.cpp knows no tokenizer like this one.
    """
    data = _json(folder / "tokenizer.json")
    config = _json(folder / "tokenizer_config.json")
    bpe = data.get("model") or {}
    if bpe.get("type") != "BPE" or bpe.get("byte_fallback"):
        kind = "SentencePiece's" if bpe.get("byte_fallback") else str(bpe.get("type"))
        raise ExportError(
            f"This writer knows byte-level BPE, and the tokenizer is {kind}.", hint=OTHERWISE
        )
    cut = _cut(data)
    if bool(bpe.get("ignore_merges")) != (cut == "llama-bpe"):
        raise _unknown("whether whole words pass over the merges")
    ids: dict[str, int] = dict(bpe["vocab"])
    kinds = dict.fromkeys(ids.values(), _NORMAL)
    for added in data.get("added_tokens") or ():
        ids[added["content"]] = added["id"]
        kinds[added["id"]] = _CONTROL if added["special"] else _USER
    count = max(rows, max(ids.values()) + 1)
    if count > rows:
        raise ExportError(
            f"The tokenizer has {count:,} tokens, and the model {rows:,}.",
            hint="Put back the whole base, with its own tokenizer.",
        )
    texts = {number: text for text, number in ids.items()}
    facts: dict[str, Fact] = {
        "tokenizer.ggml.model": "gpt2",
        "tokenizer.ggml.pre": cut,
        "tokenizer.ggml.tokens": [texts.get(n, f"[PAD{n}]") for n in range(rows)],
        "tokenizer.ggml.token_type": [kinds.get(n, _UNUSED) for n in range(rows)],
        "tokenizer.ggml.merges": [
            merge if isinstance(merge, str) else " ".join(merge) for merge in bpe["merges"]
        ],
    }
    bos = ids.get(_token(config, "bos_token"))
    facts["tokenizer.ggml.add_bos_token"] = bos is not None and _begins_with(data, bos)
    named = {"bos": bos, "eos": ids.get(_token(config, "eos_token")), "eot": ids.get(turn_end)}
    named |= {"padding": ids.get(_token(config, "pad_token"))}
    facts |= {f"tokenizer.ggml.{key}_token_id": n for key, n in named.items() if n is not None}
    if template := _template(folder, config):
        facts["tokenizer.chat_template"] = template
    return facts


def _cut(data: Mapping[str, Any]) -> str:
    """llama.cpp's name of how the tokenizer cuts a text into words."""
    normalizer = (data.get("normalizer") or {}).get("type")
    steps = _steps(data.get("pre_tokenizer"), "pretokenizers")
    if any(step.get("add_prefix_space") for step in steps) or normalizer not in (None, "NFC"):
        raise _unknown("what it does before it cuts a text into words")
    kinds = [step.get("type") for step in steps]
    by_own_rule = bool(steps) and steps[-1].get("use_regex", True)
    if kinds == ["ByteLevel"] and by_own_rule and not normalizer:
        return "gpt-2"
    if kinds == ["Digits", "ByteLevel"] and by_own_rule and steps[0].get("individual_digits"):
        return "smollm"
    if kinds == ["Split", "ByteLevel"] and not by_own_rule and steps[0]["behavior"] == "Isolated":
        pattern = (steps[0].get("pattern") or {}).get("Regex", "")
        if pattern in _CUTS:
            return _CUTS[pattern]
    raise _unknown("how it cuts a text into words")


def _steps(found: Mapping[str, Any] | None, key: str) -> list[Mapping[str, Any]]:
    """What a part of the tokenizer does, one after the other."""
    if found is None:
        return []
    return list(found[key]) if found["type"] == "Sequence" else [found]


def _begins_with(data: Mapping[str, Any], bos: int) -> bool:
    """Whether the tokenizer itself puts its first token before every text."""
    for step in _steps(data.get("post_processor"), "processors"):
        if step.get("type") == "TemplateProcessing" and step.get("single"):
            first = step["single"][0].get("SpecialToken", {}).get("id")
            return bool(first) and bos in step["special_tokens"][first]["ids"]
    return False


def _template(folder: Path, config: Mapping[str, Any]) -> str:
    """The chat template, with the marks of training made tags that any Jinja knows."""
    path = folder / "chat_template.jinja"
    text = path.read_text(encoding="utf-8") if path.is_file() else config.get("chat_template")
    if not isinstance(text, str):
        return ""
    return _GENERATION.sub(
        lambda tag: f"{{%{tag[1]} {'endif' if tag[2] else 'if true'} {tag[3]}%}}", text
    )


def _token(config: Mapping[str, Any], name: str) -> str:
    """A special token's text; empty where there is none."""
    found = config.get(name)
    return str(found.get("content", "") if isinstance(found, dict) else found or "")


def _json(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ExportError(
            f"{path} cannot be read, and a GGUF file needs its tokenizer.", hint=OTHERWISE
        ) from error
    if not isinstance(found, dict):
        raise ExportError(f"{path} is no tokenizer.", hint=OTHERWISE)
    return found


def _unknown(what: str) -> ExportError:
    return ExportError(
        f"llama.cpp has no rule for the tokenizer: {what} is unlike GPT-2's, SmolLM's, Llama 3's "
        "and Qwen 2's.",
        hint=OTHERWISE,
    )
