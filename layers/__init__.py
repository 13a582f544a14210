"""Graph neural network layers that train in eager, script, and export with graphs of any size."""

from geocompile.custom_ops import fps, graclus, knn, knn_graph, nearest, radius, radius_graph, voxel_grid
from geocompile.layers.aggr.attentional import AttentionalAggregation
from geocompile.layers.aggr.softmax import SoftmaxAggregation
from geocompile.layers.common.softmax import softmax
from geocompile.layers.conv.agnn_conv import AGNNConv
from geocompile.layers.conv.appnp import APPNP
from geocompile.layers.conv.arma_conv import ARMAConv
from geocompile.layers.conv.cg_conv import CGConv
from geocompile.layers.conv.cheb_conv import ChebConv
from geocompile.layers.conv.dna_conv import DNAConv
from geocompile.layers.conv.edge_conv import DynamicEdgeConv, EdgeConv
from geocompile.layers.conv.gat_conv import GATConv
from geocompile.layers.conv.gated_graph_conv import GatedGraphConv
from geocompile.layers.conv.gatv2_conv import GATv2Conv
from geocompile.layers.conv.gcn2_conv import GCN2Conv
from geocompile.layers.conv.gcn_conv import GCNConv
from geocompile.layers.conv.gen_conv import GENConv
from geocompile.layers.conv.gin_conv import GINConv
from geocompile.layers.conv.gine_conv import GINEConv
from geocompile.layers.conv.gmm_conv import GMMConv
from geocompile.layers.conv.graph_conv import GraphConv
from geocompile.layers.conv.le_conv import LEConv
from geocompile.layers.conv.meta_layer import MetaLayer
from geocompile.layers.conv.nn_conv import NNConv
from geocompile.layers.conv.pna_conv import PNAConv
from geocompile.layers.conv.point_conv import PointConv
from geocompile.layers.conv.ppf_conv import PPFConv
from geocompile.layers.conv.res_gated_graph_conv import ResGatedGraphConv
from geocompile.layers.conv.rgcn_conv import RGCNConv
from geocompile.layers.conv.sage_conv import SAGEConv
from geocompile.layers.conv.sg_conv import SGConv
from geocompile.layers.conv.signed_conv import SignedConv
from geocompile.layers.conv.spline_conv import SplineConv
from geocompile.layers.conv.tag_conv import TAGConv
from geocompile.layers.conv.transformer_conv import TransformerConv
from geocompile.layers.conv.x_conv import XConv
from geocompile.layers.data_parallel import DataParallel
from geocompile.layers.dense.dense_sage_conv import DenseSAGEConv
from geocompile.layers.dense.diff_pool import dense_diff_pool
from geocompile.layers.message_passing import MessagePassing
from geocompile.layers.models.adversarial import ARGA, ARGVA
from geocompile.layers.models.autoencoder import GAE, VGAE
from geocompile.layers.models.deep_graph_infomax import DeepGraphInfomax
from geocompile.layers.models.inner_product import InnerProductDecoder
from geocompile.layers.models.jumping_knowledge import JumpingKnowledge
from geocompile.layers.models.re_net import RENet
from geocompile.layers.models.signed_gcn import SignedGCN
from geocompile.layers.norm.batch_norm import BatchNorm
from geocompile.layers.norm.graph_norm import GraphNorm
from geocompile.layers.norm.layer_norm import LayerNorm
from geocompile.layers.pool.coarsening import avg_pool, avg_pool_x, max_pool, max_pool_x
from geocompile.layers.pool.global_attention import GlobalAttention
from geocompile.layers.pool.global_pool import (
    global_add_pool,
    global_max_pool,
    global_mean_pool,
    global_sort_pool,
)
from geocompile.layers.pool.sag_pooling import SAGPooling
from geocompile.layers.pool.set2set import Set2Set
from geocompile.layers.pool.topk_pooling import TopKPooling
from geocompile.layers.unpool.knn_interpolate import knn_interpolate

__all__ = [
    "APPNP",
    "ARGA",
    "ARGVA",
    "GAE",
    "VGAE",
    "AGNNConv",
    "ARMAConv",
    "AttentionalAggregation",
    "BatchNorm",
    "CGConv",
    "ChebConv",
    "DNAConv",
    "DataParallel",
    "DeepGraphInfomax",
    "DenseSAGEConv",
    "DynamicEdgeConv",
    "EdgeConv",
    "GATConv",
    "GATv2Conv",
    "GCN2Conv",
    "GCNConv",
    "GENConv",
    "GINConv",
    "GINEConv",
    "GMMConv",
    "GatedGraphConv",
    "GlobalAttention",
    "GraphConv",
    "GraphNorm",
    "InnerProductDecoder",
    "JumpingKnowledge",
    "LEConv",
    "LayerNorm",
    "MessagePassing",
    "MetaLayer",
    "NNConv",
    "PNAConv",
    "PPFConv",
    "PointConv",
    "RENet",
    "RGCNConv",
    "ResGatedGraphConv",
    "SAGEConv",
    "SAGPooling",
    "SGConv",
    "Set2Set",
    "SignedConv",
    "SignedGCN",
    "SoftmaxAggregation",
    "SplineConv",
    "TAGConv",
    "TopKPooling",
    "TransformerConv",
    "XConv",
    "avg_pool",
    "avg_pool_x",
    "dense_diff_pool",
    "fps",
    "global_add_pool",
    "global_max_pool",
    "global_mean_pool",
    "global_sort_pool",
    "graclus",
    "knn",
    "knn_graph",
    "knn_interpolate",
    "max_pool",
    "max_pool_x",
    "nearest",
    "radius",
    "radius_graph",
    "softmax",
    "voxel_grid",
]
