"""Aggregations of the elements of groups, with the arguments of PyG's aggregation modules."""
