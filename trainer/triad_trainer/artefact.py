"""The result of a run: `artefact/` below the attempt's directory, complete or absent."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from triad_trainer.checkpoint import publish
from triad_trainer.contract import JobSpec
from triad_trainer.events import EventLog


def save_artefact(spec: JobSpec, events: EventLog, kind: str, write: Callable[[Path], None]) -> Path:
    """Let `write` fill a temporary directory, publish it as `artefact/` and emit the artefact event.

    Raises:
        OSError: the disk is full; nothing is left behind.
    """
    target = Path(spec.outputDir) / "artefact"
    temporary = target.with_name(".artefact.partial")
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(parents=True)
    try:
        write(temporary)
        manifest = publish(temporary, target)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    events.emit("artefact", path=str(target), kind=kind, manifest=manifest)
    return target


def save_adapter(model: Any, spec: JobSpec, events: EventLog) -> Path:
    """Publish the adapter `default` of a PEFT model."""

    def write(directory: Path) -> None:
        model.save_pretrained(directory, selected_adapters=["default"])
        # PEFT's card names a directory of this machine as the base model.
        (directory / "README.md").unlink(missing_ok=True)

    return save_artefact(spec, events, "adapter", write)
