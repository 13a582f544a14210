"""What a pass did is counted by kind; no line is lost."""

from hypothesis import given
from hypothesis import strategies as st

from geocompile.report.pass_groups import summarize_passes

LAYERS = {"select_5": "convs.0", "select_6": "convs.0", "select_7": "convs.1", "csr_from_coo_1": "convs.1"}


def changes(*details: str) -> list[tuple[str, int, tuple[tuple[str, int], ...]]]:
    (step,) = summarize_passes([{"name": "p", "changed": len(details), "details": list(details)}], LAYERS)
    return [(change.what, change.count, change.layers) for change in step.changes]


def test_merged_nodes_are_counted_by_operator_and_layer() -> None:
    found = changes(
        "select_5 = select_1 (aten.select.int)",
        "select_6 = select_1 (aten.select.int)",
        "select_7 = select_1 (aten.select.int)",
        "csr_from_coo_1 = csr_from_coo (geocompile.csr_from_coo.default)",
    )
    assert found == [
        ("select: the same as an earlier one", 3, (("convs.0", 2), ("convs.1", 1))),
        ("csr_from_coo: the same as an earlier one", 1, (("convs.1", 1),)),
    ]


def test_removed_and_folded_nodes_are_counted_by_operator() -> None:
    assert changes("eq (eq)", "select_5 (aten.select.int)", "p_1 (unused weight)") == [
        ("eq", 1, ()),
        ("select", 1, (("convs.0", 1),)),
        ("unused weight", 1, ()),
    ]
    assert changes("norm (geocompile.gcn_norm.default) [10, 2]")[0][0] == "gcn_norm"


def test_replaced_layers_are_counted_by_class() -> None:
    old, new = "torch_geometric.nn.conv.gcn_conv.GCNConv", "geocompile.layers.conv.gcn_conv.GCNConv"
    found = changes(
        f"convs.0: {old} -> {new}", f"convs.1: {old} -> {new}", "pool: my.Pool is captured as it is: no"
    )
    assert found == [
        ("GCNConv became GCNConv of geocompile", 2, (("convs.0", 1), ("convs.1", 1))),
        ("Pool is captured as it is: no", 1, (("pool", 1),)),
    ]


def test_other_sentences_lose_the_numbers_of_their_nodes() -> None:
    lines = [f"csr_from_coo{k} reads its number of rows from x" for k in ("", "_1", "_2")]
    layers = {"csr_from_coo": "a", "csr_from_coo_1": "b", "csr_from_coo_2": "c"}
    (step,) = summarize_passes([{"name": "p", "changed": 3, "details": lines}], layers)
    (change,) = step.changes
    assert change.what == "csr_from_coo reads its number of rows from x"
    assert (change.count, change.layers) == (3, (("a", 1), ("b", 1), ("c", 1)))


@given(st.lists(st.text(max_size=30), max_size=12))
def test_no_line_is_lost(lines: list[str]) -> None:
    (step,) = summarize_passes([{"name": "p", "changed": len(lines), "details": lines}], LAYERS)
    assert sorted(line for change in step.changes for line in change.lines) == sorted(lines)


def test_a_manifest_from_elsewhere_may_hold_anything() -> None:
    passes = [{}, {"name": 3, "changed": "many", "details": "text"}, {"details": [1, None]}]
    names = [step.name for step in summarize_passes(passes)]
    assert names == ["", "3", ""]
