"""`python -m triad_trainer.serve`: starts the server, says when it listens, ends when told or orphaned."""

from __future__ import annotations

import argparse
import contextlib
import json
import logging
import os
import socket
import sys
import threading
import warnings

from triad_trainer.environment import prepare_environment, usable_cores

prepare_environment()

import uvicorn  # noqa: E402

from .app import create_app  # noqa: E402
from .catalog import Kind  # noqa: E402
from .worker import Worker  # noqa: E402

GRACE_SECONDS = 3
END_SECONDS = 5


class Server(uvicorn.Server):
    """Says on stdout, in one line of JSON, where it listens."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started and sockets:
            print(json.dumps({"ready": True, "port": sockets[0].getsockname()[1]}), flush=True)

    def end(self) -> None:
        """Stop admitting, let running answers end for a moment, then go, whatever still computes."""
        self.should_exit = True
        deadline = threading.Timer(END_SECONDS, os._exit, [1])
        deadline.daemon = True
        deadline.start()

    def handle_exit(self, _signal: int, _frame: object) -> None:
        self.end()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m triad_trainer.serve", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one; it is printed when ready")
    parser.add_argument("--model", type=_named, action="append", default=[], metavar="NAME=DIR", help="base model")
    parser.add_argument("--reward", type=_named, action="append", default=[], metavar="NAME=DIR", help="reward model")
    parser.add_argument("--threads", type=_positive, default=max(1, usable_cores() - 1))
    parser.add_argument("--parent-pipe", action="store_true", help="end when stdin is closed")
    return parser.parse_args()


def _named(text: str) -> tuple[str, str]:
    name, equals, path = text.partition("=")
    if not (name and equals and path):
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=DIR")
    return name, path


def _positive(text: str) -> int:
    if (value := int(text)) < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return value


def _watch_parent(server: Server) -> None:
    with contextlib.suppress(OSError):
        while os.read(0, 4096):
            pass
    server.end()


def main() -> int:
    """Run until SIGTERM, SIGINT or, with --parent-pipe, the end of stdin; 1 when a model cannot be loaded."""
    arguments = _arguments()
    warnings.filterwarnings("ignore", category=FutureWarning)
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(levelname)s %(name)s: %(message)s")
    kinds: list[tuple[str, str, Kind]] = [(*pair, "generate") for pair in arguments.model]
    kinds += [(*pair, "reward") for pair in arguments.reward]
    listener = socket.create_server((arguments.host, arguments.port), backlog=512)
    app = create_app(Worker(arguments.threads), kinds)
    server = Server(uvicorn.Config(app, log_level="warning", access_log=False, timeout_graceful_shutdown=GRACE_SECONDS))
    if arguments.parent_pipe:
        threading.Thread(target=_watch_parent, args=[server], daemon=True).start()
    server.run(sockets=[listener])
    return 0 if server.started else 1


if __name__ == "__main__":
    status = main()
    sys.stderr.flush()
    # The inference thread may be inside a long step, and torch does not survive being torn down under it.
    os._exit(status)
