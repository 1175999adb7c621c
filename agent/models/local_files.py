"""What can be known of local weights by looking at their files: kind, window, digest.

No heavy library: it reads JSON and the head of a GGUF file, and says in words what is wrong.
"""

from __future__ import annotations

import hashlib
import json
import struct
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO, Literal

from agent.errors import ModelError, UnknownModel

_HEAD = 1 << 20
"""Bytes of a weights file that its digest reads, beside its size and its time."""
_SMALL = (".json", ".jinja", ".model", ".txt")
_GGUF_FORMS = ("<B", "<b", "<H", "<h", "<I", "<i", "<f", "<?", "", "", "<Q", "<q", "<d")
"""Of its value types by number; 8 is a string, 9 an array."""
_CONTROL = (3, 4)
"""Token types of control tokens and of those that a user defined."""


@dataclass(frozen=True, slots=True)
class Weights:
    """A model on disk."""

    path: Path
    """A folder, or a GGUF file."""
    kind: Literal["transformers", "gguf"]
    window: int | None
    """As the weights say; None if they do not."""
    digest: str
    """Changes where a file does; another copy of the same files has another one."""
    adapter: Path | None = None
    """Trained changes to them: a folder of PEFT's, or a GGUF file."""
    scale: float = 1.0
    """How strong the adapter is."""


def find(path: Path) -> Weights:
    """Look at what the user named.

    Raises:
        UnknownModel: There is no such path, or no weights in it.
        ModelError: The files cannot be read.
    """
    if not path.exists():
        raise UnknownModel(
            f"There is no {path}.",
            hint="Name a folder with safetensors, or a .gguf file: --model local:PATH",
        )
    try:
        if path.is_dir():
            files = sorted(path.glob("*.gguf"))
            if (path / "config.json").is_file() and any(path.glob("*.safetensors")):
                return Weights(path, "transformers", _window(path / "config.json"), _digest(path))
            if len(files) == 1:
                path = files[0]
            else:
                raise UnknownModel(
                    f"{path} holds "
                    + (f"{len(files)} GGUF files." if files else "no weights that can be read."),
                    hint=f"Name one of them: --model local:{files[0]}"
                    if files
                    else "It needs config.json and *.safetensors, or a .gguf file. Pickled "
                    "weights (*.bin, *.pt) are not loaded: they can run code.",
                )
        window = None
        for key, value in gguf_facts(path):
            if key.endswith(".context_length") and isinstance(value, int):
                window = value
                break
        return Weights(path, "gguf", window, _digest(path))
    except OSError as error:
        raise ModelError(
            f"{error.filename or path} cannot be read: {error.strerror}.",
            hint=f"Look at it: ls -l '{path}'",
        ) from error


def with_adapter(weights: Weights, adapter: Path, scale: float) -> Weights:
    """The weights with an adapter on them.

    Raises:
        UnknownModel: It is not there, or of a kind that does not fit the weights.
    """
    if weights.kind == "gguf":
        fits, kind = adapter.is_file(), "a GGUF file of a LoRA adapter"
    else:
        needed = ("adapter_config.json", "adapter_model.safetensors")
        fits, kind = (
            all((adapter / name).is_file() for name in needed),
            ("a folder with adapter_config.json and adapter_model.safetensors"),
        )
    if not fits:
        raise UnknownModel(
            f"{adapter} is no adapter for {weights.path.name}: it needs {kind}.",
            hint="Export one from a training run: agent finetune export",
        )
    try:
        said = f"{weights.digest} {_digest(adapter)} {scale}"
    except OSError as error:
        raise ModelError(
            f"{error.filename or adapter} cannot be read: {error.strerror}.",
            hint=f"Look at it: ls -l '{adapter}'",
        ) from error
    digest = hashlib.sha256(said.encode()).hexdigest()
    return replace(weights, digest=digest, adapter=adapter, scale=scale)


def gguf_facts(path: Path) -> Iterator[tuple[str, Any]]:
    """The facts at the head of a GGUF file, in its order: numbers, strings, and lists of them.

    The form: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md (versions 2 and 3).

    Raises:
        ModelError: It is no such file, or one that was cut.
        OSError: It cannot be opened.
    """
    with open(path, "rb") as file:
        if file.read(4) != b"GGUF":
            raise UnknownModel(
                f"{path} is no GGUF file.",
                hint="Name a .gguf file, or a folder with config.json and *.safetensors.",
            )
        try:
            (version,) = struct.unpack("<I", _read(file, 4))
            if version not in (2, 3):
                raise ModelError(
                    f"{path} is a GGUF file of version {version}; 2 and 3 can be read.",
                    hint="Convert the weights anew, or fetch a newer file.",
                )
            _, count = struct.unpack("<QQ", _read(file, 16))
            for _ in range(count):
                key = _gguf_text(file)
                (kind,) = struct.unpack("<I", _read(file, 4))
                yield key, _gguf_value(file, kind)
        except (EOFError, struct.error, IndexError, UnicodeDecodeError) as error:
            raise ModelError(
                f"{path} is cut or damaged: its head cannot be read to its end.",
                hint="Fetch it again.",
            ) from error


def gguf_specials(path: Path) -> tuple[str, ...]:
    """The control tokens of a GGUF file's tokenizer."""
    tokens: list[str] = []
    kinds: list[int] = []
    for key, value in gguf_facts(path):
        if key == "tokenizer.ggml.tokens":
            tokens = value
        elif key == "tokenizer.ggml.token_type":
            kinds = value
    return tuple(t for t, kind in zip(tokens, kinds, strict=False) if kind in _CONTROL)


def _gguf_value(file: BinaryIO, kind: int) -> Any:
    if kind == 8:
        return _gguf_text(file)
    if kind != 9:
        form = _GGUF_FORMS[kind]
        return struct.unpack(form, _read(file, struct.calcsize(form)))[0]
    inner, count = struct.unpack("<IQ", _read(file, 12))
    if inner in (8, 9):
        return [_gguf_value(file, inner) for _ in range(count)]
    form = _GGUF_FORMS[inner]
    data = _read(file, struct.calcsize(form) * count)
    return [value for (value,) in struct.iter_unpack(form, data)]


def _gguf_text(file: BinaryIO) -> str:
    (length,) = struct.unpack("<Q", _read(file, 8))
    return _read(file, length).decode("utf-8")


def _read(file: BinaryIO, count: int) -> bytes:
    if count > 1 << 30:  # no head is so large: a damaged length must not be allocated
        raise EOFError
    data = file.read(count)
    if len(data) < count:
        raise EOFError
    return data


def _window(config: Path) -> int | None:
    try:
        said = json.loads(config.read_text(encoding="utf-8"))
        found = said.get("text_config", said).get("max_position_embeddings")
    except (ValueError, AttributeError) as error:
        raise ModelError(
            f"{config} is damaged: {error}.", hint="Fetch the weights again."
        ) from error
    return found if isinstance(found, int) and found > 0 else None


def _digest(path: Path) -> str:
    """Of small files all bytes count; of weights their beginning, size and time."""
    total = hashlib.sha256()
    files = [path] if path.is_file() else sorted(p for p in path.iterdir() if p.is_file())
    for file in files:
        total.update(file.name.encode())
        if file.suffix in _SMALL:
            total.update(file.read_bytes())
        elif file.suffix in (".safetensors", ".gguf"):
            stat = file.stat()
            total.update(f"{stat.st_size} {stat.st_mtime_ns}".encode())
            with open(file, "rb") as stream:
                total.update(stream.read(_HEAD))
    return total.hexdigest()
