"""Settings: a TOML file, the environment and the command line -> one frozen `Config`.

A later origin overrides an earlier one: default, file, environment (`AGENT_` and the setting's
name in capitals), flag. Keys to providers are no settings: they stay in the environment. What a
setting leads to is not decided here; names of models and libraries are checked by those who look
them up.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from shlex import quote
from types import NoneType
from typing import TYPE_CHECKING, Any, Literal, get_args, get_origin, get_type_hints

from agent.errors import ConfigError

if TYPE_CHECKING:
    from agent.paths import Paths

Origin = Literal["default", "file", "env", "flag"]
Value = str | int | float | None
ModeName = Literal["auto", "naive", "agentic", "cag"]

_SECRET_NAME = re.compile(r"api_?key$|secret|token$|password|passwd|credential", re.IGNORECASE)
_SECRET_VALUE = re.compile(
    r"\b(?:sk|pk|rk|gsk|xai|hf|ghp|gho|pat|r8|nvapi|pplx|csk)[-_][A-Za-z0-9_-]{12,}|\bAIza[\w-]{30,}"
)
"""How the keys of the known providers begin."""
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


NO_PERSONA = "none"
"""What the setting `persona` says where none is worn."""


@dataclass(frozen=True, slots=True)
class Config:
    """What the user has chosen. Each field but `origins` is a setting of that name."""

    model: str = "embedded"
    """Who answers: `embedded` (offline, extractive), any litellm name, or `local:PATH`."""
    mode: ModeName = "auto"
    """How an answer is found, where `--mode` does not say."""
    library: str = "default"
    """Which library is asked: a name, or the path of a folder that has one of its own."""
    embedder: str = "minilm"
    """Who turns text into vectors: `minilm` (offline), `none`, or any litellm embedding name."""
    embedder_api_base: str = field(default="", metadata={"address": True})
    """Address of the embedder's server, where it is not the provider's own."""
    embedder_api_key_env: str = ""
    """Name of the environment variable that holds the embedder's key, if not the usual one."""
    reranker: str = ""
    """Who orders the best passages anew: any litellm reranking name; unset for nobody."""
    reranker_api_base: str = ""
    """Address of the reranker's server, where it is not the provider's own."""
    chroma_url: str = field(default="", metadata={"address": True})
    """Address of a Chroma server that keeps the vectors; unset keeps them in the library."""
    chroma_collection: str = ""
    """With `chroma_url`: the name of a library there that several machines share."""
    searxng_url: str = field(default="", metadata={"address": True})
    """Address of a SearXNG server, which the web's tools search with."""
    allow_hosts: str = ""
    """Hosts, by comma, whose pages may be fetched though they lie in an inner network."""
    precision: Literal["auto", "int8", "fp32"] = "auto"
    """Arithmetic of the embedded embedder; `auto` takes what measured best."""
    threads: int = field(default=0, metadata={"range": (0, 1024)})
    """Processor threads for embedding; 0 takes what the machine has."""
    api_base: str = field(default="", metadata={"address": True})
    """Address of the model's server, where it is not the provider's own."""
    replicas: str = field(default="", metadata={"addresses": True})
    """Addresses, by comma, of other servers of the same model; a request goes to one that works."""
    fallbacks: str = ""
    """Models, by comma, that are asked in turn where the model does not answer."""
    api_key_env: str = ""
    """Name of the environment variable that holds the model's key, if not the provider's usual."""
    passages: int = field(default=8, metadata={"range": (1, 100)})
    """How many passages are retrieved for a question."""
    persona: str = NO_PERSONA
    """Who restyles answers: a persona's name or its card's file, or `none`."""
    persona_seconds: float = field(default=30.0, metadata={"range": (0.1, 3600)})
    """The longest that a persona may take for an answer; what it has not restyled stays plain."""
    answer_tokens: int | None = field(default=None, metadata={"range": (1, 10_000_000)})
    """The longest answer, in the model's tokens; unset leaves it to the model."""
    max_cost: float | None = field(default=None, metadata={"range": (0, 1_000_000)})
    """The most that one question may cost, in US dollars; unset sets no limit."""
    max_tokens: int | None = field(default=None, metadata={"range": (1, 1_000_000_000)})
    """The most tokens that one question may use, prompts and answers together."""
    max_steps: int | None = field(default=24, metadata={"range": (1, 10_000)})
    """The most calls to models and tools that one question may make."""
    max_seconds: float | None = field(default=None, metadata={"range": (0.1, 86_400)})
    """The longest that one question may take; unset sets no limit."""
    temperature: float | None = field(default=None, metadata={"range": (0, 2)})
    """Sampling temperature; unset leaves it to the model."""
    timeout: float = field(default=60.0, metadata={"range": (0.1, 86_400)})
    """Seconds to wait for a model's next sign of life."""
    retries: int = field(default=3, metadata={"range": (0, 20)})
    """How often a refused or broken request is tried again."""

    origins: Mapping[str, Origin] = field(default_factory=dict, compare=False, repr=False)
    """Where each value came from that is not the default."""

    @classmethod
    def load(
        cls,
        paths: Paths,
        env: Mapping[str, str] | None = None,
        overrides: Mapping[str, Any] | None = None,
    ) -> Config:
        """Read the settings.

        Args:
            paths: Names the file; it need not exist.
            env: The environment; the process's own if not given. Empty variables count as unset.
            overrides: What the command line said, by setting; None counts as not said.

        Raises:
            ConfigError: The file cannot be read, a setting is unknown, or a value is wrong.
        """
        env = os.environ if env is None else env
        values: dict[str, Any] = {}
        origins: dict[str, Origin] = {}
        for name, value in _read(paths.config_file).items():
            values[name] = _checked(name, value, str(paths.config_file))
            origins[name] = "file"
        for name in _KINDS:
            if text := env.get(variable(name), "").strip():
                values[name] = parse(name, text, variable(name))
                origins[name] = "env"
        for name, value in (overrides or {}).items():
            if value is not None:
                values[name] = _checked(name, value, f"--{name.replace('_', '-')}")
                origins[name] = "flag"
        return cls(**values, origins=origins)


