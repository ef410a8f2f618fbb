"""Reading model directories: what is there, and whether it can be served."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import torch
from transformers import (
    AutoModelForCausalLM,
    AutoModelForSequenceClassification,
    AutoTokenizer,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)
from transformers.utils.logging import disable_progress_bar

from .errors import ServeError
from .onednn import pack_linear_layers


def device_and_dtype() -> tuple[torch.device, torch.dtype]:
    """bfloat16 on CUDA; float32 on a CPU, where bfloat16 is slow or changes what training measured."""
    if torch.cuda.is_available():
        return torch.device("cuda"), torch.bfloat16
    return torch.device("cpu"), torch.float32


def load_generator(path: Path) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """A causal language model and its tokenizer, ready to run."""
    model, tokenizer = _load(AutoModelForCausalLM, path)
    kinds = set(getattr(model.config, "layer_types", None) or ["full_attention"])
    if kinds != {"full_attention"} or getattr(model.config, "sliding_window", None):
        raise ServeError(400, f"{path} has layers other than full attention; serve it with vLLM", code="bad_model")
    return model, tokenizer


def load_scorer(path: Path) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """A sequence classifier with one label (a reward model) and its tokenizer, ready to run."""
    model, tokenizer = _load(AutoModelForSequenceClassification, path)
    if model.config.num_labels != 1:
        raise ServeError(400, f"{path} has {model.config.num_labels} labels; a reward model has 1", code="bad_model")
    if model.config.pad_token_id is None:
        raise ServeError(400, f"{path}/config.json has no pad_token_id, which scoring needs", code="bad_model")
    return model, tokenizer


def _load(auto: Any, path: Path) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    device, dtype = device_and_dtype()
    disable_progress_bar()
    if device.type == "cpu":
        # torch's CPU attention takes grouped heads; transformers would copy the keys and values for every head.
        os.environ.setdefault("TRANSFORMERS_SDPA_FORCE_GQA", "1")
    try:
        model, info = auto.from_pretrained(
            path, dtype=dtype, use_safetensors=True, local_files_only=True, output_loading_info=True
        )
        tokenizer = AutoTokenizer.from_pretrained(path, local_files_only=True)
    except Exception as error:  # safetensors, tokenizers and transformers raise types of their own
        raise ServeError(400, f"{path} cannot be loaded: {error}", code="bad_model") from error
    # A missing score head or fewer layers than the file holds would be filled or dropped in silence.
    odd = sorted(map(str, [*info["missing_keys"], *info["unexpected_keys"], *info["mismatched_keys"]]))
    if odd:
        raise ServeError(
            400,
            f"{path}: the weights do not fit config.json ({len(odd)} tensors missing or left over, e.g. {odd[0]})",
            code="bad_model",
        )
    model = model.to(device).eval()
    pack_linear_layers(model)
    # safetensors maps the file into memory: copy what is left of it, since the file may go while the model serves.
    for parameter in model.parameters():
        if not parameter.is_mkldnn:
            parameter.data = parameter.data.clone()
    return model, tokenizer
