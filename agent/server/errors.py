"""What the server refuses, as HTTP says it and as OpenAI's clients expect it."""

from __future__ import annotations

from agent.errors import AgentError


class Refused(AgentError):
    """A request that is not carried out: its status, a word for machines, and when to come again.

    The body is OpenAI's: `{"error": {"message", "type", "param", "code"}}`, and `hint` in it.
    """

    def __init__(
        self,
        status: int,
        message: str,
        *,
        code: str,
        hint: str = "",
        param: str | None = None,
        retry_after: float | None = None,
        cause: str = "",
    ) -> None:
        """Say why.

        Args:
            status: Of HTTP (RFC 9110).
            message: For the person who reads it.
            code: A stable word for machines: `invalid_api_key`, `rate_limit_exceeded` …
            hint: What to do about it.
            param: The field of the request that is wrong.
            retry_after: Seconds; becomes the header Retry-After.
            cause: What the log alone is told: it may name addresses and folders of the server.
        """
        super().__init__(message, hint=hint)
        self.status = status
        self.code = code
        self.param = param
        self.retry_after = retry_after
        self.cause = cause
