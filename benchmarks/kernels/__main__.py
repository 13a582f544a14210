"""Runs the sections and prints a table for each; with --write they take their place in docs/benchmarks/kernels.md."""

from benchmarks.kernels.document import Document
from benchmarks.kernels.run import run

NAMES = (
    "gather",
    "csr",
    "aggregate",
    "softmax",
    "attention",
    "edge_attention",
    "selection",
    "splines",
    "backward",
    "engine",
    "growth",
    "fps",
    "fps_growth",
    "neighbours",
    "neighbours_radius",
    "neighbours_features",
    "neighbours_dimensions",
    "neighbours_growth",
    "clusters",
    "clusters_growth",
    "kernels",
    "grouped",
    "nodes_growth",
    "edges_growth",
)
PEERS = ("torch_scatter", "torch_sparse", "torch_cluster", "torch_spline_conv")
DOCUMENT = Document("Operators beside their peers", "benchmarks.kernels", PEERS)

if __name__ == "__main__":
    run(DOCUMENT, NAMES)
