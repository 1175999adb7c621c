"""A small real server on loopback that speaks Anthropic's Messages protocol, and keeps prefixes.

Streamed answers only. Like the provider, it keeps what lies before a `cache_control` mark, and says
in its usage what it wrote and what it read; a token is a word. Nothing here expires.
"""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self


@dataclass
class AnthropicLoopback:
    """The server: a context manager that listens on a free port of 127.0.0.1."""

    text: str = "The first source says so [1]."
    requests: list[dict[str, Any]] = field(default_factory=list)
    """The bodies received."""
    kept: set[str] = field(default_factory=set)
    """The prefixes that were marked."""

    def __enter__(self) -> Self:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        self._server.daemon_threads = True
        self._server.owner = self  # type: ignore[attr-defined]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def usage(self, body: dict[str, Any]) -> dict[str, int]:
        """What a request reads, and what it writes to and reads from what is kept."""
        texts, marked = [], 0
        parts = [*_parts(body.get("system", "")), {"text": ""}]
        for message in body["messages"]:
            parts += _parts(message["content"])
        for part in parts:
            texts.append(part["text"])
            if part.get("cache_control") == {"type": "ephemeral"}:
                marked = len(texts)
        words = sum(len(text.split()) for text in texts)
        prefix = "\n".join(texts[:marked])
        size = len(prefix.split())
        known = prefix in self.kept
        if prefix:
            self.kept.add(prefix)
        return {
            "input_tokens": words - size,
            "cache_creation_input_tokens": 0 if known else size,
            "cache_read_input_tokens": size if known else 0,
        }


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        pass

    def do_POST(self) -> None:
        owner: AnthropicLoopback = self.server.owner  # type: ignore[attr-defined]
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        owner.requests.append(body)
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        message = {
            "id": "msg_1", "type": "message", "role": "assistant", "model": body["model"],
            "content": [], "stop_reason": None, "stop_sequence": None,
            "usage": {**owner.usage(body), "output_tokens": 1},
        }  # fmt: skip
        self._event("message_start", message=message)
        self._event("content_block_start", index=0, content_block={"type": "text", "text": ""})
        for word in owner.text.split():
            delta = {"type": "text_delta", "text": word + " "}
            self._event("content_block_delta", index=0, delta=delta)
        self._event("content_block_stop", index=0)
        end = {"stop_reason": "end_turn", "stop_sequence": None}
        self._event("message_delta", delta=end, usage={"output_tokens": len(owner.text.split())})
        self._event("message_stop")
        self.close_connection = True

    def _event(self, kind: str, **data: Any) -> None:
        line = json.dumps({"type": kind, **data})
        self.wfile.write(f"event: {kind}\ndata: {line}\n\n".encode())
        self.wfile.flush()


def _parts(content: Any) -> list[dict[str, Any]]:
    return [{"text": content}] if isinstance(content, str) else content
