"""The demo: handwritten digits as graphs, from training to verified engines. The code is meant to be copied."""
