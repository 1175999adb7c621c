"""The command that trains on several devices or machines, and which of its processes this is."""

from __future__ import annotations

import os
import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from finetune.errors import FinetuneError


def rank() -> int:
    """This process's number among those that train together: 0 writes the run's folder."""
    return int(os.environ.get("RANK", "0"))


def local_rank() -> int:
    """As `rank`, among those on this machine: the number of its device."""
    return int(os.environ.get("LOCAL_RANK", "0"))


def processes() -> int:
    """How many train together."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def devices() -> int:
    """How many of them are on this machine."""
    return int(os.environ.get("LOCAL_WORLD_SIZE", "") or processes())


def machines() -> int:
    """How many machines they are on, each with as many."""
    return max(1, processes() // devices())


def command(arguments: Sequence[str], *, devices: int, machines: int = 1) -> list[str]:
    """`accelerate launch …` for a command line of this program.

    It is the same with and without GPUs: a process that sees none trains on the CPU, over gloo.
    (`--cpu` of accelerate starts one process only, unless MPI is there.)

    Args:
        arguments: What follows the program's name, as in `["finetune", "train", …]`.
        devices: Processes on each machine, one for each device.
        machines: Machines. With more than one, each is given the command with its own
            `--machine_rank`, and the address of the first one.
    """
    words = ["accelerate", "launch", "--num_processes", str(devices * machines)]
    words += ["--num_machines", str(machines), "--mixed_precision", "no", "--dynamo_backend", "no"]
    if devices * machines > 1:
        words += ["--multi_gpu"]
    if machines > 1:
        words += ["--machine_rank", "0", "--main_process_ip", "ADDRESS"]
    # Port 0: any that is free, which several machines could not agree on.
    words += ["--main_process_port", "29500" if machines > 1 else "0"]
    return [*words, "--module", "agent", *arguments]


def meet() -> None:
    """Wait until all processes are here; nothing where there is one."""
    if processes() > 1:
        import torch

        torch.distributed.barrier()


def meet_in(folder: Path, device: Any) -> None:
    """See that all processes have the run's folder before them; nothing where there is one.

    All of them read its checkpoints: a machine with a folder of its own would begin anew where the
    others go on. The first leaves a file of a name that nobody could know, and tells the name.

    Args:
        folder: The run's; the first process has made it.
        device: Where the group's tensors are.

    Raises:
        FinetuneError: In all of them, where one does not see what the first writes.
    """
    if processes() == 1:
        return
    import torch

    first = rank() == 0
    token = torch.tensor([secrets.randbits(62) if first else 0], device=device)
    if first:
        (folder / f".met-{token.item()}").touch()
    try:
        torch.distributed.broadcast(token, src=0)
        met = folder / f".met-{token.item()}"
        seen = torch.tensor([int(met.exists())], device=device)
        torch.distributed.all_reduce(seen, op=torch.distributed.ReduceOp.MIN)
    finally:
        if first:
            (folder / f".met-{token.item()}").unlink(missing_ok=True)
    if not seen.item():
        raise FinetuneError(
            f"The machines do not share the folder {folder}: one does not see what the first one "
            "writes there.",
            hint="Put the run on a disk that all of them have under the same path: --out RUN",
        )
