"""JumpingKnowledge, the auto-encoders, DeepGraphInfomax, RENet, SignedGCN, DataParallel, knn_interpolate."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch

from geocompile import layers
from tests.conformance import wrapped_models as wrapped
from tests.conformance.case import LayerCase, Sample
from tests.conformance.cases.stacks import two_graphs
from tests.conformance.formulas import models as formulas

Make = Callable[[Any], torch.nn.Module]
ENGINES = ("TorchScript", "ONNX", "ONNX without our library", "AOTInductor", "C++ TorchScript")
LOSS = dict.fromkeys(
    ("script", "export", *ENGINES), "a loss, which trains a model and is no part of an engine"
)
NO_ENGINE = dict.fromkeys(
    ("PyG", "script", "export", "gradients", "trains", *ENGINES),
    "takes a list of PyG's Data; what it runs is the model, in its own row",
)
SECOND_OUTPUT = {
    "PyG": "PyG takes the second output of the encoder to be log sigma: the case with logstd=True"
}

EVENTS = {
    **{name: ["num_events"] for name in ("sub", "rel", "obj")},
    **{name: ["num_met_by_sub"] for name in ("h_sub", "h_sub_t", "h_sub_batch")},
    **{name: ["num_met_by_obj"] for name in ("h_obj", "h_obj_t", "h_obj_batch")},
}


def theirs() -> Any:
    import torch_geometric.nn

    return torch_geometric.nn


def graph(s: Sample) -> dict[str, Any]:
    return {"x": s.x(), "edge_index": s.edge_index}


def graph_and_pairs(s: Sample) -> dict[str, Any]:
    return {**graph(s), "pairs": s.edge_index.flip(0).roll(1, 1)}


def graph_and_spread(s: Sample) -> dict[str, Any]:
    return {**graph(s), "logvar": 3 * s.x()}


def embeddings(s: Sample) -> dict[str, Any]:
    return {"z": s.x(2)}


def embeddings_and_edges(s: Sample) -> dict[str, Any]:
    return {"z": s.x(), "edge_index": s.edge_index}


def both(
    layer: str,
    options: str,
    make: Make,
    inputs: Callable[[Sample], dict[str, Any]],
    formula: Callable[..., Any],
    pyg: Make | None = None,
    without: Mapping[str, str] | None = None,
    dynamic: Mapping[str, Sequence[str]] | None = None,
) -> LayerCase:
    """`make` of our layers, and of PyG's unless `pyg` does that."""
    return LayerCase(
        layer,
        options,
        lambda: make(layers).double(),
        inputs,
        formula,
        None if without and "PyG" in without else lambda: (pyg or make)(theirs()).double(),
        dynamic=dynamic,
        without=without or {},
    )


def auto_encoder(name: str, **options: Any) -> Make:
    def make(nn: Any) -> torch.nn.Module:
        encoder = wrapped.VariationalEncoder if name in ("VGAE", "ARGVA") else wrapped.Encoder
        parts = [encoder(nn.GCNConv)]
        parts += [torch.nn.Linear(2, 1)] if name.startswith("AR") else []
        own = options if nn is layers else {}
        model: torch.nn.Module = getattr(nn, name)(*parts, **own)
        return model

    return make


def auto_encoders(name: str) -> list[LayerCase]:
    make = auto_encoder(name)
    return [
        both(name, "", make, graph, formulas.auto_encoder),
        both(name, "encode, decode", lambda nn: wrapped.Embedding(make(nn)), graph, formulas.embedding),
        both(
            name,
            "recon_loss",
            lambda nn: wrapped.Reconstruction(make(nn)),
            graph_and_pairs,
            formulas.reconstruction,
            without=LOSS,
        ),
    ]


def divergence(name: str, **options: Any) -> LayerCase:
    make = auto_encoder(name, **options)
    without = LOSS if options else {**LOSS, **SECOND_OUTPUT}
    return both(
        name,
        f"kl_loss, {options}",
        lambda nn: wrapped.Divergence(make(nn)),
        graph_and_spread,
        formulas.divergence,
        without=without,
    )


def adversary(name: str) -> LayerCase:
    make = auto_encoder(name)
    without = {
        **LOSS,
        "gradients": "no gradient of discriminator_loss goes to z; that of recon_loss is checked",
    }
    return both(
        name,
        "reg_loss, discriminator_loss",
        lambda nn: wrapped.Adversary(make(nn)),
        embeddings,
        formulas.adversary,
        without=without,
    )


def infomax(nn: Any) -> torch.nn.Module:
    model: torch.nn.Module = nn.DeepGraphInfomax(
        2, wrapped.Encoder(nn.GCNConv), wrapped.pooled, wrapped.reversed_nodes
    )
    return model


def jumping(mode: str, *sizes: int, **options: Any) -> LayerCase:
    def make(nn: Any) -> torch.nn.Module:
        return wrapped.Joined(nn.JumpingKnowledge(mode, *sizes, **(options if nn is layers else {})))

    def inputs(s: Sample) -> dict[str, Any]:
        return {name: s.x(sizes[0] if sizes else 3) for name in ("x", "y", "z")}

    return both("JumpingKnowledge", f"{mode}, {sizes}, {options}", make, inputs, formulas.jumping_knowledge)


