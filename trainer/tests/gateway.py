"""The gateway's side of the events protocol, on a real HTTP server."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Gateway:
    """Stores each event once; `status` and `stop` are what it answers with."""

    def __init__(self, port: int = 0) -> None:
        self.status = 200
        self.stop = False
        self.stored: dict[int, dict[str, Any]] = {}
        self.authorization: set[str] = set()
        self.traceparents: set[str | None] = set()
        self.requests = 0
        self.changed = threading.Condition()
        gateway = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                gateway.traceparents.add(self.headers["traceparent"])
                status, answer = gateway.take(body, self.headers["authorization"])
                self.send_response(status)
                self.send_header("content-length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.port = self.server.server_port
        self.url = f"http://127.0.0.1:{self.port}/events"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True)
        self.thread.start()

    def take(self, body: dict[str, Any], authorization: str) -> tuple[int, bytes]:
        with self.changed:
            self.requests += 1
            self.authorization.add(authorization)
            if self.status == 200:
                for event in body["events"]:
                    self.stored.setdefault(event["seq"], event)
            self.changed.notify_all()
            answer = {"acknowledged": max(self.stored, default=0), "stop": self.stop}
            return self.status, json.dumps(answer).encode()

    def wait_for(self, condition: Callable[[Gateway], bool], seconds: float = 60) -> None:
        with self.changed:
            assert self.changed.wait_for(lambda: condition(self), seconds), "the gateway waited in vain"

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
