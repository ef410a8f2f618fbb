"""Linear layers on oneDNN instead of MKL, for float32 on x86 CPUs."""

from __future__ import annotations

import platform
from functools import partial

import torch
from torch import Tensor, nn


def pack_linear_layers(model: nn.Module) -> None:
    """Replace the weights of plain linear layers by oneDNN's packed ones, in place; for inference only.

    torch multiplies float32 matrices with MKL, which takes its AVX2 kernels on AMD processors; oneDNN goes by what
    the processor can do (2.4 times as fast on Zen 5 with AVX-512), and its rows do not depend on how many there are.
    Does nothing on other machines.
    """
    if platform.machine() not in ("x86_64", "AMD64") or not torch.backends.mkldnn.is_available():  # type: ignore[no-untyped-call]
        return
    for layer in model.modules():
        if type(layer) is nn.Linear and layer.weight.dtype == torch.float32 and layer.weight.device.type == "cpu":
            packed = torch.ops.mkldnn._reorder_linear_weight(layer.weight.detach(), None)
            layer.weight = nn.Parameter(packed, requires_grad=False)
            layer.forward = partial(_linear, layer)  # type: ignore[method-assign]


def _linear(layer: nn.Linear, x: Tensor) -> Tensor:
    y: Tensor = torch.ops.mkldnn._linear_pointwise(x, layer.weight, layer.bias, "none", [], "")
    return y
