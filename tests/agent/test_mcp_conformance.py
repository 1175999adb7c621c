"""The public conformance suite against our client; how it is run is said in `tests.npm`."""

from __future__ import annotations

import sys

import pytest

from tests.npm import CONFORMANCE, REVISIONS, needs_npm, npx, scored

pytestmark = needs_npm()

PASSES = {
    "2025-11-25": {
        "initialize", "tools_call", "elicitation-sep1034-client-defaults", "sse-retry",
    },
    "2026-07-28": {
        "tools_call", "request-metadata", "sep-2322-client-request-state",
        "http-standard-headers", "http-custom-headers", "http-invalid-tool-headers",
        "json-schema-ref-no-deref",
    },
}  # fmt: skip
"""The scored scenarios that our client passes, all of their checks."""
_OAUTH = {
    "auth/metadata-default", "auth/metadata-var1", "auth/metadata-var2", "auth/metadata-var3",
    "auth/basic-cimd", "auth/scope-from-www-authenticate", "auth/scope-from-scopes-supported",
    "auth/scope-omitted-when-undefined", "auth/scope-step-up", "auth/scope-retry-limit",
    "auth/token-endpoint-auth-basic", "auth/token-endpoint-auth-post",
    "auth/token-endpoint-auth-none", "auth/pre-registration",
}  # fmt: skip
NEEDS_OAUTH = {
    "2025-11-25": _OAUTH,
    "2026-07-28": _OAUTH | {
        "auth/resource-mismatch", "auth/offline-access-scope", "auth/offline-access-not-supported",
        "auth/authorization-server-migration", "auth/iss-supported", "auth/iss-not-advertised",
        "auth/iss-supported-missing", "auth/iss-wrong-issuer", "auth/iss-unexpected",
        "auth/iss-normalized", "auth/metadata-issuer-mismatch",
    },
}  # fmt: skip
"""The scored scenarios whose server wants a token of an OAuth provider: our client has no OAuth,
and is given such a token as a header."""


@pytest.mark.parametrize("revision", REVISIONS)
def test_all_scored_scenarios_pass_for_our_client_but_those_that_need_oauth(revision: str) -> None:
    command = f"{sys.executable} -m tests.agent.mcp_conformance_client"
    ran = npx(CONFORMANCE, "client", "--command", command, "--requirements", revision)
    told = scored(ran.stdout)
    assert {name for name, passed in told.items() if passed} == PASSES[revision], ran.stdout
    assert {name for name, passed in told.items() if not passed} == NEEDS_OAUTH[revision]
