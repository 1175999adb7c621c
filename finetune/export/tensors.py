"""A folder's safetensors, read one tensor at a time. The room's only door to safetensors."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from finetune.export.source import ExportError

if TYPE_CHECKING:
    from finetune.export.blocks import Floats

_INDEX = "model.safetensors.index.json"


@dataclass(frozen=True, slots=True)
class Stored:
    """A tensor in a file."""

    name: str
    """As transformers calls it."""
    file: Path
    """Where it is."""
    shape: tuple[int, ...]
    """Outermost first."""

    def read(self) -> Floats:
        """Its weights in 32 bits.

        Raises:
            ExportError: The file has changed or cannot be read.
        """
        from safetensors import SafetensorError, safe_open

        try:
            with safe_open(self.file, framework="pt") as file:
                found: Floats = file.get_tensor(self.name).float().numpy()
                return found
        except (OSError, SafetensorError) as error:
            raise _broken(self.file, error) from error


def look(folder: Path) -> dict[str, Stored]:
    """Every tensor of a folder of weights, or of an adapter, by name; reads their heads only.

    Raises:
        ExportError: A file is missing or damaged.
    """
    return {tensor.name: tensor for file in _files(folder) for tensor in _of(file)}


def _files(folder: Path) -> list[Path]:
    try:
        index = json.loads((folder / _INDEX).read_text(encoding="utf-8"))
        return sorted({folder / name for name in index["weight_map"].values()})
    except FileNotFoundError:
        return sorted(folder.glob("*.safetensors"))
    except (OSError, ValueError, KeyError) as error:
        raise _broken(folder / _INDEX, error) from error


def _of(path: Path) -> Iterator[Stored]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            for name in file.keys():  # noqa: SIM118 - no mapping
                yield Stored(name, path, tuple(file.get_slice(name).get_shape()))
    except (OSError, SafetensorError) as error:
        raise _broken(path, error) from error


def _broken(path: Path, error: Exception) -> ExportError:
    return ExportError(f"{path} cannot be read: {error}.", hint="Put back the whole folder.")
