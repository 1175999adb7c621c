"""A small real server on loopback that speaks the OpenAI protocol, and fails on demand.

Chat completions (streamed and whole), embeddings, tool calls and usage with cached tokens. Not a
fake client: a provider's library talks to it over a socket, so that time-outs, cut streams and
hang-ups are the real ones. By hand: `python -m tests.loopback --port 8009 --fault slow`.
"""

from __future__ import annotations

import argparse
import json
import select
import socket
import threading
import zlib
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal, Self

FaultKind = Literal[
    "401",  # the key is refused, and the refusal quotes it, as some providers do
    "404",  # no such model
    "429",  # rate limited
    "500",  # the server failed
    "context",  # the prompt is too long for the window
    "cut",  # the socket is closed in the middle of the answer
    "quiet_cut",  # the answer ends in order, but without a finish reason
    "stalled",  # the answer stops coming, and the connection stays
    "garbage",  # a body that is not JSON
    "empty",  # a whole, well-formed answer without a word in it
    "hang",  # the request is taken and never answered
    "slow",  # a token every 20 ms, without end, until the client leaves
]


@dataclass(frozen=True, slots=True)
class Fault:
    """How the next requests go wrong."""

    kind: FaultKind
    retry_after: str = ""
    """The value of a `Retry-After` header; none is sent where this is empty."""
    after: int = 2
    """For `cut`, `quiet_cut` and `stalled`: how many tokens are sent first."""


@dataclass(frozen=True, slots=True)
class Reply:
    """A whole answer."""

    text: str = "The first source says so [1]."
    reasoning: str = ""
    tool_calls: tuple[tuple[str, str, str], ...] = ()
    """(id, name, arguments as the model wrote them)."""
    finish: str = "stop"
    cached_tokens: int = 0
    prompt_tokens: int = 20


@dataclass
class Loopback:
    """The server: a context manager that listens on a free port of 127.0.0.1."""

    reply: Reply | Callable[[dict[str, Any]], Reply] = field(default_factory=Reply)
    """What is answered, or how to make it from the request's body."""
    dimensions: int = 8
    """Of the embeddings; they are a hash of the text, and not of unit length."""
    port: int = 0
    requests: list[dict[str, Any]] = field(default_factory=list)
    """The bodies received, each with its `path` and `headers`."""
    tokens: int = 0
    """Chunks of text generated, over all requests."""
    speaking: threading.Event = field(default_factory=threading.Event)
    """Set when a first token has been sent, or when a request hangs."""
    left: threading.Event = field(default_factory=threading.Event)
    """Set when a client hung up before its answer had ended."""
    _faults: deque[Fault] = field(default_factory=deque)
    _always: Fault | None = None
    _closing: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __enter__(self) -> Self:
        self._server = _Server(("127.0.0.1", self.port), _Handler)
        self._server.owner = self
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._closing.set()
        self._server.shutdown()
        self._thread.join()
        self._server.hang_up()
        self._server.server_close()

    @property
    def base_url(self) -> str:
        """What a client takes as its API base."""
        return f"http://127.0.0.1:{self.port}/v1"

    @property
    def closing(self) -> bool:
        """Whether the server is being shut down."""
        return self._closing.is_set()

    def fail(self, kind: FaultKind, *, times: int | None = None, **details: Any) -> None:
        """Let the next `times` requests go wrong; all of them where it is None."""
        fault = Fault(kind, **details)
        if times is None:
            self._always = fault
        else:
            self._faults.extend([fault] * times)

    def wait_until_alone(self, seconds: float) -> bool:
        """Wait until no client is connected; false where one still is."""
        return self._server.wait_until_alone(seconds)

    def take(self, request: dict[str, Any]) -> Fault | None:
        """Note a request, and say how it is to fail."""
        with self._lock:
            self.requests.append(request)
            return self._faults.popleft() if self._faults else self._always

    def spoke(self) -> None:
        """Count a token."""
        with self._lock:
            self.tokens += 1
        self.speaking.set()


