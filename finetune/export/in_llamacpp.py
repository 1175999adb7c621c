"""A GGUF file loaded by llama.cpp and asked. The room's only door to xllamacpp.

xllamacpp holds llama.cpp's server in this process; it is asked over loopback, with a key that is
made anew each time. Its cache is held in 32 bits here: a difference is the file's.
"""

from __future__ import annotations

import http.client
import json
import secrets
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from finetune.export.source import ExportError, Messages
from finetune.serving import SERVED

_PATIENCE = 3600.0
"""Seconds for one answer."""


def need() -> None:
    """See that llama.cpp is there.

    Raises:
        ExportError: It is not.
    """
    if find_spec("xllamacpp") is None:
        raise ExportError(
            "A GGUF file is loaded before it is given out, and xllamacpp is not installed.",
            hint="pip install xllamacpp",
        )


class LlamaCpp:
    """A file in memory."""

    def __init__(self, path: Path, *, adapter: Path | None = None, window: int = 2048) -> None:
        """Load it.

        Args:
            path: Of the weights.
            adapter: Of a LoRA on them.
            window: Tokens to have room for.

        Raises:
            ExportError: llama.cpp cannot load them.
        """
        import xllamacpp

        self._secret = secrets.token_urlsafe(16)
        params = xllamacpp.CommonParams()
        params.model.path = str(path)
        params.api_keys = [self._secret]
        params.cors_origins = "localhost"
        params.hostnames = ["127.0.0.1"]
        params.n_ctx = window
        params.n_parallel = 1
        params.cache_ram_mib = 0
        params.cache_type_k = params.cache_type_v = xllamacpp.ggml_type.GGML_TYPE_F32
        params.offline = True
        params.ui = False
        params.warmup = False
        params.verbosity = -1
        if adapter is not None:
            params.lora_adapters = [xllamacpp.CommonAdapterLoraInfo(str(adapter), 1.0)]
        try:
            self._server = xllamacpp.Server(params)
        except RuntimeError as error:
            raise ExportError(
                f"llama.cpp cannot load the {'adapter' if adapter else 'file'} that was written.",
                hint="pip install -U xllamacpp; or name llama.cpp's own converter: --converter",
            ) from error
        address = urlsplit(self._server.listening_address)
        self._host, self._port = address.hostname or "127.0.0.1", address.port

    def render(self, messages: Messages) -> str:
        """A conversation by llama.cpp's reading of the chat template.

        Raises:
            ExportError: It refuses the template.
        """
        asked = {"messages": list(messages), "chat_template_kwargs": SERVED}
        return str(self._call("/apply-template", asked)["prompt"])

    def tokens(self, text: str) -> list[int]:
        """A text's tokens; special ones are read, none is added."""
        asked = {"content": text, "add_special": False, "parse_special": True}
        return [int(token) for token in self._call("/tokenize", asked)["tokens"]]

    def next_tokens(self, tokens: Sequence[int], most: int) -> list[int]:
        """See `answers.Next`."""
        said = self._call(
            "/completion",
            {
                "prompt": list(tokens),
                "n_predict": most,
                "temperature": 0.0,
                "samplers": ["temperature"],
                "cache_prompt": True,
                "return_tokens": True,
            },
        )
        found = [int(token) for token in said["tokens"]][:most]
        if not found:
            raise ExportError("llama.cpp gives no answer.", hint="pip install -U xllamacpp")
        return found

    def close(self) -> None:
        """Let go of the weights."""
        self._server = None

    def _call(self, path: str, asked: Any) -> Any:
        connection = http.client.HTTPConnection(self._host, self._port, timeout=_PATIENCE)
        try:
            connection.request(
                "POST",
                path,
                json.dumps(asked),
                {
                    "Authorization": f"Bearer {self._secret}",
                    "Content-Type": "application/json",
                    "Connection": "close",
                },
            )
            response = connection.getresponse()
            data = response.read()
        except (OSError, http.client.HTTPException) as error:
            raise ExportError(f"llama.cpp has stopped: {error}.", hint="Try again.") from error
        finally:
            connection.close()
        if response.status != 200:
            said = data.decode("utf-8", "replace")[:300]
            raise ExportError(f"llama.cpp refuses what was written: {said}")
        return json.loads(data)
