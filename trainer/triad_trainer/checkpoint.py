"""Exact checkpoints of a Trainer as safetensors and JSON: no pickle is ever written or read.

`checkpoints/step-<n>/` holds the adapter, the optimiser, the scheduler, the state of every random number
generator and the Trainer's position; `checkpoints/step-<n>.manifest.json` beside it says what the
directory is, byte for byte.
"""

from __future__ import annotations

import json
import os
import random
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from peft import set_peft_model_state_dict
from safetensors.torch import load_file, save_file
from transformers.trainer import TRAINER_STATE_NAME, Trainer

from triad_trainer.contract import Manifest
from triad_trainer.errors import RunFailure
from triad_trainer.manifest import difference, manifest_of

KEPT = 2


class ExactCheckpoints(Trainer):  # type: ignore[misc]
    """Mix-in for TRL's trainers, to be named before them: replaces Trainer's pickled checkpoints."""

    on_checkpoint: Callable[[int, Path, Manifest], None]

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        step = self.state.global_step
        target = Path(self.args.output_dir) / "checkpoints" / f"step-{step}"
        temporary = target.with_name(f".{target.name}.partial")
        shutil.rmtree(temporary, ignore_errors=True)
        try:
            self.model.save_pretrained(temporary, selected_adapters=["default"])
            (temporary / "README.md").unlink(missing_ok=True)
            _save_optimizer(self.optimizer, self.lr_scheduler, temporary)
            _save_random_state(temporary)
            self.state.save_to_json(str(temporary / TRAINER_STATE_NAME))
            manifest = publish(temporary, target)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
        self.on_checkpoint(step, target, manifest)
        remove_old_checkpoints(target.parent)

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: Any = None) -> None:
        weights = load_file(Path(resume_from_checkpoint) / "adapter_model.safetensors")
        try:
            unexpected = set_peft_model_state_dict(self.model, weights, adapter_name="default").unexpected_keys
        except RuntimeError as error:
            unexpected = [str(error)]
        if unexpected:
            raise RunFailure(
                "bad_checkpoint",
                f"{resume_from_checkpoint}/adapter_model.safetensors does not fit this run's adapter. Resume with the "
                f"base and LoRA settings it was made with. ({unexpected[0]:.1000})",
            )

    def _load_optimizer_and_scheduler(self, checkpoint: str | None) -> None:
        if checkpoint is not None:
            _load_optimizer(self.optimizer, self.lr_scheduler, Path(checkpoint))

    def _load_scaler(self, checkpoint: str | None) -> None:
        """There is none: training is in float32 or bfloat16."""

    def _load_rng_state(self, checkpoint: str | None) -> None:
        if checkpoint is not None:
            _load_random_state(Path(checkpoint))


def publish(temporary: Path, target: Path) -> Manifest:
    """Make `temporary`'s files durable, rename it to `target` (replacing it) and write its manifest beside it."""
    manifest = manifest_of(temporary)
    for file in manifest.files:
        _sync(temporary / file.path)
    shutil.rmtree(target, ignore_errors=True)
    beside = manifest_path(target)
    beside.with_suffix(".partial").write_text(manifest.model_dump_json())
    os.rename(temporary, target)
    os.replace(beside.with_suffix(".partial"), beside)
    _sync(beside)
    _sync(target.parent)
    return manifest


def manifest_path(directory: Path) -> Path:
    """Where the manifest of a published directory lies."""
    return directory.with_name(directory.name + ".manifest.json")


def verify_checkpoint(checkpoint: Path) -> int:
    """Check every byte of `checkpoint` against its manifest and return the step it was taken at.

    Raises:
        RunFailure: bad_checkpoint, naming the file that differs.
    """
    try:
        manifest = Manifest.model_validate_json(manifest_path(checkpoint).read_bytes())
        departure = difference(manifest, checkpoint)
        if departure is None:
            return int(json.loads((checkpoint / TRAINER_STATE_NAME).read_bytes())["global_step"])
    except (OSError, ValueError, KeyError) as error:
        departure = str(error)
    raise RunFailure(
        "bad_checkpoint", f"Checkpoint {checkpoint} is damaged: {departure}. Resume from an earlier checkpoint."
    )


def remove_old_checkpoints(directory: Path) -> None:
    """Keep the last checkpoints of `directory`, by step."""
    steps = [(int(match[1]), path) for path in directory.iterdir() if (match := re.fullmatch(r"step-(\d+)", path.name))]
    for _, path in sorted(steps)[:-KEPT]:
        shutil.rmtree(path)
        manifest_path(path).unlink(missing_ok=True)


def _save_optimizer(optimizer: Any, scheduler: Any, directory: Path) -> None:
    state = optimizer.state_dict()
    tensors = {
        f"{index}.{name}": value.detach().cpu().contiguous()
        for index, values in state["state"].items()
        for name, value in values.items()
    }
    save_file(tensors, directory / "optimizer.safetensors")
    groups = {"param_groups": state["param_groups"], "scheduler": scheduler.state_dict()}
    (directory / "optimizer.json").write_text(json.dumps(groups))


def _load_optimizer(optimizer: Any, scheduler: Any, directory: Path) -> None:
    groups = json.loads((directory / "optimizer.json").read_bytes())
    state: dict[int, dict[str, torch.Tensor]] = {}
    for key, value in load_file(directory / "optimizer.safetensors").items():
        index, _, name = key.partition(".")
        state.setdefault(int(index), {})[name] = value
    optimizer.load_state_dict({"state": state, "param_groups": groups["param_groups"]})
    scheduler.load_state_dict(groups["scheduler"])


def _save_random_state(directory: Path) -> None:
    tensors = {"torch": torch.get_rng_state()}
    if torch.cuda.is_available():
        tensors["cuda"] = torch.cuda.get_rng_state()
    save_file(tensors, directory / "random.safetensors")
    name, keys, *rest = np.random.get_state(legacy=True)
    states = {"python": random.getstate(), "numpy": [name, np.asarray(keys).tolist(), *rest]}
    (directory / "random.json").write_text(json.dumps(states))


def _load_random_state(directory: Path) -> None:
    tensors = load_file(directory / "random.safetensors")
    torch.set_rng_state(tensors["torch"])
    if "cuda" in tensors and torch.cuda.is_available():
        torch.cuda.set_rng_state(tensors["cuda"])
    states = json.loads((directory / "random.json").read_bytes())
    version, internal, gauss = states["python"]
    random.setstate((version, tuple(internal), gauss))
    name, keys, *rest = states["numpy"]
    np.random.set_state((name, np.array(keys, dtype=np.uint32), *rest))


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
