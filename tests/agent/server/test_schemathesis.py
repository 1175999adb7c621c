"""schemathesis against the whole server: nothing it thinks of from the document makes an error.

Runs where the command `schemathesis` is installed. `UNDERSTUDY_EXAMPLES=100` looks further.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.agent.server.whole_server import fill

SCHEMATHESIS = shutil.which("schemathesis")
CHECKS = (
    "not_a_server_error,status_code_conformance,content_type_conformance,"
    "response_schema_conformance,response_headers_conformance,allow_header_conformance"
)
DEADLINE = 60.0

pytestmark = pytest.mark.skipif(SCHEMATHESIS is None, reason="needs schemathesis")


@contextmanager
def served() -> Iterator[tuple[str, str]]:
    """The address of a server in a process of its own, ready, and its key."""
    server = subprocess.Popen(
        [sys.executable, "-m", "agent", "serve", "--port", "0"],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        env={**os.environ, "AGENT_EMBEDDER": "none"},
    )  # fmt: skip
    try:
        assert server.stdout is not None
        found = dict(server.stdout.readline().strip().split("=", 1) for _ in range(2))
        url = found["OPENAI_BASE_URL"].removesuffix("/v1")
        until = time.monotonic() + DEADLINE
        while httpx.get(f"{url}/readyz").status_code != 200:
            assert time.monotonic() < until, "it was never ready"
            time.sleep(0.05)
        yield url, found["OPENAI_API_KEY"]
    finally:
        server.terminate()
        server.communicate()


async def test_no_request_that_the_document_allows_or_forbids_makes_an_error(
    tmp_path: Path,
) -> None:
    await fill("default", tmp_path / "own", moon="The Moon has no air.")
    with served() as (url, key):
        ran = subprocess.run(
            [
                str(SCHEMATHESIS), "run", f"{url}/openapi.json",
                "-H", f"Authorization: Bearer {key}", "--checks", CHECKS, "--seed", "1",
                "-n", os.environ.get("UNDERSTUDY_EXAMPLES", "3"), "--continue-on-failure",
                # A random set of parameters can be longer than the line that a server reads.
                "--suppress-health-check", "all", "--warnings", "off",
            ],
            cwd=tmp_path, capture_output=True, text=True,
        )  # fmt: skip
    assert ran.returncode == 0, ran.stdout[-6000:]
