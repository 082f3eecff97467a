"""The command `serve`: a model behind HTTP, on a server that others keep (uvicorn, starlette)."""

from __future__ import annotations

import ipaddress
import os
import socket
from pathlib import Path

from mind_core import MindError
from mind_core.errors import UsageError
from mind_core.plugins import Plugins
from mind_core.progress import log
from mind_train.components import TOOL
from mind_train.sample import load_to_write

KEY = "MIND_SERVE_KEY"
BACKLOG = 128


def serve(
    folder: Path,
    host: str,
    port: int,
    name: str | None,
    batch: int,
    waiting: int,
    max_new: int,
    device: str,
    plugins: Plugins,
) -> None:
    """Serve until interrupted.

    Raises UsageError for other machines without a key, MindError without the extra's packages or
    where the port is taken.
    """
    key = os.environ.get(KEY) or None
    if key is None and not _is_loopback(host):
        raise UsageError(
            f"--host {host} is open to other machines, and there is no key",
            hint=f"set {KEY} in the environment, or leave --host out",
        )
    try:
        import uvicorn

        from mind_train.serving.app import Server
        from mind_train.serving.engine import GenerationEngine
    except ImportError as error:
        raise MindError(
            "a package for serving is missing", cause=error, hint="pip install 'mind-train[serve]'"
        ) from None
    taken = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        taken.bind((host, port))
        taken.listen(BACKLOG)  # a client that comes before the server is up waits for it
    except OSError as error:
        raise MindError(
            f"cannot listen on {host}:{port}",
            cause=error.strerror,
            hint="--port 0 finds a free one",
        ) from None
    checkpoint = load_to_write(folder, plugins, device)
    server = Server(
        checkpoint,
        name or folder.resolve().name,
        key,
        max_new,
        GenerationEngine(checkpoint, batch, waiting),
    )
    address = f"http://{f'[{host}]' if ':' in host else host}:{taken.getsockname()[1]}"
    log(TOOL, f"{server.name} at {address}/v1, a page at {address}/; Ctrl-C ends")
    config = uvicorn.Config(server.app(), log_level="warning", lifespan="off")
    uvicorn.Server(config).run(sockets=[taken])


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
