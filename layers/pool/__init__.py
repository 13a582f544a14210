"""Pooling: of a whole graph, and to a smaller one."""
