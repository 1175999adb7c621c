"""`POST /v1/embeddings`: the vectors that the libraries are searched by, for texts of others."""

from __future__ import annotations

import asyncio
import base64
from typing import TYPE_CHECKING, Literal

from starlette.responses import JSONResponse, Response

from agent.events import Usage
from agent.server.auth import user_of
from agent.server.bodies import EmbeddingsRequest, OpenAI, read
from agent.server.errors import Refused
from agent.server.model_names import EMBEDDING, no_model
from agent.server.streaming import ClientGone, until_gone

if TYPE_CHECKING:
    from starlette.requests import Request

    from agent.server.admission import Admission
    from agent.server.hosting import Hosting
    from agent.server.users import User
    from knowledge.embed import Embedder

MOST = 2048
"""Texts in one request: OpenAI's own limit."""
LONGEST = 120.0
"""Seconds that one request may be embedded."""


class Embedding(OpenAI):
    """One text's vector."""

    object: Literal["embedding"] = "embedding"
    index: int
    embedding: list[float] | str
    """Numbers; or float32, little-endian, in base64."""


class EmbeddingsUsage(OpenAI):
    """Word pieces of the texts, uncut."""

    prompt_tokens: int
    total_tokens: int


class Embeddings(OpenAI):
    """The vectors, in the order of the texts; each of length 1."""

    object: Literal["list"] = "list"
    model: str
    data: list[Embedding]
    usage: EmbeddingsUsage


async def embeddings(request: Request, hosting: Hosting, admission: Admission) -> Response:
    """Answer one request.

    Raises:
        Refused: The request cannot be carried out, or not now.
        EmbedderUnavailable: The embedder has no weights, or its provider cannot be used.
    """
    user = user_of(request)
    body = await read(request, EmbeddingsRequest)
    embedder, texts = _embedder(hosting, body), _texts(body)
    try:
        work = _embed(admission, user, embedder, texts, body.encoding_format)
        answer = await until_gone(request.receive, work)
    except ClientGone:
        return Response(status_code=499)
    return JSONResponse(answer.model_dump())


async def _embed(
    admission: Admission, user: User, embedder: Embedder, texts: list[str], encoding: str
) -> Embeddings:
    import threading

    left = threading.Event()

    def work() -> tuple[list[Embedding], int]:
        import numpy as np

        vectors = embedder.embed(texts, cancelled=left.is_set)
        tokens = sum(embedder.count(texts))
        if encoding == "base64":
            rows = np.ascontiguousarray(vectors, dtype="<f4")
            made: list[list[float] | str] = [base64.b64encode(row).decode() for row in rows]
        else:
            made = [row.tolist() for row in vectors]
        return [Embedding(index=i, embedding=vector) for i, vector in enumerate(made)], tokens

    async with admission.admit(user, heavy=True) as ticket:
        working = asyncio.ensure_future(asyncio.to_thread(work))
        try:
            async with asyncio.timeout(LONGEST) as limit:
                data, tokens = await asyncio.shield(working)
        except TimeoutError:
            if not limit.expired():
                raise
            raise Refused(
                413, f"This was not embedded in {LONGEST:g} seconds.", code="too_much_at_once",
                param="input", hint="Send fewer texts at once.",
            ) from None  # fmt: skip
        finally:
            left.set()
            # Its place is not free before the thread has ended, which looks between batches.
            await asyncio.gather(working, return_exceptions=True)
        ticket.used(Usage(input_tokens=tokens))
        ticket.ended("embedded")
    usage = EmbeddingsUsage(prompt_tokens=tokens, total_tokens=tokens)
    return Embeddings(model=EMBEDDING, data=data, usage=usage)


def _embedder(hosting: Hosting, body: EmbeddingsRequest) -> Embedder:
    """The embedder, where it is the one that is asked for."""
    embedder = hosting.embedder
    if embedder is None or body.model not in (EMBEDDING, embedder.name):
        raise no_model(body.model)
    if body.dimensions is not None and body.dimensions != embedder.dimensions:
        raise Refused(
            400,
            f"Vectors here have {embedder.dimensions} dimensions.",
            code="invalid_request",
            param="dimensions",
        )
    return embedder


def _texts(body: EmbeddingsRequest) -> list[str]:
    given = [body.input] if isinstance(body.input, str) else body.input
    texts = [text for text in given if isinstance(text, str)]
    wrong = ""
    if len(texts) < len(given):
        wrong = "Only texts are embedded here, no token numbers: each model counts its own."
    elif not 1 <= len(texts) <= MOST:
        wrong = f"Between 1 and {MOST} texts may be embedded at once, not {len(texts)}."
    elif not all(text.strip() for text in texts):
        wrong = "A text is empty."
    if wrong:
        raise Refused(400, wrong, code="invalid_request", param="input")
    return texts
