"""The short cuts on CPUs give the same values and gradients, and are taken."""

import pytest
import torch
from conftest import make_tokenizer, tiny_config
from torch import nn
from transformers import LlamaForCausalLM
from trl.trainer import utils

from triad_trainer.cpu_speed import score_labelled_positions_only, speed_up_frozen_layers


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


def test_only_labelled_positions_go_through_the_head(monkeypatch):
    assert callable(utils._use_triton)
    score_labelled_positions_only()
    torch.manual_seed(0)
    model = LlamaForCausalLM(tiny_config(make_tokenizer(), 2))
    ids = torch.randint(3, 200, (2, 12))
    labels = ids.clone()
    labels[:, :8] = -100
    expected = model(input_ids=ids, labels=labels).loss
    function, rows = utils._ChunkedLogProbFunction, []

    class Counting:
        @staticmethod
        def apply(hidden, *arguments):
            rows.append(len(hidden))
            return function.apply(hidden, *arguments)

    monkeypatch.setattr(utils, "_ChunkedLogProbFunction", Counting)
    utils.add_fused_lm_head(model)
    output = model(input_ids=ids, labels=labels, fused_lm_head=True)
    assert rows == [8]
    assert torch.allclose(output.loss, expected, atol=1e-6)
    assert output.log_probs.shape == (2, 11)
