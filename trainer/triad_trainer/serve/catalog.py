"""The models and adapters being served, by name. Runs on the event loop; the worker computes."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, TypeVar

from .directories import adapter_directory, model_directory
from .errors import ServeError
from .worker import Worker

if TYPE_CHECKING:
    from .classify import Scorer
    from .engine import Engine

logger = logging.getLogger(__name__)
Kind = Literal["generate", "reward"]
M = TypeVar("M")
MAX_REWARD_MODELS = 8
MAX_ADAPTERS = 64


@dataclass(eq=False)
class Entry:
    """A served name: a base model, a reward model, or an adapter (with its parent and PEFT's name for it)."""

    name: str
    path: str
    model: Engine | Scorer
    kind: Kind
    parent: Entry | None = None
    adapter: str | None = None
    created: int = field(default_factory=lambda: int(time.time()))
    uses: int = 0
    used: float = field(default_factory=time.monotonic)
    removing: bool = False
    idle: asyncio.Event = field(default_factory=asyncio.Event)

    def acquire(self) -> None:
        """Guard against unloading until `release`."""
        self.uses += 1
        self.used = time.monotonic()
        self.idle.clear()
        if self.parent:
            self.parent.acquire()

    def release(self) -> None:
        """Undo one `acquire`."""
        self.uses -= 1
        if self.uses == 0:
            self.idle.set()
        if self.parent:
            self.parent.release()


class Catalog:
    """Loads, finds and unloads models. Loading again what is there is a success, another path an error."""

    def __init__(self, worker: Worker) -> None:
        self.worker = worker
        self.entries: dict[str, Entry] = {}
        self._loading = asyncio.Lock()

    def find(self, name: str, kind: Kind) -> Entry:
        """The served model of that name; 404 when there is none, 400 when it does something else."""
        entry = self.entries.get(name)
        if entry is None or entry.removing:
            raise ServeError(404, f"The model `{name}` does not exist.", code="model_not_found", param="model")
        if entry.kind != kind:
            does = "scores text: use /classify" if entry.kind == "reward" else "generates text, it does not score"
            raise ServeError(400, f"The model `{name}` {does}.", code="wrong_kind", param="model")
        return entry

    async def load_model(self, name: str, path: str, kind: Kind) -> None:
        """Load a base model or a reward model."""
        directory = model_directory(path)
        async with self._loading:
            if self._is_loaded(name, path, kind, None):
                return
            if kind == "reward":
                await self._make_room([e for e in self.entries.values() if e.kind == "reward"], MAX_REWARD_MODELS)

            def load() -> Engine | Scorer:
                # Imported here, since an idle server should start fast and stay small.
                if kind == "reward":
                    from .classify import Scorer as Loaded
                else:
                    from .engine import Engine as Loaded  # type: ignore[assignment]
                model = Loaded(directory)
                self.worker.add(model)
                return model

            model = await asyncio.wrap_future(self.worker.call(load))
            self.entries[name] = Entry(name, _real(path), model, kind)
            logger.info("loaded %s model %s from %s", kind, name, path)

    async def load_adapter(self, name: str, path: str, base: str | None) -> None:
        """Load a LoRA adapter onto a base model (by default the only one)."""
        directory = adapter_directory(path)
        async with self._loading:
            parent = self._base(base)
            if self._is_loaded(name, path, "generate", parent):
                return
            await self._make_room([e for e in self.entries.values() if e.adapter is not None], MAX_ADAPTERS)
            engine: Engine = parent.model  # type: ignore[assignment]
            adapter = await asyncio.wrap_future(self.worker.call(lambda: engine.adapters.load(directory)))
            self.entries[name] = Entry(name, _real(path), engine, "generate", parent, adapter)
            logger.info("loaded adapter %s of %s from %s", name, parent.name, path)

    async def unload(self, name: str, *, adapter: bool) -> None:
        """Take a model or an adapter out of service; returns once its last request has ended and it is gone."""
        entry = self.entries.get(name)
        if entry is None or entry.removing or (entry.adapter is not None) != adapter:
            what = "adapter" if adapter else "model"
            raise ServeError(404, f"The {what} `{name}` is not loaded.", code="model_not_found")
        leaving = [entry, *(e for e in self.entries.values() if e.parent is entry)]
        for each in leaving:
            each.removing = True
        if entry.uses:
            await entry.idle.wait()
        await asyncio.wrap_future(self.worker.call(lambda: self._drop(entry)))
        for each in leaving:
            del self.entries[each.name]
            logger.info("unloaded %s", each.name)

    async def _make_room(self, alike: list[Entry], limit: int) -> None:
        """Unload the one that was used longest ago when `limit` are loaded already."""
        if len(alike) < limit:
            return
        idle = [e for e in alike if not (e.uses or e.removing)]
        if not idle:
            raise ServeError(503, f"{limit} are loaded and all in use; try again later", code="too_many_models")
        oldest = min(idle, key=lambda e: e.used)
        await self.unload(oldest.name, adapter=oldest.adapter is not None)

    def _drop(self, entry: Entry) -> None:
        if entry.adapter is None:
            self.worker.remove(entry.model)
        else:
            entry.model.unload_adapter(entry.adapter)  # type: ignore[union-attr]

    def _base(self, name: str | None) -> Entry:
        if name:
            return self.find(name, "generate")
        bases = [e for e in self.entries.values() if e.kind == "generate" and e.parent is None]
        if len(bases) != 1:
            raise ServeError(
                400, f"{len(bases)} base models are loaded; say which with base_model_name", param="base_model_name"
            )
        return bases[0]

    def _is_loaded(self, name: str, path: str, kind: Kind, parent: Entry | None) -> bool:
        entry = self.entries.get(name)
        if entry is None:
            return False
        if entry.removing:
            raise ServeError(503, f"`{name}` is being unloaded; try again", code="unloading")
        if (entry.path, entry.kind, entry.parent) != (_real(path), kind, parent):
            raise ServeError(400, f"`{name}` is already loaded from {entry.path}; unload it first", code="name_taken")
        return True


@contextmanager
def in_use(entry: Entry) -> Iterator[Entry]:
    """Keep an entry loaded for the duration."""
    entry.acquire()
    try:
        yield entry
    finally:
        entry.release()


def _real(path: str) -> str:
    return os.path.realpath(path)
