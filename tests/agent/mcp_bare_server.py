"""An MCP server of the standard library alone, over pipes: `python mcp_bare_server.py REVISION`.

It says to the letter what a revision has, and leaves out what the SDK's server would never leave
out. Its tools ask the user for something, by a form or by a page, or answer in the old way; or it
does what no server of the SDK's would.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

FORM = {
    "type": "object",
    "properties": {
        "town": {"type": "string", "default": "Bern"},
        "days": {"type": "integer", "minimum": 1, "default": 3},
    },
}
ODD = {
    "type": "object",
    "properties": {"a": True, "b": {"type": "string", "pattern": "((("}, "c": {"default": {}}},
}
"""A form that is none: to be stood."""
ENDLESS = {"type": "string", "pattern": "^(a+)+$", "default": "a" * 64 + "!"}
"""What takes for ever to be checked, and a text to check."""
ASKED: dict[str, dict[str, Any]] = {
    "form": {"mode": "form", "message": "Where to?", "requestedSchema": FORM},
    "odd": {"mode": "form", "message": "?", "requestedSchema": ODD},
    "endless": {
        "mode": "form",
        "message": "?",
        "requestedSchema": {"type": "object", "properties": {"a": ENDLESS}},
    },
    "page": {"mode": "url", "message": "Log in.", "url": "https://example.org/log-in"},
}


def say(**message: Any) -> None:
    print(json.dumps({"jsonrpc": "2.0", **message}), flush=True)


def hear() -> dict[str, Any]:
    line = sys.stdin.readline()
    if not line:
        sys.exit()
    message: dict[str, Any] = json.loads(line)
    return message


def text(said: Any) -> dict[str, Any]:
    return {"content": [{"type": "text", "text": json.dumps(said)}]}


def call(asked: dict[str, Any]) -> dict[str, Any]:
    """The result of a call, by the revision in which it is made."""
    params = asked["params"]
    name = params["name"]
    if name == "plain":
        return text("plain")
    if name == "broken":
        return {"content": "none"}
    if name == "expression":
        return {**text("x"), "structuredContent": {"a": ENDLESS["default"]}}
    if name == "noise":
        print("\n" * 50_000, *(["x"] * 50_000), sep="\n", flush=True)
        say(method="notifications/progress", params={"\x1b[31m": 1})
        return text("quiet again")
    if name == "orphan":
        subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
        os._exit(7)
    if sys.argv[1] >= "2026":
        if answers := params.get("inputResponses"):
            return {"resultType": "complete", **text(answers["it"])}
        request = {"method": "elicitation/create", "params": ASKED[name]}
        return {"resultType": "input_required", "inputRequests": {"it": request}}
    old = {"elicitationId": "1"} if name == "page" else {}
    say(id="ask", method="elicitation/create", params={**ASKED[name], **old})
    while (heard := hear()).get("id") != "ask":
        pass
    return text(heard.get("result", heard.get("error")))


def answer(asked: dict[str, Any]) -> None:
    capabilities: dict[str, Any] = {"tools": {}}
    result: dict[str, Any]
    match asked["method"]:
        case "server/discover" if sys.argv[1] >= "2026":
            result = {"supportedVersions": [sys.argv[1]], "capabilities": capabilities}
            result |= {"ttlMs": 0, "cacheScope": "private"}
        case "initialize":
            result = {"protocolVersion": sys.argv[1], "capabilities": capabilities}
            result |= {"serverInfo": {"name": "bare", "version": "1"}}
        case "tools/list":
            schema = {"type": "object", "properties": {}}
            tools = [
                {"name": name, "inputSchema": schema}
                for name in ("plain", "broken", "locked", "noise", "orphan", *ASKED)
            ]
            promised = {"type": "object", "properties": {"a": ENDLESS}}
            tools.append({"name": "expression", "inputSchema": schema, "outputSchema": promised})
            result = {"tools": tools, "ttlMs": 0, "cacheScope": "private"}
        case "tools/call" if asked["params"]["name"] == "locked":
            pages = [{**ASKED["page"], "elicitationId": "1"}]
            error = {"code": -32042, "message": "Locked.", "data": {"elicitations": pages}}
            say(id=asked["id"], error=error)
            return
        case "tools/call":
            result = call(asked)
        case _:
            say(id=asked["id"], error={"code": -32601, "message": "Method not found"})
            return
    say(id=asked["id"], result=result)


if __name__ == "__main__":
    while True:
        message = hear()
        if "id" in message and "method" in message:
            answer(message)
