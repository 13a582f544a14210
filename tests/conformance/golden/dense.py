"""DenseSAGEConv, dense_diff_pool."""

from collections.abc import Callable
from functools import partial

from geocompile import layers
from tests.conformance.golden import Values, assert_golden


def dense_sage(normalize: bool, add_loop: bool, case: Values) -> None:
    conv = layers.DenseSAGEConv(3, 4, normalize, "param.bias" in case).double()
    state = {"lin_rel.weight": case["param.weight"].T}
    if "param.bias" in case:
        state["lin_rel.bias"] = case["param.bias"]
    conv.load_state_dict(state)
    found = conv(case["in.x"], case["in.adj"], case.get("in.mask"), add_loop)
    assert_golden(found, case["out.out"].nan_to_num(0.0))  # a row of zeros gave NaN


def diff_pool(case: Values) -> None:
    """The documents write the norm without the division, both codes have it."""
    inputs = [case["in.x"], case["in.adj"], case["in.s"]]
    names = ("out", "out_adj", "link_loss", "ent_loss")
    assert_golden(layers.dense_diff_pool(*inputs), [case[f"out.{name}"] for name in names])
    assert_golden(
        layers.dense_diff_pool(*inputs, normalize=False)[:3], [case[f"doc.{name}"] for name in names[:3]]
    )


GOLDEN: dict[str, Callable[[Values], None]] = {
    "DenseSAGEConv_0": partial(dense_sage, True, True),
    "DenseSAGEConv_2": partial(dense_sage, False, False),
    "dense_diff_pool_0": diff_pool,
    "dense_diff_pool_2": diff_pool,
}
