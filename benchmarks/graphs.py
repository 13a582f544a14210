"""Random graphs with power-law degrees on both ends, the shape of the graphs that people run."""

import numpy as np


def power_law_edges(num_nodes: int, num_edges: int, seed: int = 0, exponent: float = 2.0) -> np.ndarray:
    """An ``edge_index [2, num_edges]`` whose sources and targets are drawn alike, hubs scattered over the node ids.

    Node of rank r is drawn with density r^(1/exponent - 1): with exponent 2 the largest degree of 50k nodes and 500k
    edges is about 2,200, some 220 times the mean.
    """
    rng = np.random.default_rng(seed)
    ranks = rng.random((2, num_edges)) ** exponent * num_nodes
    scattered = rng.permutation(num_nodes)
    return scattered[np.minimum(ranks.astype(np.int64), num_nodes - 1)]
