"""Checks of model and adapter directories that need no weights read."""

from __future__ import annotations

from pathlib import Path

from .errors import ServeError


def model_directory(path: str) -> Path:
    """A directory with a config and safetensors weights.

    Raises:
        ServeError: 404 when it does not exist, 400 when it holds something else.
    """
    return _checked(path, "config.json", "*.safetensors")


def adapter_directory(path: str) -> Path:
    """As `model_directory`, for a PEFT adapter."""
    return _checked(path, "adapter_config.json", "adapter_model.safetensors")


def _checked(path: str, config: str, weights: str) -> Path:
    directory = Path(path)
    if not directory.is_dir():
        raise ServeError(404, f"{path} does not exist or is not a directory", code="path_not_found")
    if not (directory / config).is_file():
        raise ServeError(400, f"{path} has no {config}", code="bad_model")
    if not any(directory.glob(weights)):
        pickles = sorted(p.name for ending in ("*.bin", "*.pt", "*.pth", "*.ckpt") for p in directory.glob(ending))
        why = f"; {pickles[0]} is a pickle, which can run code when read: save it as safetensors" if pickles else ""
        raise ServeError(400, f"{path} has no {weights}{why}", code="bad_model")
    return directory
