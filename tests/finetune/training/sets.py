"""Small data sets on disk, and a base to train on them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from finetune.data.folder import MANIFEST, SCHEMA, fresh

_ANIMALS = ("fox", "owl", "cat", "dog", "hen", "bee")
_PLACES = ("the hill", "the barn", "the old well", "the wood")


def chats(count: int, *, start: int = 0) -> list[dict[str, Any]]:
    rows = []
    for number in range(start, start + count):
        animal = _ANIMALS[number % len(_ANIMALS)]
        place = _PLACES[number // len(_ANIMALS) % len(_PLACES)]
        answer = f"Verily, the {animal} doth dwell by {place}, and there it sleepeth."
        rows.append({"messages": turns(f"Where does {animal} number {number} live?", answer)})
    return rows


def pairs(count: int) -> list[dict[str, Any]]:
    rows = []
    for row in chats(count):
        question, answer = row["messages"]
        plain = {"role": "assistant", "content": "It lives there."}
        rows.append({"prompt": [question], "chosen": [answer], "rejected": [plain]})
    return rows


def labelled(count: int, *, start: int = 0) -> list[dict[str, Any]]:
    rows = []
    for number in range(start, start + count):
        animal, label = (("fox", "wild"), ("hen", "tame"))[number % 2]
        rows.append({"text": f"The {animal} went by at {number}.", "label": label})
    return rows


def turns(question: str, answer: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]


def texts() -> list[str]:
    return [message["content"] for row in chats(240) for message in row["messages"]]


def write(
    folder: Path,
    kind: str,
    train: Sequence[Mapping[str, Any]],
    valid: Sequence[Mapping[str, Any]] = (),
) -> Path:
    with fresh(folder) as new:
        files, whole = {}, hashlib.sha256()
        for split, rows in (("train", train), ("valid", valid), ("test", ())):
            data = "".join(json.dumps(row) + "\n" for row in rows).encode()
            (new / f"{split}.jsonl").write_bytes(data)
            digest = hashlib.sha256(data).hexdigest()
            files[f"{split}.jsonl"] = {"sha256": digest}
            whole.update(digest.encode())
        manifest = {
            "schema": SCHEMA,
            "kind": kind,
            "files": files,
            "digest": whole.hexdigest(),
        }
        (new / MANIFEST).write_text(json.dumps(manifest))
    return folder
