"""Normalisations over the nodes of a graph, of a batch of graphs, or of a node."""
