"""The process that speaks with Ray: a cluster found or started, a pipeline run over it, all ended.

Files are opened on this machine only, so no disk needs to be shared; their bytes travel. Results
come in the order of the files. What a worker that dies has held is done again by another: Ray
starts a worker anew as often as it takes, and a part that was lost is computed from what led to it.
"""

from __future__ import annotations

import logging
import os
import secrets
import signal
import sys
from collections.abc import Mapping
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

from knowledge.errors import EngineUnavailable, KnowledgeError
from knowledge.on_ray.stages import Embed, Gather, Load, Split

if TYPE_CHECKING:
    from multiprocessing.connection import Connection
    from pathlib import Path

    from knowledge.on_ray.engine import Job

LOG = "driver.log"
FILES = 8
"""Files in a task of the first stage."""
BLOCK = 64 * 1024
"""Bytes of a table that goes from stage to stage, unless a single row is larger: small, so that
there is work for every worker, and little is lost with one."""
_EMBEDS, _SPLITS = 0.75, 0.25
"""Of a core, for each worker of the two stages that compute: as many of both as there are cores.
Splitting is an eighth of the work; together they fit where there is one core."""
_SAME = ("understudy", "onnxruntime", "tokenizers", "llama-index-core", "tree-sitter", "pypdf")
"""What must be of one version everywhere, if the index is to be the one made here."""


def drive(out: Connection[Any, Any], job: Job, folder: Path) -> None:
    """Do the job; send sentences, `Ready` files, and at the end True or a `KnowledgeError`.

    Args:
        out: Where to.
        job: What to do.
        folder: Of this process: it has the log, and what a cluster of its own leaves on the disk.
    """
    # Ctrl-C is for the sync, which then ends this process in order.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    with open(folder / LOG, "ab", buffering=0) as sink:
        for stream in (sys.stdout, sys.stderr):
            os.dup2(sink.fileno(), stream.fileno())
    with suppress(BrokenPipeError):
        try:
            _connect(job.address, folder)
            _compare()
            out.send("waiting for workers")
            gather = Gather(job.embedder)
            for batch in _pipeline(job).iter_batches(
                batch_size=None, batch_format="pyarrow", prefetch_batches=1
            ):
                for ready in gather(batch):
                    out.send(str(ready.path))
                    out.send(ready)
            out.send(True)
        except KnowledgeError as error:
            out.send(error)
        except BrokenPipeError:
            raise
        except Exception as error:
            # Ray has many, from many libraries; what a stage raised is the last line of most.
            logging.getLogger(__name__).exception("the pipeline broke")
            said = [line for line in str(error).splitlines() if line.strip()]
            out.send(
                EngineUnavailable(
                    f"The cluster broke off: {said[-1].strip() if said else type(error).__name__}",
                    hint="Run it again: it goes on from here. Or without Ray: agent sync",
                )
            )
        finally:
            _leave()


def _connect(address: str, folder: Path) -> None:
    """Join a cluster, or start one that only this machine and this user can reach."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    os.environ["RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO"] = "0"
    if not address:
        # Without this, which Ray reads on every system, it listens on all of a machine's addresses.
        os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"
        os.environ["RAY_AUTH_MODE"] = "token"
        os.environ["RAY_AUTH_TOKEN"] = secrets.token_hex(32)
        os.environ.pop("RAY_ADDRESS", None)
    ray = _ray()
    quiet: dict[str, Any] = {"logging_level": logging.ERROR, "log_to_driver": False}
    try:
        if address:
            ray.init(address=address, **quiet)
        else:
            ray.init(include_dashboard=False, _temp_dir=str(folder / "ray"), **quiet)
    except Exception as error:
        said = str(error).strip().split("\n", 1)[0] or type(error).__name__
        raise EngineUnavailable(
            f"Ray does not work {f'at {address}' if address else 'on this machine'}: {said}",
            hint="Make this machine a node of the cluster: ray start --address=HOST:PORT"
            if address
            else "Without Ray: agent sync",
        ) from error


def _leave() -> None:
    _ray().shutdown()


def _ray() -> Any:
    import ray
    import ray.data

    return ray


def facts() -> dict[str, str]:
    """What a node must have in common with the others."""
    from knowledge.read import ocr

    found = {"Python": ".".join(map(str, sys.version_info[:3]))}
    for name in _SAME:
        with suppress(PackageNotFoundError):
            found[name] = version(name)
    return found | {"tesseract": "yes" if ocr.available() else "no"}


def _compare() -> None:
    """Refuse a cluster in which some would read or split otherwise than this machine does."""
    ray = _ray()
    ours, home = facts(), ray.get_runtime_context().get_node_id()
    nodes = [node for node in ray.nodes() if node["Alive"] and node["NodeID"] != home]
    asked = [
        ray.remote(facts)
        .options(num_cpus=0, label_selector={"ray.io/node-id": node["NodeID"]})
        .remote()
        for node in nodes
    ]
    for node, answer in zip(nodes, asked, strict=True):
        try:
            theirs = ray.get(answer)
        except ray.exceptions.RayError as error:
            theirs = {}
            reason = str(error).strip().splitlines()[-1]
        else:
            reason = ", ".join(
                f"{name} is {theirs.get(name, 'missing')} there, {ours.get(name, 'missing')} here"
                for name in ours | theirs
                if ours.get(name) != theirs.get(name)
            )
        if reason:
            raise EngineUnavailable(
                f"The node {node['NodeManagerAddress']} would not make the same index: {reason}.",
                hint="Install the same on every node, in the project's folder:"
                " pip install -c constraints.txt '.[scale]'",
            )


def demands(resources: Mapping[str, float], *, gpu: bool) -> tuple[int, int, dict[str, float]]:
    """How many workers split, how many embed, and what each of these asks for.

    Args:
        resources: The cluster's, as Ray counts them.
        gpu: Whether to embed on GPUs where there are any.
    """
    cores = max(1, int(resources.get("CPU", 1)))
    if gpu and (gpus := int(resources.get("GPU", 0))):
        return cores, gpus, {"num_cpus": 0, "num_gpus": 1}
    return cores, cores, {"num_cpus": _EMBEDS}


def _pipeline(job: Job) -> Any:
    """The stages over the job's files, not yet begun."""
    ray = _ray()
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    context.print_on_execution_start = False
    context.execution_options.preserve_order = True
    context.target_max_block_size = BLOCK
    cores, embedders, share = demands(ray.cluster_resources(), gpu=job.gpu)

    def pool(most: int) -> Any:
        return ray.data.ActorPoolStrategy(min_size=1, max_size=most, initial_size=most)

    tables: dict[str, Any] = {"batch_size": None, "batch_format": "pyarrow"}
    # Not `range`: that makes its numbers in tasks, each of which wants a core that is not free.
    numbers = [{"id": number} for number in range(len(job.files))]
    rows = ray.data.from_items(numbers, override_num_blocks=-(-len(job.files) // FILES))
    ready = rows.map_batches(
        Load,
        fn_constructor_args=(job.files, job.twins),
        compute=pool(1),
        num_cpus=0,
        label_selector={"ray.io/node-id": ray.get_runtime_context().get_node_id()},
        **tables,
    ).map_batches(
        Split,
        fn_constructor_args=(job.embedder,),
        fn_constructor_kwargs={"split": job.split},
        compute=pool(cores),
        num_cpus=_SPLITS,
        **tables,
    )
    if job.embedder is None:
        return ready
    return ready.map_batches(
        Embed,
        fn_constructor_args=(job.embedder,),
        compute=pool(embedders),
        **share,
        **tables,
    )
