"""Writing the settings file: one value in or out, everything else of it left as it stands."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from agent.config import how_to_read, parse
from agent.errors import ConfigError
from agent.whole_file import PRIVATE, write_whole

if TYPE_CHECKING:
    from tomlkit import TOMLDocument

    from agent.config import Value
    from agent.paths import Paths


def set_value(paths: Paths, name: str, text: str) -> Value:
    """Set one setting in the file, keeping its comments and order.

    Returns:
        The value as it is stored.

    Raises:
        ConfigError: Unknown setting, wrong value, or a file that cannot be read or written.
    """
    value = parse(name, text, "agent config set")
    document = _open(paths.config_file)
    document[name] = value
    _write(paths.config_file, document.as_string())
    return value


def unset_value(paths: Paths, name: str) -> bool:
    """Take one setting out of the file, so that the default holds again.

    A name that is no setting may be taken out too: that is how a misspelt one is mended.

    Returns:
        Whether it was there.

    Raises:
        ConfigError: The file cannot be read or written.
    """
    document = _open(paths.config_file)
    if name not in document:
        return False
    document.remove(name)
    _write(paths.config_file, document.as_string())
    return True


def _open(file: Path) -> TOMLDocument:
    import tomlkit
    from tomlkit.exceptions import TOMLKitError

    try:
        return tomlkit.parse(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return tomlkit.document()
    except (TOMLKitError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"{file} is not valid TOML: {error}.",
            hint=f"Mend the file, or move it aside: mv '{file}' '{file}.broken'",
        ) from error
    except OSError as error:
        raise ConfigError(
            f"{file} cannot be read: {error.strerror}.", hint=how_to_read(file)
        ) from error


def _write(file: Path, text: str) -> None:
    """Replace the file in one step. A symbolic link stays one: its target is replaced."""
    target = file.resolve()
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        mode = target.stat().st_mode & 0o777 if target.exists() else PRIVATE
        write_whole(target, text, mode=mode)
    except OSError as error:
        raise ConfigError(
            f"{file} cannot be written: {error.strerror}.",
            hint=f"Look at who may write there: ls -ld '{target.parent}'",
        ) from error
