"""Events of one attempt: numbered, spooled on disk, posted to the gateway in batches by a thread.

The protocol is contracts/run-events.schema.json.
"""

from __future__ import annotations

import os
import random
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO

import httpx

from triad_trainer.contract import RunEvent

BATCH = 500
MAX_BACKOFF_SECONDS = 5.0
# While a step takes long the last event is posted again, so that a stop request arrives and the gateway sees life.
HEARTBEAT_SECONDS = 10.0
DURABLE_TYPES = ("checkpoint", "artefact", "finished")


class EventLog:
    """Append events to `<output_dir>/spool/events.jsonl` and post them to `url` (None: spool only).

    `stop_requested` is set when the gateway asks the run to stop. `on_fenced` is called once, from the
    sender thread, when another attempt took over (409) or the token is refused (401). What is posted belongs to the
    trace of `traceparent` (W3C trace context; empty: to none).
    """

    def __init__(
        self,
        output_dir: Path,
        url: str | None,
        attempt: int,
        token: str,
        on_fenced: Callable[[str], None],
        traceparent: str = "",
    ) -> None:
        self.stop_requested = threading.Event()
        self._url, self._attempt, self._on_fenced = url, attempt, on_fenced
        self._pending, self._spool = _open_spool(output_dir / "spool" / "events.jsonl")
        self._seq = len(self._pending)
        self._last = self._pending[-1] if self._pending else None
        self._changed = threading.Condition()
        self._closing = False
        self._deadline = self._flush_limit = float("inf")
        self._backoff = 0.0
        # The gateway is addressed directly: a proxy of the environment is not asked.
        self._client = httpx.Client(
            trust_env=False,
            timeout=30,
            headers={
                "authorization": f"Bearer {token}",
                "content-type": "application/json",
                **({"traceparent": traceparent} if traceparent else {}),
            },
        )
        self._thread = threading.Thread(target=self._send_all, name="events", daemon=True)
        if url is not None:
            self._thread.start()

    def emit(self, type: str, **fields: Any) -> None:
        """Number, validate, spool and queue one event.

        Raises:
            OSError: the spool cannot be written; the event is queued for the gateway nevertheless.
        """
        with self._changed:
            seq = self._seq + 1
            event = RunEvent.model_validate({"seq": seq, "at": datetime.now(UTC), "type": type, **fields})
            line = event.model_dump_json().encode()
            self._seq, self._last = seq, (seq, line)
            self._pending.append((seq, line))
            self._changed.notify()
            self._spool.write(line + b"\n")
            self._spool.flush()
            if type in DURABLE_TYPES:
                os.fsync(self._spool.fileno())

    def log(self, level: str, message: str) -> None:
        """Emit a log event."""
        self.emit("log", level=level, message=message[:4000])

    def close(self, flush_seconds: float) -> bool:
        """Wait up to `flush_seconds` for the gateway to take all events; True when it has them (or there is none)."""
        if self._url is None:
            return True
        with self._changed:
            self._closing = True
            self._deadline = time.monotonic() + min(flush_seconds, self._flush_limit)
            self._changed.notify()
        self._thread.join()
        self._client.close()
        return not self._pending

    def limit_flush(self, seconds: float) -> None:
        """From now on do not wait longer than this at the end, even if `close` is waiting already."""
        with self._changed:
            self._flush_limit = seconds
            if self._closing:
                self._deadline = min(self._deadline, time.monotonic() + seconds)

    def _send_all(self) -> None:
        while True:
            with self._changed:
                if not self._pending and not self._closing:
                    self._changed.wait(HEARTBEAT_SECONDS)
                if self._closing and (not self._pending or time.monotonic() > self._deadline):
                    return
                batch = self._pending[:BATCH] or ([self._last] if self._last else [])
            if batch and not self._post(batch):
                return

    def _post(self, batch: list[tuple[int, bytes]]) -> bool:
        """Post one batch and take in the answer; False when the attempt is fenced."""
        lines = b",".join(line for _, line in batch)
        body = b'{"contractVersion":1,"attempt":%d,"events":[%s]}' % (self._attempt, lines)
        try:
            response = self._client.post(str(self._url), content=body)
            if response.status_code in (401, 409):
                self._on_fenced(f"the gateway answered {response.status_code}: {response.text[:200]}")
                return False
            answer = response.raise_for_status().json()
            acknowledged, stop = int(answer["acknowledged"]), bool(answer["stop"])
        except (httpx.HTTPError, ValueError, KeyError, TypeError):
            self._wait_before_retry()
            return True
        self._backoff = 0.0
        with self._changed:
            self._pending = [(seq, line) for seq, line in self._pending if seq > acknowledged]
        if stop:
            self.stop_requested.set()
        return True

    def _wait_before_retry(self) -> None:
        self._backoff = min(max(0.2, self._backoff * 2), MAX_BACKOFF_SECONDS)
        delay = self._backoff * random.uniform(0.5, 1)
        time.sleep(max(0.0, min(delay, self._deadline - time.monotonic())))


def _open_spool(path: Path) -> tuple[list[tuple[int, bytes]], BinaryIO]:
    """Open the spool for appending; return the events that an earlier process of this attempt left there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    data = path.read_bytes() if path.exists() else b""
    whole = data[: data.rfind(b"\n") + 1]
    spool = path.open("ab")
    spool.truncate(len(whole))
    return list(enumerate(whole.splitlines(), start=1)), spool
