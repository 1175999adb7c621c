"""A training in a process of its own, to be killed: `python -m … RECIPE DATA RUN`."""

from __future__ import annotations

import sys
from pathlib import Path

from finetune import recipe
from finetune.training.train import train

if __name__ == "__main__":
    import torch

    torch.set_num_threads(1)
    train(recipe.load(Path(sys.argv[1])), Path(sys.argv[2]), Path(sys.argv[3]))