_KINDS: dict[str, Any] = {
    name: hint for name, hint in get_type_hints(Config).items() if name != "origins"
}
_FIELDS = {f.name: f for f in fields(Config) if f.name in _KINDS}


@dataclass(frozen=True, slots=True)
class Setting:
    """One line of `agent config`."""

    name: str
    value: Value
    default: Value
    origin: Origin
    doc: str
    expected: str
    """What a value must be, in words."""
    variable: str
    """The environment variable that sets it."""


def describe(config: Config) -> Iterator[Setting]:
    """Every setting with its value, where that came from, and what it means."""
    docs, default = _docs(), Config()
    for name in _FIELDS:
        yield Setting(
            name=name,
            value=getattr(config, name),
            default=getattr(default, name),
            origin=config.origins.get(name, "default"),
            doc=docs.get(name, ""),
            expected=_expected(name),
            variable=variable(name),
        )


def variable(name: str) -> str:
    """The environment variable of a setting."""
    return f"AGENT_{name.upper()}"


def parse(name: str, text: str, where: str) -> Value:
    """A value as typed in a shell -> a checked one.

    Raises:
        ConfigError: The setting is unknown or cannot have this value; says `where`.
    """
    kinds = _kinds(name, where)
    value: Any = text
    for kind in (int, float):
        if kind in kinds:
            try:
                value = kind(text)
                break
            except ValueError:
                pass
    return _checked(name, value, where)


def by_comma(text: str) -> tuple[str, ...]:
    """What a setting names by comma."""
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _read(file: Path) -> dict[str, Any]:
    import tomllib

    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except ValueError as error:
        raise ConfigError(
            f"{file} is not valid TOML: {error}.",
            hint=f"Mend the file, or move it aside: {_aside(file)}",
        ) from error
    except OSError as error:
        raise ConfigError(
            f"{file} cannot be read: {error.strerror}.", hint=how_to_read(file)
        ) from error


def how_to_read(file: Path) -> str:
    """The hint for a settings file that cannot be read."""
    if os.path.isdir(file):
        return f"Move it aside: {_aside(file)}"
    if os.path.exists(file.parent) and not os.path.isdir(file.parent):
        return f"{file.parent} is no folder; take another: export AGENT_HOME=FOLDER"
    return f"Look at it: ls -l {quote(str(file))}"


def _aside(file: Path) -> str:
    return f"mv {quote(str(file))} {quote(f'{file}.broken')}"


