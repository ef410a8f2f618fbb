"""What makes training on CPUs fast without changing what is computed."""

from __future__ import annotations

import platform
from functools import partial
from typing import Any

import torch
import trl.trainer.utils
from torch import Tensor, nn


def speed_up_frozen_layers(model: nn.Module) -> None:
    """Let the frozen float32 linear layers of `model` compute with oneDNN, forward and backward, in place.

    torch multiplies float32 matrices with MKL, which takes its AVX2 kernels on AMD processors; oneDNN goes by what
    the processor can do (twice as fast on Zen 5 with AVX-512). Weights stay where they are and are not copied.
    Does nothing on other machines, and on GPUs.
    """
    if platform.machine() not in ("x86_64", "AMD64") or not torch.backends.mkldnn.is_available():  # type: ignore[no-untyped-call]
        return
    for layer in model.modules():
        if type(layer) is nn.Linear and _is_frozen(layer):
            layer.forward = partial(_forward, layer)  # type: ignore[method-assign]


def _is_frozen(layer: nn.Linear) -> bool:
    return layer.weight.dtype == torch.float32 and not any(value.requires_grad for value in layer.parameters())


def _forward(layer: nn.Linear, x: Tensor) -> Tensor:
    if x.device.type != "cpu" or x.dtype != torch.float32:
        return nn.functional.linear(x, layer.weight, layer.bias)
    y: Tensor = _FrozenLinear.apply(x, layer.weight, layer.bias)  # type: ignore[no-untyped-call]
    return y


def score_labelled_positions_only() -> None:
    """Let TRL project only the positions that have a label through the LM head on CPUs too.

    TRL 1.16 does so where Triton runs and elsewhere projects the prompt as well, for compilers that want fixed shapes.
    Its trainers ask `trl.trainer.utils._use_triton` for this choice alone.
    """
    trl.trainer.utils._use_triton = lambda _: True


class _FrozenLinear(torch.autograd.Function):
    """x W^T + b and its derivative by x; W and b have none."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        ctx.save_for_backward(weight)
        return _product(x, weight, bias)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        (weight,) = ctx.saved_tensors
        return _product(gradient.contiguous(), weight.t(), None), None, None


def _product(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    y: Tensor = torch.ops.mkldnn._linear_pointwise(x, weight, bias, "none", [], "")
    return y
