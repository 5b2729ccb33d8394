"""Adapters for agent frameworks, one small module each; each needs its framework installed."""
