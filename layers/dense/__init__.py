"""Layers on dense adjacency matrices, a batch of graphs with as many nodes each."""
