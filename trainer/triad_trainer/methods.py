"""The training methods by the name that a job spec gives them."""

from __future__ import annotations

from triad_trainer.sft import train_sft

METHODS = {"sft": train_sft}
