"""Runs the sections and prints a table for each; with --write they take their place in docs/benchmarks/layers.md."""

from benchmarks.kernels.document import Document
from benchmarks.kernels.run import run

NAMES = ("convolutions", "splines")
DOCUMENT = Document("Layers beside PyG's", "benchmarks.layers", ("torch_spline_conv",))

if __name__ == "__main__":
    run(DOCUMENT, NAMES)
