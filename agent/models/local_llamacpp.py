"""A GGUF file in this process, through llama.cpp. The only module that imports xllamacpp.

xllamacpp holds llama.cpp's server; what it answers over loopback is more than its own methods do
(tokens, template, saved slots, a cancel while the prompt is read), so it is spoken to over HTTP,
on a free port of 127.0.0.1 and with a key that is made anew each time. Its one slot is what the
engine holds; llama.cpp itself finds the common beginning of two prompts. Its sums depend on how
tokens are batched, so a reused prefix answers alike, not to the bit.
"""

from __future__ import annotations

import http.client
import json
import os
import secrets
import shutil
import tempfile
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from agent.errors import BadModelOutput, ModelError
from agent.models.local_engine import (
    Answered,
    Stop,
    Stopped,
    TemplateRefuses,
    missing_extra,
    no_template,
)
from agent.models.local_files import gguf_facts, gguf_specials
from agent.models.prefix_store import common

if TYPE_CHECKING:
    from agent.models.local_files import Weights

BATCH = 256
"""Tokens of a prompt that are read between two looks at whether to stop."""

_PATIENCE = 3600.0
"""Seconds for one batch; as long as llama.cpp's own."""


class LlamaCpp:
    """See `Engine` for the contract."""

    suffix = ".slot"
    can_keep = True

    def __init__(self, weights: Weights, scratch: Path) -> None:
        """Load the weights; takes seconds.

        Args:
            weights: A GGUF file.
            scratch: A folder on the disk of the saved caches, made where it is not.

        Raises:
            ModelError: They cannot be loaded.
        """
        if not any(key == "tokenizer.chat_template" for key, _ in gguf_facts(weights.path)):
            raise no_template(weights.path)
        try:
            import xllamacpp
        except ImportError as error:
            raise missing_extra("xllamacpp") from error
        self._path = weights.path
        scratch.mkdir(parents=True, exist_ok=True)
        self._slots = Path(tempfile.mkdtemp(prefix=".slots-", dir=scratch))
        self._secret = secrets.token_urlsafe(16)
        params = xllamacpp.CommonParams()
        params.model.path = str(weights.path)
        params.slot_save_path = f"{self._slots}{os.sep}"
        params.api_keys = [self._secret]
        params.cors_origins = "localhost"
        params.hostnames = ["127.0.0.1"]
        params.n_batch = params.n_ubatch = BATCH
        params.n_parallel = 1
        params.cache_ram_mib = 0
        params.offline = True
        params.ui = False
        params.warmup = False
        params.verbosity = -1
        self._lora: list[dict[str, float]] = []
        if weights.adapter is not None:
            params.lora_adapters = [xllamacpp.CommonAdapterLoraInfo(str(weights.adapter), 1.0)]
            # Loaded at full strength; how strong it is, each request says.
            self._lora = [{"id": 0, "scale": weights.scale}]
        try:
            self._server = xllamacpp.Server(params)
        except RuntimeError as error:
            shutil.rmtree(self._slots, ignore_errors=True)
            raise ModelError(
                f"llama.cpp cannot load {weights.adapter or weights.path}: it is damaged, of a "
                "kind that this version "
                f"({version('xllamacpp')}) does not know, or larger than the memory.",
                hint="Fetch it again, take smaller weights, or: pip install -U xllamacpp",
            ) from error
        address = urlsplit(self._server.listening_address)
        self._host, self._port = address.hostname or "127.0.0.1", address.port
        self.window = int(self._call("/slots")[0]["n_ctx"])
        self.specials = gguf_specials(weights.path)
        self.key = f"{weights.digest} llama.cpp {version('xllamacpp')} {BATCH}"
        self.bytes_held = 0
        self._held: list[int] = []

    def render(self, messages: Sequence[Mapping[str, str]]) -> str:
        """By llama.cpp's reading of the file's template; reasoning is asked to be left out."""
        asked = {
            "messages": list(messages),
            "chat_template_kwargs": {"enable_thinking": False},
        }
        try:
            return str(self._call("/apply-template", asked)["prompt"])
        except _Refused as refusal:
            raise TemplateRefuses(str(refusal)) from refusal

    def tokens(self, text: str) -> list[int]:
        """See `Engine.tokens`."""
        asked = {"content": text, "add_special": False, "parse_special": True}
        return [int(token) for token in self._call("/tokenize", asked)["tokens"]]

    def kept(self, tokens: Sequence[int]) -> int:
        """See `Engine.kept`."""
        return common(self._held, tokens)

    def restore(self, file: Path, tokens: Sequence[int]) -> bool:
        """See `Engine.restore`."""
        name = f"{secrets.token_hex(8)}{self.suffix}"
        try:
            try:
                os.link(file, self._slots / name)
            except OSError:  # a file system without links
                shutil.copyfile(file, self._slots / name)
            said = self._call("/slots/0?action=restore", {"filename": name})
        except (OSError, _Refused):
            self._held = []
            return False
        finally:
            (self._slots / name).unlink(missing_ok=True)
        self._held = list(tokens) if said.get("n_restored") == len(tokens) else []
        return bool(self._held)

    def read(self, tokens: Sequence[int], stop: Stop) -> Generator[int, None, None]:
        """See `Engine.read`."""
        if not tokens or self._held == list(tokens):
            # The slot may go on after them with an old answer; it is cut when the next is asked.
            self._held = list(tokens)
            return
        before, self._held = self._held, []
        done = common(before, tokens)
        try:
            with closing(self._complete(tokens, 0, 0.0, stop)) as events:
                for event in events:
                    if progress := event.get("prompt_progress"):
                        done = int(progress["processed"])
                        yield done
        finally:
            # What was read of it stays in the slot: llama.cpp finds it there again.
            self._held = list(tokens[:done])
        self._held = list(tokens)

    def save(self, file: Path) -> None:
        """See `Engine.save`."""
        name = f"{secrets.token_hex(8)}{self.suffix}"
        try:
            said = self._call("/slots/0?action=save", {"filename": name})
            if said.get("n_saved") != len(self._held):
                raise OSError("the slot holds something else")
            os.replace(self._slots / name, file)
        except _Refused as refusal:
            raise OSError(str(refusal)) from refusal
        finally:
            (self._slots / name).unlink(missing_ok=True)

    def answer(
        self, rest: Sequence[int], most: int, temperature: float, stop: Stop
    ) -> Generator[str | Answered, None, None]:
        """See `Engine.answer`."""
        asked = [*self._held, *rest]
        with closing(self._complete(asked, most, temperature, stop)) as events:
            for event in events:
                if event.get("content"):
                    yield str(event["content"])
                if event.get("stop"):
                    cut = event.get("stop_type") == "limit"
                    count = int(event.get("tokens_predicted", 0))
                    yield Answered(count, "length" if cut else "stop")
                    return
        raise BadModelOutput(
            f"The answer of {self._path.name} broke off before its end.", hint="Ask again."
        )

    def close(self) -> None:
        """See `Engine.close`."""
        self._server = None
        shutil.rmtree(self._slots, ignore_errors=True)

    def _complete(
        self, tokens: Sequence[int], most: int, temperature: float, stop: Stop
    ) -> Generator[dict[str, Any], None, None]:
        """Have the slot go on after these tokens; leaving early ends it there."""
        asked = {
            "prompt": list(tokens),
            "n_predict": most,
            "temperature": temperature,
            # Of llama.cpp's own samplers none but the temperature, as with the other engine.
            "samplers": ["temperature"],
            "cache_prompt": True,
            "id_slot": 0,
            "stream": True,
            "return_progress": True,
            "lora": self._lora,
        }
        with self._door(), closing(self._ask("/completion", asked)) as response:
            for line in response:
                if stop():
                    raise Stopped
                if line.startswith(b"data: {"):
                    yield json.loads(line[6:])
                elif line.startswith(b"error: {"):
                    raise ModelError(
                        f"llama.cpp failed: {_message(line[7:])}",
                        hint="Ask again, or take other weights.",
                    )

    def _call(self, path: str, asked: Any = None) -> Any:
        with self._door(), closing(self._ask(path, asked)) as response:
            return json.loads(response.read())

    @contextmanager
    def _door(self) -> Iterator[None]:
        """Failures of the connection as the house's.

        Raises:
            ModelError: The server within is gone, or does not answer.
        """
        try:
            yield
        except (OSError, http.client.HTTPException) as error:
            raise ModelError(
                f"llama.cpp has stopped with {self._path.name}: {error or type(error).__name__}",
                hint="Ask again; if it stops again, take smaller weights.",
            ) from error

    def _ask(self, path: str, asked: Any = None) -> http.client.HTTPResponse:
        """A request to the server within; closing the answer closes the connection.

        Raises:
            _Refused: It says no, and why.
        """
        connection = http.client.HTTPConnection(self._host, self._port, timeout=_PATIENCE)
        connection.request(
            "GET" if asked is None else "POST",
            path,
            None if asked is None else json.dumps(asked),
            {
                "Authorization": f"Bearer {self._secret}",
                "Content-Type": "application/json",
                "Connection": "close",
            },
        )
        response = connection.getresponse()
        if response.status != 200:
            with closing(response):
                raise _Refused(_message(response.read()))
        return response


class _Refused(ModelError):
    """The server within says no."""


def _message(data: bytes) -> str:
    with suppress(ValueError, KeyError, TypeError):
        return str(json.loads(data)["error"]["message"])
    return data.decode("utf-8", "replace")[:300]
