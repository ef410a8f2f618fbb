"""Frozen layers give the same values and gradients on oneDNN as on torch's default path."""

import pytest
import torch
from torch import nn

from triad_trainer.frozen_linear import speed_up_frozen_layers


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("shape", [(2, 5, 24), (7, 24), (1, 24)])
def test_values_and_gradients_agree(bias, shape):
    torch.manual_seed(0)
    layer = nn.Linear(24, 40, bias=bias).requires_grad_(False)
    x = torch.randn(shape, requires_grad=True)
    expected = layer(x)
    (expected_gradient,) = torch.autograd.grad(expected.square().sum(), x)
    speed_up_frozen_layers(layer)
    y = layer(x)
    (gradient,) = torch.autograd.grad(y.square().sum(), x)
    assert torch.allclose(y, expected, atol=1e-5)
    assert torch.allclose(gradient, expected_gradient, atol=1e-4)


def test_layers_in_training_keep_their_gradient():
    layer = nn.Linear(24, 40)
    speed_up_frozen_layers(layer)
    layer(torch.randn(3, 24)).sum().backward()
    assert layer.weight.grad is not None
    assert "forward" not in vars(layer)


def test_double_precision_takes_the_default_path():
    layer = nn.Linear(24, 40).requires_grad_(False)
    speed_up_frozen_layers(layer)
    layer.double()
    assert layer(torch.randn(3, 24, dtype=torch.float64)).dtype == torch.float64
