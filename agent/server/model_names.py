"""What the models are called: a mode, in a voice or plain. Knows no model and opens none."""

from __future__ import annotations

from agent.server.errors import Refused
from agent.wiring import MODES

NAMES = "understudy"
"""What every model is called before the slash."""
EMBEDDING = f"{NAMES}/embedding"
"""The model of `/v1/embeddings`."""


def meant(name: str) -> tuple[str, str | None]:
    """The mode and the persona of a model's name, `understudy[/MODE][@PERSONA]`.

    Returns:
        The mode, empty for that of the settings; the persona, None for that of the settings.

    Raises:
        Refused: It is no such name. That the persona exists, `Hosting.persona` sees.
    """
    base, at, persona = name.partition("@")
    head, slash, mode = base.partition("/")
    if head != NAMES or (slash and mode not in MODES) or (at and not persona):
        raise no_model(name)
    return mode, persona if at else None


def no_model(name: str) -> Refused:
    """The refusal of a model that there is not, as OpenAI's API has it."""
    return Refused(
        404,
        f"The model '{name}' does not exist.",
        code="model_not_found",
        param="model",
        hint="GET /v1/models lists them.",
    )
