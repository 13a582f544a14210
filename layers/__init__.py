"""Graph neural network layers that train in eager, script, and export with graphs of any size."""

from geocompile.layers.gcn_conv import GCNConv
from geocompile.layers.global_pool import global_add_pool, global_max_pool, global_mean_pool
from geocompile.layers.graph_conv import GraphConv
from geocompile.layers.message_passing import MessagePassing

__all__ = ["GCNConv", "GraphConv", "MessagePassing", "global_add_pool", "global_max_pool", "global_mean_pool"]
