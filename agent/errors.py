"""What can go wrong in the agent, as a tree. Three kinds are kept apart by who must act.

AgentError                   every error that a user may see; carries a hint: what to type next
├── UsageError               the command line or the configuration is wrong (exit code 2)
│   └── ConfigError          a setting is unknown or has a wrong value; names the file and key
├── ModelError               the model did not answer; the user must act
│   ├── MissingKey           no key, or one that the provider refuses
│   ├── UnknownModel         no such model, or no provider for that name
│   ├── RateLimited          refused for now, after the retries
│   ├── ContextTooLong       the prompt does not fit the model's window
│   ├── ModelUnreachable     no connection, a time-out, or a server error after the retries
│   └── BadModelOutput       the answer broke off or cannot be understood
├── BudgetSpent              the ask's budget is used up, or its user has stopped it
├── McpFailed                an MCP server cannot be used, in `agent.mcp_client.shapes`
├── NotRead, NothingFound, PartlyFound, RunNotFound, RunBusy, JournalError: in agent.research
├── SessionNotFound          no such stored session
└── TranscriptError          the transcript store cannot be opened or written
"""

from __future__ import annotations


class AgentError(Exception):
    """The root. `str(error)` says what happened and why; `hint` what to type next."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class UsageError(AgentError):
    """What was typed or configured cannot be carried out."""


class ConfigError(UsageError):
    """A setting is unknown or has a wrong value."""


class ModelError(AgentError):
    """The model did not answer."""


class MissingKey(ModelError):
    """The provider has no key, or refuses the one it was given."""


class UnknownModel(ModelError):
    """No such model."""


class RateLimited(ModelError):
    """The provider refused for now, and went on refusing."""


class ContextTooLong(ModelError):
    """The prompt does not fit the model's window."""


class ModelUnreachable(ModelError):
    """No connection, a time-out, or the server failed, after the retries."""


class BadModelOutput(ModelError):
    """The answer broke off or cannot be understood."""


class BudgetSpent(AgentError):
    """A limit was reached, or the user stopped the ask; `str(error)` is the reason, a sentence.

    Modes end with what they have when they meet it; it reaches nobody else.
    """


class SessionNotFound(AgentError):
    """No stored session of that name."""


class TranscriptError(AgentError):
    """The transcript store cannot be opened or written."""
