"""The one thread that computes: it takes turns between the models that have work."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from typing import Protocol, TypeVar

logger = logging.getLogger(__name__)
T = TypeVar("T")


class Model(Protocol):
    """What the worker drives."""

    @property
    def busy(self) -> bool: ...

    def step(self) -> None:
        """Do a bounded piece of work."""

    def fail(self, error: Exception) -> None:
        """End the requests that the failed step worked on."""


class Worker(threading.Thread):
    """Runs the models' steps, and calls handed in between steps; outlives any error of either."""

    def __init__(self, threads: int) -> None:
        super().__init__(name="inference", daemon=True)
        self._threads = threads
        self._models: list[Model] = []
        self._calls: deque[tuple[Future[object], Callable[[], object]]] = deque()
        self._changed = threading.Condition()
        self._stopping = False

    def call(self, function: Callable[[], T]) -> Future[T]:
        """Run a function between steps."""
        future: Future[T] = Future()
        self._calls.append((future, function))  # type: ignore[arg-type]
        self.wake()
        return future

    def add(self, model: Model) -> None:
        """Start to drive a model; call it on this thread."""
        self._models.append(model)

    def remove(self, model: Model) -> None:
        """Stop driving a model; call it on this thread."""
        self._models.remove(model)

    def wake(self) -> None:
        """Say that there may be work."""
        with self._changed:
            self._changed.notify()

    def stop(self) -> None:
        """End after the step under way."""
        self._stopping = True
        self.wake()

    def run(self) -> None:
        while not self._stopping:
            with self._changed:
                self._changed.wait_for(lambda: self._stopping or self._calls or any(m.busy for m in self._models))
            while self._calls:
                self._answer(*self._calls.popleft())
            for model in self._models:
                if model.busy and not self._stopping:
                    self._step(model)

    def _answer(self, future: Future[object], function: Callable[[], object]) -> None:
        if not future.set_running_or_notify_cancel():
            return
        import torch  # here, since an idle server should stay small

        torch.set_num_threads(self._threads)
        try:
            future.set_result(function())
        except Exception as error:
            future.set_exception(error)

    def _step(self, model: Model) -> None:
        try:
            model.step()
        except Exception as error:
            logger.exception("a step failed; its requests are ended, the others go on")
            model.fail(error)