def events(s: Sample) -> dict[str, Any]:
    def history() -> list[Any]:
        event = torch.randint(0, max(s.num_nodes, 1), (s.num_edges,)).sort()[0]
        return [torch.randint(0, 5, (s.num_edges,)), torch.randint(0, 2, (s.num_edges,)), event]

    values = [torch.randint(0, count, (s.num_nodes,)) for count in (5, 2, 5)] + history() + history()
    return dict(zip(layers.models.events.Events._fields, values, strict=True))


def re_net(num_layers: int = 1, **options: Any) -> LayerCase:
    without = {"PyG": "PyG's fails with more than one recurrent layer"} if num_layers > 1 else {}
    return both(
        "RENet",
        f"num_layers={num_layers}, {options}",
        lambda nn: wrapped.Predicted(nn.RENet(5, 2, 2, 2, num_layers, **options)),
        events,
        formulas.re_net,
        without=without,
        dynamic=EVENTS,
    )


def signed(num_layers: int, **options: Any) -> LayerCase:
    without = {} if options.get("bias", True) else {"PyG": "PyG's constructor takes no notice of bias=False"}
    return both(
        "SignedGCN",
        f"{num_layers} layers, {options}",
        lambda nn: nn.SignedGCN(3, 4, num_layers, **options),
        two_graphs,
        formulas.signed_gcn,
        without=without,
    )


def two_graphs_and_pairs(s: Sample) -> dict[str, Any]:
    given = two_graphs(s)
    counts = {side: given[f"{side}_edge_index"].size(1) for side in ("pos", "neg")}
    others = {f"{side}_others": torch.randint(0, max(s.num_nodes, 1), (n,)) for side, n in counts.items()}
    return {**given, "pairs": s.edge_index.flip(0), **others}


def signed_losses() -> LayerCase:
    return both(
        "SignedGCN",
        "losses, discriminate",
        lambda nn: wrapped.SignedLosses(nn.SignedGCN(3, 4, 2)),
        two_graphs_and_pairs,
        formulas.signed_losses,
        without={
            **LOSS,
            "PyG": "PyG's losses take no pairs; with those that it draws they are compared in tests/pyg/test_models.py",
        },
    )


def interpolated(k: int, batches: bool) -> LayerCase:
    def inputs(s: Sample) -> dict[str, Any]:
        queries = s.num_nodes + 2
        found = {"x": s.x(), "grid_x": torch.randint(0, 8, (s.num_nodes, 2))}
        found["grid_y"] = torch.randint(0, 8, (queries, 2))
        if batches:
            found |= {"batch_x": s.batch(), "batch_y": torch.arange(queries) * 2 // queries}
        return found

    return LayerCase(
        "knn_interpolate",
        f"k={k}" + (", batches" if batches else ""),
        lambda: wrapped.Interpolated(layers.knn_interpolate, k),
        inputs,
        formulas.knn_interpolate,
        dynamic={
            "grid_x": ["num_nodes", 2],
            "grid_y": ["num_queries", 2],
            **({"batch_y": ["num_queries"]} if batches else {}),
        },
        without={
            "PyG": "PyG's searches with pyg-lib, which it does not bring; its recorded values are held in golden"
        },
    )


def parallel() -> LayerCase:
    def inputs(s: Sample) -> dict[str, Any]:
        from torch_geometric.data import Data

        more = s.x(more_nodes=2)
        return {"data_list": [Data(x=x, edge_index=s.edge_index) for x in (s.x(), more)]}

    return LayerCase(
        "DataParallel",
        "no device",
        lambda: layers.DataParallel(wrapped.PerGraph()),
        inputs,
        formulas.data_parallel,
        without=NO_ENGINE,
    )


CASES = [
    jumping("lstm", 4, 3),
    jumping("lstm", 3, 3, round_down=True),
    jumping("cat"),
    jumping("max"),
    both(
        "InnerProductDecoder",
        "",
        lambda nn: wrapped.Decoding(nn.InnerProductDecoder()),
        embeddings_and_edges,
        formulas.decoding,
    ),
    *(case for name in ("GAE", "VGAE", "ARGA", "ARGVA") for case in auto_encoders(name)),
    *(divergence(name, **options) for name in ("VGAE", "ARGVA") for options in ({}, {"logstd": True})),
    *(adversary(name) for name in ("ARGA", "ARGVA")),
    both("DeepGraphInfomax", "", infomax, graph, formulas.deep_graph_infomax),
    both(
        "DeepGraphInfomax",
        "loss, discriminate",
        lambda nn: wrapped.Infomax(infomax(nn)),
        graph,
        formulas.infomax_loss,
        without=LOSS,
    ),
    re_net(),
    re_net(dropout=0.3, bias=False),
    re_net(num_layers=2),
    signed(2),
    signed(1, lamb=2.0),
    signed(3, bias=False),
    signed_losses(),
    *(interpolated(k, batches) for k, batches in ((3, False), (1, False), (3, True))),
    parallel(),
]
