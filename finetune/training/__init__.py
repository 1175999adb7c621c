"""A recipe and a data set become a run: weights, a curve, and a record of how they came to be.

    train.py         the order of the work, from a recipe to a finished run
    stages.py        the stages of a run: what each begins with, and what it leaves
    runs.py          a run's folder: its record, its losses, its checkpoints (stdlib only)
    pins.py          what a run holds fast of base and template (stdlib only)
    progress.py      what a run tells of itself while it goes on
    hardware.py      what a recipe needs of a machine, in bytes and seconds (stdlib only)
    memory.py        out of memory or disk space: what to change
    hub.py           whether the model hub has the base (door: huggingface_hub)
    launch.py        the command for several devices
    curve.py         losses as text, and as a picture (door: matplotlib)
    quiet.py         the environment that the libraries get, and their warnings
    encode.py        rows -> tokens and labels (door: the template functions of trl)
    prefixes.py      which tokens are trained, for a template that does not mark them
    weights.py       the base, as the recipe wants it loaded (door: torch, transformers, peft)
    unsloth_weights.py   the same by unsloth (its door)
    rounding.py      training with the rounding of a later quantization (door: torchao)
    arguments.py     recipe -> the settings that all trainers share
    watch.py         what a trainer reports, handed on; stopping in order
    supervised.py preferences.py classify.py    the three trainers (doors: trl, trl, transformers)

`train`, in `train.py`, is the room's public face; nothing heavy is loaded before it is called.
"""
