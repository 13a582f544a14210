"""Graph neural network layers that train in eager, script, and export with graphs of any size."""

from geocompile.layers.common.softmax import softmax
from geocompile.layers.conv.gat_conv import GATConv
from geocompile.layers.conv.gcn_conv import GCNConv
from geocompile.layers.conv.gin_conv import GINConv
from geocompile.layers.conv.graph_conv import GraphConv
from geocompile.layers.conv.sage_conv import SAGEConv
from geocompile.layers.message_passing import MessagePassing
from geocompile.layers.pool.coarsening import avg_pool, avg_pool_x, max_pool, max_pool_x
from geocompile.layers.pool.global_pool import (
    global_add_pool,
    global_max_pool,
    global_mean_pool,
    global_sort_pool,
)

__all__ = [
    "GATConv",
    "GCNConv",
    "GINConv",
    "GraphConv",
    "MessagePassing",
    "SAGEConv",
    "avg_pool",
    "avg_pool_x",
    "global_add_pool",
    "global_max_pool",
    "global_mean_pool",
    "global_sort_pool",
    "max_pool",
    "max_pool_x",
    "softmax",
]
