"""Models to train: checked, loaded, and given a LoRA adapter to train."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors import SafetensorError
from torch import nn
from transformers import AutoModelForCausalLM, AutoTokenizer

from triad_trainer.contract import JobSpec
from triad_trainer.cpu_speed import speed_up_frozen_layers
from triad_trainer.errors import RunFailure

# What the libraries raise for a file that is cut, corrupt, or of another model.
UNREADABLE = (OSError, ValueError, KeyError, RuntimeError, SafetensorError)
PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle")


def device() -> str:
    """`cuda` when a GPU is there, else `cpu`."""
    return "cuda" if torch.cuda.is_available() else "cpu"


def dtype() -> torch.dtype:
    """bfloat16 on GPUs; float32 on CPUs, where bfloat16 products can be 100 times slower."""
    return torch.bfloat16 if device() == "cuda" else torch.float32


def check_model_files(directory: Path) -> None:
    """Refuse a model or adapter directory that is absent, or has weights that are not safetensors.

    Raises:
        RunFailure: bad_model.
    """
    if not directory.is_dir():
        raise RunFailure("bad_model", f"{directory}: no such model directory.")
    pickles = sorted(path.name for path in directory.iterdir() if path.suffix in PICKLES)
    if pickles:
        raise RunFailure(
            "bad_model",
            f"{directory}/{pickles[0]} may hold pickled code and is refused. Convert the weights to safetensors.",
        )
    if not any(directory.glob("*.safetensors")):
        raise RunFailure("bad_model", f"{directory}: no safetensors weights found.")


def load_tokenizer(directory: Path) -> Any:
    """Load the tokenizer; it must have a chat template, an end token and a padding token of its own.

    Raises:
        RunFailure: bad_model.
    """
    try:
        tokenizer: Any = AutoTokenizer.from_pretrained(directory, trust_remote_code=False)
    except (OSError, ValueError, KeyError) as error:
        raise RunFailure("bad_model", f"{directory}: the tokenizer cannot be loaded: {error}") from error
    if not tokenizer.chat_template:
        raise RunFailure("bad_model", f"{directory}: the tokenizer has no chat template; use an instruct model.")
    if tokenizer.eos_token_id is None or tokenizer.pad_token_id in (None, tokenizer.eos_token_id):
        raise RunFailure("bad_model", f"{directory}: the tokenizer needs eos_token and a pad_token different from it.")
    return tokenizer


def load_causal_model(directory: Path) -> Any:
    """Load a causal language model from safetensors on the CPU in the training dtype.

    Raises:
        RunFailure: bad_model.
    """
    check_model_files(directory)
    try:
        return AutoModelForCausalLM.from_pretrained(
            directory, dtype=dtype(), use_safetensors=True, trust_remote_code=False
        )
    except UNREADABLE as error:
        raise RunFailure("bad_model", f"{directory}: the model cannot be loaded: {error}") from error


def load_adapter(model: Any, directory: Path, *, trainable: bool) -> Any:
    """Put the PEFT adapter of `directory` on `model`.

    Raises:
        RunFailure: bad_model.
    """
    check_model_files(directory)
    try:
        return PeftModel.from_pretrained(model, str(directory), is_trainable=trainable)
    except UNREADABLE as error:
        raise RunFailure("bad_model", f"{directory}: the adapter does not fit the base model: {error}") from error


def load_policy(spec: JobSpec) -> tuple[Any, Any]:
    """Return the model with its trainable adapter, and the tokenizer.

    The adapter is the one at base.adapterPath, trained further, or a new one that changes nothing yet.
    """
    model = load_causal_model(Path(spec.base.modelPath))
    tokenizer = load_tokenizer(Path(spec.base.modelPath))
    if spec.base.adapterPath is not None:
        policy = load_adapter(model, Path(spec.base.adapterPath), trainable=True)
    else:
        policy = new_adapter(model, spec, "CAUSAL_LM")
    speed_up_frozen_layers(policy)
    return policy, tokenizer


def new_adapter(model: Any, spec: JobSpec, task_type: str) -> Any:
    """Put a new LoRA adapter on `model`, which changes nothing yet; seeded.

    Raises:
        RunFailure: bad_spec when firstLayer is beyond the last layer.
    """
    torch.manual_seed(spec.seed)
    return get_peft_model(model, lora_config(spec, model, task_type))


def lora_config(spec: JobSpec, model: Any, task_type: str) -> LoraConfig:
    """LoRA (Hu et al. 2021) on every linear layer of transformer layers lora.firstLayer … last.

    Raises:
        RunFailure: bad_spec when firstLayer is beyond the last layer.
    """
    layers = model.config.get_text_config().num_hidden_layers
    if spec.lora.firstLayer >= layers:
        raise RunFailure("bad_spec", f"lora.firstLayer is {spec.lora.firstLayer}, but the model has {layers} layers.")
    linear = {
        name.rpartition(".")[2]
        for name, module in model.base_model.named_modules()
        if isinstance(module, nn.Linear) and ".layers." in f".{name}"
    }
    return LoraConfig(
        task_type=task_type,
        r=spec.lora.r,
        lora_alpha=spec.lora.alpha,
        lora_dropout=spec.lora.dropout,
        target_modules=sorted(linear),
        layers_to_transform=list(range(spec.lora.firstLayer, layers)),
        modules_to_save=["score"] if task_type == "SEQ_CLS" else None,
    )
