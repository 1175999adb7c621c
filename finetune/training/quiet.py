"""The environment that the libraries of training get, and the silence that they keep.

They report home, draw bars and warn of what they themselves do; none of it reaches a terminal that
shows something else. What matters of it is checked by `finetune.preflight`, or raised as an error.
"""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Generator
from contextlib import contextmanager

_ENVIRONMENT = {
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "UNSLOTH_DISABLE_STATISTICS": "1",
    "TOKENIZERS_PARALLELISM": "false",
}
_LOGGERS = (
    "transformers",
    "trl",
    "peft",
    "datasets",
    "accelerate",
    "torch",
    "torchao",
    "unsloth",
    "bitsandbytes",
    "huggingface_hub",
    "httpx",
)


def no_telemetry() -> None:
    """Set what the libraries read when they are imported; to be called before any of them is."""
    os.environ.update(_ENVIRONMENT)


@contextmanager
def quiet() -> Generator[None]:
    """Hold what the libraries warn of, log and draw, for as long as the block lasts."""
    no_telemetry()
    levels = {name: logging.getLogger(name).level for name in _LOGGERS}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from datasets.utils import disable_progress_bars  # type: ignore[import-untyped]
        from transformers.utils import logging as transformers_logging

        bars = transformers_logging.is_progress_bar_enabled()
        transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
        disable_progress_bars()
        try:
            for name in _LOGGERS:
                logging.getLogger(name).setLevel(logging.ERROR)
            yield
        finally:
            for name, level in levels.items():
                logging.getLogger(name).setLevel(level)
            if bars:
                transformers_logging.enable_progress_bar()  # type: ignore[no-untyped-call]
