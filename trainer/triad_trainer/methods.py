"""The training methods by the name that a job spec gives them."""

from __future__ import annotations

from triad_trainer.preference import train_dpo
from triad_trainer.reward import train_reward
from triad_trainer.rl import train_grpo
from triad_trainer.sft import train_sft

METHODS = {"sft": train_sft, "dpo": train_dpo, "reward": train_reward, "grpo": train_grpo}
