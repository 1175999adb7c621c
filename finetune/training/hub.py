"""Whether the model hub has a base, asked once: its library tries for most of a minute, and warns.

The door to huggingface_hub. What is in its cache is never asked for; nothing is fetched here.
"""

from __future__ import annotations

from pathlib import Path

from finetune.errors import FinetuneError

_PATIENCE = 10.0
"""Seconds for the one question."""


class HubError(FinetuneError):
    """A base is no folder, and the hub has none of the name, or keeps it from us."""


def folder(base: str, revision: str = "") -> Path | None:
    """Where a base's files are: its folder, or the hub's cache; None where neither has them."""
    if Path(base).is_dir():
        return Path(base)
    from huggingface_hub import errors

    try:
        return _cached(base, revision)
    except errors.HFValidationError:
        return None


def check(base: str, revision: str = "") -> str:
    """The commit that a base has in the hub's cache, or on the hub; empty where it is a folder.

    Args:
        base: A folder, or a name on the hub.
        revision: The hub's commit or tag; empty for its newest.

    Raises:
        HubError: It cannot be had; the hint says what to do.
    """
    if Path(base).is_dir():
        return ""
    import httpx
    from huggingface_hub import HfApi, errors

    neither = f"{base} is no folder here, and "
    hint = "Name the folder that holds the weights: --base FOLDER"
    try:
        if (cached := _cached(base, revision)) is not None:
            return cached.name
        found = HfApi().model_info(base, revision=revision or None, timeout=_PATIENCE)
    except errors.HFValidationError as error:
        raise HubError(f"{neither}no name on the model hub.", hint=hint) from error
    except errors.GatedRepoError as error:
        raise HubError(
            f"The model hub gives {base} to those only who accepted its licence.",
            hint=f"Accept it on the page of {base}, then: hf auth login",
        ) from error
    except errors.RevisionNotFoundError as error:
        raise HubError(
            f"The model hub has {base}, but no revision {revision}.", hint="--set revision=NAME"
        ) from error
    except errors.RepositoryNotFoundError as error:
        raise HubError(
            f"{neither}the model hub shows none of that name.",
            hint=f"{hint}; for a private one: hf auth login",
        ) from error
    except (errors.OfflineModeIsEnabled, errors.HfHubHTTPError, httpx.HTTPError, OSError) as error:
        raise HubError(
            f"{neither}the model hub cannot be asked: {_reason(error)}.",
            hint=f"{hint}; or connect, and type the same again",
        ) from error
    return found.sha or ""


def _cached(base: str, revision: str) -> Path | None:
    """The base's folder in the hub's cache, which is named by its commit.

    Raises:
        HFValidationError: It is no name of the hub's.
    """
    from huggingface_hub import try_to_load_from_cache

    found = try_to_load_from_cache(base, "config.json", revision=revision or None)
    return Path(found).parent if isinstance(found, str) else None


def _reason(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0].rstrip(".") if lines else type(error).__name__