def _checked(name: str, value: Any, where: str) -> Value:
    """The value, if the setting may have it. An error never repeats what may be a secret."""
    kinds = _kinds(name, where)
    if isinstance(value, str):
        variable_name = not name.endswith("api_key_env") or not value or _VARIABLE.fullmatch(value)
        if _SECRET_VALUE.search(value) or not variable_name:
            raise _secret(where, name)
        addresses = by_comma(value) if _FIELDS[name].metadata.get("addresses") else ()
        if value and _FIELDS[name].metadata.get("address"):
            addresses = (value,)
        if not all(_is_address(address) for address in addresses):
            raise ConfigError(
                f"{where}: '{name}' must be {_expected(name)}.",
                hint=_how_to_set(name, where),
            )
    if float in kinds and type(value) is int:
        value = float(value)
    low, high = _FIELDS[name].metadata.get("range", (None, None))
    choices = [kind for kind in kinds if isinstance(kind, str)]
    fits = value in choices if choices else type(value) in kinds
    if not fits or (low is not None and value is not None and not low <= value <= high):
        raise ConfigError(
            f"{where}: '{name}' must be {_expected(name)}, not {value!r}.",
            hint=_how_to_set(name, where),
        )
    assert value is None or isinstance(value, str | int | float)
    return value


def _kinds(name: str, where: str) -> tuple[Any, ...]:
    """The types, or the words, that a setting's value may be."""
    if name in _KINDS:
        hint = _KINDS[name]
        return get_args(hint) if get_origin(hint) else (hint,)
    if _SECRET_NAME.search(name):
        raise _secret(where, name)
    from difflib import get_close_matches

    close = " or ".join(f"'{near}'" for near in get_close_matches(name, _KINDS, n=2))
    raise ConfigError(
        f"{where}: '{name}' is not a setting{f'; did you mean {close}?' if close else '.'}",
        hint="See all settings: agent config",
    )


def _how_to_set(name: str, where: str) -> str:
    if where == variable(name):  # it overrides the file
        return f"Set it: export {where}=VALUE, or drop it: unset {where}"
    return f"Set it: agent config set {name} VALUE"


def _is_address(text: str) -> bool:
    """Whether it can be connected to; a library that is given another would call it a bug."""
    from urllib.parse import urlsplit

    try:
        url = urlsplit(text)
        _ = url.port  # raises where it is no number
    except ValueError:
        return False
    return url.scheme in ("http", "https") and bool(url.hostname) and text.isprintable()


def _secret(where: str, name: str) -> ConfigError:
    variable_of = "embedder_api_key_env" if name.startswith("embedder") else "api_key_env"
    return ConfigError(
        f"{where}: '{name}' seems to hold a key, and keys are not stored in settings.",
        hint="Put the key in the environment (export OPENAI_API_KEY=…); where the variable has "
        f"another name, say which: agent config set {variable_of} VARIABLE_NAME",
    )


def _expected(name: str) -> str:
    kinds = _kinds(name, name)
    low, high = _FIELDS[name].metadata.get("range", (None, None))
    if choices := [kind for kind in kinds if isinstance(kind, str)]:
        return "one of " + ", ".join(choices)
    if _FIELDS[name].metadata.get("address"):
        return "an address such as http://localhost:8080/v1"
    if _FIELDS[name].metadata.get("addresses"):
        return "addresses such as http://one:8000/v1,http://two:8000/v1"
    what = "a whole number" if int in kinds else "a number" if float in kinds else "text"
    words = what if low is None else f"{what} from {low} to {high}"
    return words + (" (or unset)" if NoneType in kinds else "")


def _docs() -> dict[str, str]:
    """The strings under the fields of `Config`, read from this file's source."""
    import ast
    from itertools import pairwise

    tree = ast.parse(Path(__file__).read_text(encoding="utf-8"))
    body = next(n.body for n in tree.body if isinstance(n, ast.ClassDef) and n.name == "Config")
    found = {}
    for above, below in pairwise(body):
        if (
            isinstance(above, ast.AnnAssign)
            and isinstance(above.target, ast.Name)
            and isinstance(below, ast.Expr)
            and isinstance(below.value, ast.Constant)
        ):
            found[above.target.id] = " ".join(str(below.value.value).split())
    return found
