"""Embedded inference runtime: vLLM's HTTP routes on transformers and PEFT, for machines without vLLM."""
