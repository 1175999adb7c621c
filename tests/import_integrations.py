"""Import every library that the project integrates: metadata alone does not show a broken one.

Run as `python -m tests.import_integrations`; unsloth has an environment of its own.
"""

from __future__ import annotations

import importlib
import os
import sys

LIBRARIES = (
    "chromadb", "datasets", "docx", "langchain.agents", "litellm",
    "llama_index.core.node_parser", "mcp.server", "onnx", "onnxruntime", "peft", "pypdf",
    "ray.data", "starlette", "textual.app", "textual_serve", "tokenizers", "torch",
    "trafilatura", "transformers", "trl", "xllamacpp",
)  # fmt: skip


def main() -> int:
    os.environ.update(LITELLM_LOCAL_MODEL_COST_MAP="True", HF_HUB_OFFLINE="1")
    broken = 0
    for name in LIBRARIES:
        try:
            importlib.import_module(name)
        except Exception as error:
            broken += 1
            print(f"{name}: {type(error).__name__}: {error}", file=sys.stderr)
    print(f"{len(LIBRARIES) - broken} of {len(LIBRARIES)} integrations import")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
