"""A LoRA adapter put into safetensors weights. The agent's only module that imports peft."""

from __future__ import annotations

import logging
import sys
import threading
import warnings
from pathlib import Path
from typing import Any

from agent.models.local_engine import missing_extra

_importing = threading.Lock()


def adapted(model: Any, adapter: Path, scale: float) -> Any:
    """The model with a LoRA adapter merged into its weights, `scale` times as strong as trained.

    Raises:
        ModelError: peft is not installed.
    """
    peft = _library()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = peft.PeftModel.from_pretrained(model, str(adapter))
        for module in found.modules():
            if isinstance(module, peft.tuners.lora.LoraLayer):
                module.set_scale("default", scale)
        return found.merge_and_unload()


def _library() -> Any:
    """The library peft, silent and offline.

    It imports bitsandbytes, which on some processors fetches code from the model hub by the package
    `kernels` while it is imported, and warns where it cannot. It is not to find that package.

    Raises:
        ModelError: It is not installed.
    """
    log = logging.getLogger("bitsandbytes")
    with _importing, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        level, held = log.level, sys.modules.get("kernels")
        log.setLevel(logging.ERROR)
        sys.modules["kernels"] = None  # type: ignore[assignment]  # refuses to be imported
        try:
            import peft
        except ImportError as error:
            raise missing_extra("peft") from error
        finally:
            log.setLevel(level)
            del sys.modules["kernels"]
            if held is not None:
                sys.modules["kernels"] = held
    return peft
