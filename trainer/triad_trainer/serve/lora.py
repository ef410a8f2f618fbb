"""LoRA adapters of one base model, several of them in one batch."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, PeftModel
from peft.tuners.lora import LoraLayer
from peft.tuners.lora.layer import Linear as LoraLinear
from torch import Tensor, nn

from .errors import ServeError

# vLLM refuses the same ones.
UNSUPPORTED = (
    "use_dora",
    "lora_bias",
    "modules_to_save",
    "trainable_token_indices",
    "target_parameters",
    "alora_invocation_tokens",
    "layer_replication",
)


class LoraAdapters:
    """PEFT loads and holds the weights; the forward pass below applies them row by row.

    PEFT's own mixed batches (`adapter_names`) register hooks on every layer at each step and rebuild the groups in
    each layer: a third of a decoding step at batch size 8. The arithmetic here is the same.
    """

    def __init__(self, model: nn.Module) -> None:
        self._model = model
        self._peft: PeftModel | None = None
        self._loaded = 0
        self._groups: list[tuple[str, Tensor | None]] = []

    def load(self, path: Path) -> str:
        """Load an adapter directory; returns its internal name (PEFT forbids dots in names)."""
        config = read_config(path)
        name = f"adapter{self._loaded}"
        self._loaded += 1
        try:
            self._inject(config, name, path)
        except Exception as error:  # safetensors and PEFT raise types of their own
            if self._peft is not None and name in self._peft.peft_config:
                self._peft.delete_adapter(name)
            raise ServeError(400, f"{path} does not fit the base model: {error}", code="bad_adapter") from error
        return name

    def _inject(self, config: LoraConfig, name: str, path: Path) -> None:
        if self._peft is None:
            self._peft = PeftModel(self._model, config, name, autocast_adapter_dtype=False)
        else:
            self._peft.add_adapter(name, config, autocast_adapter_dtype=False)
        device = str(next(self._model.parameters()).device)
        result = self._peft.load_adapter(str(path), name, torch_device=device, autocast_adapter_dtype=False)
        if result.missing_keys or result.unexpected_keys:
            odd = [*result.missing_keys, *result.unexpected_keys]
            raise ValueError(f"weights missing or left over, e.g. {odd[0]}")
        self._peft.eval()
        for layer in self._peft.modules():
            if not isinstance(layer, LoraLayer):
                continue
            if type(layer) is not LoraLinear or layer.lora_variant:
                raise ValueError(f"only LoRA on linear layers is supported, not {type(layer).__name__}")
            layer.forward = partial(_forward, layer, self._groups)

    def unload(self, name: str) -> None:
        """Forget an adapter."""
        assert self._peft is not None
        self._peft.delete_adapter(name)

    def assign(self, adapters: list[str | None]) -> None:
        """Say which adapter (None: the base alone) each row of the next forward pass uses."""
        self._groups.clear()
        used = {a for a in adapters if a is not None}
        for name in sorted(used):
            rows = [row for row, a in enumerate(adapters) if a == name]
            every = len(rows) == len(adapters)
            device = next(self._model.parameters()).device
            self._groups.append((name, None if every else torch.tensor(rows, device=device)))


def _forward(layer: Any, groups: list[tuple[str, Tensor | None]], x: Tensor) -> Tensor:
    """y = W x + (alpha / r) B A x, each row with its own A and B (Hu et al. 2021, arXiv:2106.09685)."""
    y: Tensor = layer.base_layer(x)
    for name, rows in groups:
        if name not in layer.lora_A:
            continue
        part = x if rows is None else x[rows]
        low = nn.functional.linear(part, layer.lora_A[name].weight)
        delta = nn.functional.linear(low, layer.lora_B[name].weight)
        scaling = layer.scaling[name]
        y = y.add_(delta, alpha=scaling) if rows is None else y.index_add_(0, rows, delta, alpha=scaling)
    return y


def read_config(path: Path) -> LoraConfig:
    """The adapter's configuration; refuses what this runtime cannot run exactly."""
    raw = json.loads((path / "adapter_config.json").read_text())
    if raw.get("peft_type") != "LORA":
        raise ServeError(400, f"{path} is a {raw.get('peft_type')} adapter; only LORA is supported", code="bad_adapter")
    odd = [key for key in UNSUPPORTED if raw.get(key)]
    if raw.get("bias", "none") != "none":
        odd.append("bias")
    if odd:
        raise ServeError(400, f"{path} uses {', '.join(odd)}, which is not supported for serving", code="bad_adapter")
    config = LoraConfig.from_pretrained(str(path))
    config.inference_mode = True
    return config