class _Server(ThreadingHTTPServer):
    """Threads that end with the test, because their sockets are closed under them."""

    daemon_threads = False
    owner: Loopback

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._open: set[socket.socket] = set()
        self.changed = threading.Condition()

    def process_request(self, request: Any, client_address: Any) -> None:
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self.changed:
            self._open.discard(request)
            self.changed.notify_all()
        super().shutdown_request(request)

    def wait_until_alone(self, seconds: float) -> bool:
        with self.changed:
            return self.changed.wait_for(lambda: not self._open, seconds)

    def hang_up(self) -> None:
        """End the connections that clients keep alive, so that their threads can be joined."""
        for connection in list(self._open):
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up is what is being tested, and no error of the server's."""
        self.owner.left.set()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""

    def do_POST(self) -> None:
        owner = self.server.owner
        body = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))) or b"{}")
        fault = owner.take({**body, "path": self.path, "headers": dict(self.headers)})
        if fault is not None and self._refuse(fault, str(body.get("model", ""))):
            return
        if self.path.endswith("/embeddings"):
            self._send(200, _embeddings(body, owner.dimensions))
            return
        if self.path.endswith("/rerank"):
            scores = enumerate(len(text) / 1000 for text in body["documents"])
            rows = [{"index": i, "relevance_score": score} for i, score in scores]
            self._send(200, {"id": "rerank", "results": rows[::-1]})
            return
        reply = owner.reply(body) if callable(owner.reply) else owner.reply
        if fault is not None and fault.kind == "empty":
            reply = Reply(text="")
        if body.get("stream"):
            self._stream(body, reply, fault)
        else:
            self._send(200, _completion(body, reply))

    def _refuse(self, fault: Fault, model: str) -> bool:
        """Answer with an error, where the fault is one that comes before any token."""
        headers = {"Retry-After": fault.retry_after} if fault.retry_after else {}
        key = self.headers.get("Authorization", "").removeprefix("Bearer ")
        match fault.kind:
            case "401":
                self._error(401, f"Incorrect API key provided: {key}.", "invalid_api_key")
            case "404":
                self._error(404, f"The model `{model}` does not exist.", "model_not_found")
            case "429":
                self._error(429, "Rate limit reached.", "rate_limit_exceeded", headers)
            case "500":
                self._error(500, "The server had an error.", "server_error", headers)
            case "context":
                text = "This model's maximum context length is 100 tokens. You sent 4000 tokens."
                self._error(400, text, "context_length_exceeded")
            case "garbage":
                self._send(200, b"<html>It works!</html>")
            case "hang":
                self.server.owner.speaking.set()
                self._until_the_client_leaves()
            case _:
                return False
        return True

    def _error(
        self, status: int, message: str, code: str, headers: dict[str, str] | None = None
    ) -> None:
        error = {"message": message, "type": "error", "param": None, "code": code}
        self._send(status, {"error": error}, headers)

    def _send(self, status: int, body: Any, headers: dict[str, str] | None = None) -> None:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def _stream(self, body: dict[str, Any], reply: Reply, fault: Fault | None) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        kind = fault.kind if fault else ""
        self._event(_chunk(body, {"role": "assistant", "content": ""}))
        if kind == "slow":
            while not self._gone(0.02):  # each word is another: libraries give up on a stuck model
                self._token(body, f"word{self.server.owner.tokens} ")
            return
        for piece in _pieces(reply.reasoning):
            self._event(_chunk(body, {"reasoning_content": piece}))
        words = _pieces(reply.text)
        if fault and kind in ("cut", "quiet_cut", "stalled"):
            words = words[: fault.after]
        for word in words:
            self._token(body, word)
        if kind == "cut":
            self.close_connection = True
            return
        if kind == "stalled":
            self._until_the_client_leaves()
            return
        if kind != "quiet_cut":
            for delta in _tool_deltas(reply):
                self._event(_chunk(body, delta))
            self._event(_chunk(body, {}, finish=reply.finish))
            if body.get("stream_options", {}).get("include_usage"):
                self._event({**_chunk(body, {}), "choices": [], "usage": _usage(reply)})
            self._chunked(b"data: [DONE]\n\n")
        self._chunked(b"")

    def _token(self, body: dict[str, Any], text: str) -> None:
        self._event(_chunk(body, {"content": text}))
        self.server.owner.spoke()

    def _event(self, data: dict[str, Any]) -> None:
        self._chunked(b"data: " + json.dumps(data).encode() + b"\n\n")

    def _chunked(self, data: bytes) -> None:
        self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
        self.wfile.flush()

    def _until_the_client_leaves(self) -> None:
        while not self._gone(0.05):
            pass

    def _gone(self, seconds: float) -> bool:
        """Wait, and say whether the client hung up (noted) or the server is closing."""
        readable, _, _ = select.select([self.connection], [], [], seconds)
        if readable and not self.connection.recv(1, socket.MSG_PEEK):
            self.close_connection = True
            self.server.owner.left.set()
            return True
        if self.server.owner.closing:
            self.close_connection = True
            return True
        return False


