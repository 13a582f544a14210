"""Whole models: auto-encoders, jumping knowledge, deep graph infomax, signed and event networks."""
