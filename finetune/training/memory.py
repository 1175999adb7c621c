"""Out of memory, or of disk space: how it is recognised, and what to change first."""

from __future__ import annotations

import errno

from finetune.errors import FinetuneError
from finetune.recipe import Recipe

_SIGNS = ("out of memory", "can't allocate memory", "cannot allocate memory")
"""In messages of torch: CUDA's, and two of the CPU's allocator."""

_FULL = ("no space left on device", "disk quota exceeded", "pytorchstreamwriter failed writing")
"""In messages of safetensors and torch, which have no errno."""


class DiskFull(FinetuneError):
    """There is no room for what a run writes."""


class OutOfMemory(FinetuneError):
    """A device or the machine had not enough memory; the hint names the key to change."""


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error, of any library, says that memory did not suffice."""
    if isinstance(error, MemoryError):
        return True
    return isinstance(error, RuntimeError) and any(sign in str(error).lower() for sign in _SIGNS)


def is_disk_full(error: BaseException) -> bool:
    """Whether an error, of any library, says that there is no room on the disk."""
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return True
    # safetensors' own error is of no kind but Exception.
    return any(sign in str(error).lower() for sign in _FULL)


def advice(recipe: Recipe) -> str:
    """The next thing to change, the one that costs least first.

    A smaller batch with more accumulation gives the same steps; checkpointing costs time only; an
    adapter, four bits and shorter rows change what is learnt.
    """
    if recipe.batch_size > 1:
        less = recipe.batch_size // 2
        more = -(-recipe.batch_size * recipe.gradient_accumulation // less)
        return f"--set batch_size={less} --set gradient_accumulation={more} (the steps stay equal)"
    if not recipe.gradient_checkpointing:
        return "--set gradient_checkpointing=true (slower, and far less memory)"
    if recipe.method == "full":
        return "--set method=lora (an adapter: about an eighth of the memory)"
    if recipe.method == "lora":
        return "--set method=qlora (the weights in 4 bits; needs bitsandbytes)"
    if recipe.max_length > 256:
        return f"--set max_length={recipe.max_length // 2} (longer rows are cut)"
    return "Take a smaller base."
