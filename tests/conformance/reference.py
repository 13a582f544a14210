"""The classes and functions of the API reference, in its order: the rows of the conformance table."""

SECTIONS: dict[str, tuple[str, ...]] = {
    "Convolutions": (
        "MessagePassing", "GCNConv", "ChebConv", "SAGEConv", "GraphConv", "GatedGraphConv", "GATConv", "AGNNConv",
        "GINConv", "ARMAConv", "SGConv", "APPNP", "RGCNConv", "SignedConv", "DNAConv", "PointConv", "GMMConv",
        "SplineConv", "NNConv", "EdgeConv", "XConv", "PPFConv", "MetaLayer", "DenseSAGEConv",
    ),
    "Global pooling": (
        "global_add_pool", "global_mean_pool", "global_max_pool", "global_sort_pool", "GlobalAttention", "Set2Set",
    ),
    "Pooling": (
        "TopKPooling", "max_pool", "avg_pool", "max_pool_x", "avg_pool_x", "graclus", "voxel_grid", "fps", "knn",
        "knn_graph", "radius", "radius_graph", "nearest", "dense_diff_pool",
    ),
    "Unpooling": ("knn_interpolate",),
    "Models": (
        "JumpingKnowledge", "DeepGraphInfomax", "InnerProductDecoder", "GAE", "VGAE", "ARGA", "ARGVA", "SignedGCN",
        "RENet",
    ),
    "DataParallel": ("DataParallel",),
    "Beyond the reference": (
        "GATv2Conv", "TransformerConv", "GINEConv", "TAGConv", "PNAConv", "GENConv", "DynamicEdgeConv", "GCN2Conv",
        "ResGatedGraphConv", "LEConv", "CGConv", "GraphNorm", "BatchNorm", "LayerNorm", "SAGPooling",
        "AttentionalAggregation", "SoftmaxAggregation",
    ),
}  # fmt: skip