def _pieces(text: str) -> list[str]:
    return [word + " " for word in text.split(" ")[:-1]] + [text.split(" ")[-1]] if text else []


def _usage(reply: Reply) -> dict[str, Any]:
    written = len(_pieces(reply.text))
    return {
        "prompt_tokens": reply.prompt_tokens,
        "completion_tokens": written,
        "total_tokens": reply.prompt_tokens + written,
        "prompt_tokens_details": {"cached_tokens": reply.cached_tokens},
    }


def _chunk(
    body: dict[str, Any], delta: dict[str, Any], *, finish: str | None = None
) -> dict[str, Any]:
    return {
        "id": "chatcmpl-loopback",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": body.get("model"),
        "choices": [{"index": 0, "delta": delta, "finish_reason": finish}],
    }


def _tool_deltas(reply: Reply) -> list[dict[str, Any]]:
    """Each call in three pieces, as providers send them: its name, then its arguments in halves."""
    deltas = []
    for index, (id, name, arguments) in enumerate(reply.tool_calls):
        half = len(arguments) // 2
        head = {"id": id, "type": "function", "function": {"name": name, "arguments": ""}}
        deltas.append({"index": index, **head})
        for part in (arguments[:half], arguments[half:]):
            deltas.append({"index": index, "function": {"arguments": part}})
    return [{"tool_calls": [delta]} for delta in deltas]


def _completion(body: dict[str, Any], reply: Reply) -> dict[str, Any]:
    calls = [
        {"id": id, "type": "function", "function": {"name": name, "arguments": arguments}}
        for id, name, arguments in reply.tool_calls
    ]
    message: dict[str, Any] = {"role": "assistant", "content": reply.text}
    if calls:
        message["tool_calls"] = calls
    return {
        "id": "chatcmpl-loopback",
        "object": "chat.completion",
        "created": 1,
        "model": body.get("model"),
        "choices": [{"index": 0, "message": message, "finish_reason": reply.finish}],
        "usage": _usage(reply),
    }


def _embeddings(body: dict[str, Any], dimensions: int) -> dict[str, Any]:
    texts: Sequence[str] = [body["input"]] if isinstance(body["input"], str) else body["input"]
    data = [
        {
            "object": "embedding",
            "index": i,
            "embedding": [
                float(zlib.crc32(f"{axis}:{text}".encode()) % 200 - 100)
                for axis in range(dimensions)
            ],
        }
        for i, text in enumerate(texts)
    ]
    used = sum(len(text.split()) for text in texts)
    usage = {"prompt_tokens": used, "total_tokens": used}
    return {"object": "list", "model": body.get("model"), "data": data, "usage": usage}


def main() -> None:
    """Serve until interrupted."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--port", type=int, default=8009)
    parser.add_argument("--reply", default=Reply().text)
    parser.add_argument("--fault", default="", help="401, 404, 429, 500, context, cut, slow …")
    args = parser.parse_args()
    with Loopback(reply=Reply(text=args.reply), port=args.port) as server:
        if args.fault:
            server.fail(args.fault)
        print(server.base_url, flush=True)
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            return


if __name__ == "__main__":
    main()
