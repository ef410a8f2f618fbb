"""Trainer of Triad: supervised fine-tuning, preference, reward and reinforcement learning of small adapters."""
