"""A user's own message passing layer computes what PyG computes, scripts, exports and trains as it stands."""

import copy
import importlib.util
import inspect
import io
import pickle
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor

from geocompile.layers import GCNConv, MessagePassing
from tests.conformance.model import dynamic_shapes_of
from tests.layers import user_layers

pytestmark = pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")  # a target here on purpose


class Case(NamedTuple):
    """A layer, by the module that defines its class, and its inputs for a graph of some size."""

    make: Callable[[Any], torch.nn.Module]
    more: Callable[[int, int], tuple[Any, ...]] = lambda n, e: ()
    bipartite: Callable[[int], Any] | None = None


def edge_values(n: int, e: int) -> tuple[Tensor, ...]:
    return (torch.rand(e, dtype=torch.float64),)


CASES = {
    "plain": Case(lambda m: m.Plain()),
    "plain mean, other flow": Case(lambda m: m.Plain(aggr="mean", flow="target_to_source")),
    "plain max": Case(lambda m: m.Plain(aggr="max")),
    "plain pair": Case(
        lambda m: m.Bipartite(3, 2, 4), bipartite=lambda n: (features(n), features(n + 2)[:, :2])
    ),
    "no target features": Case(
        lambda m: m.Bipartite(3, 2, 4), lambda n, e: ((n, n + 3),), bipartite=lambda n: (features(n), None)
    ),
    "tensor for pair": Case(lambda m: m.Bipartite(3, 3, 4)),
    "tutorial GCN": Case(lambda m: m.TutorialGCN(3, 4)),
    "tutorial EdgeConv": Case(lambda m: m.TutorialEdgeConv(3, 4)),
    "special arguments": Case(lambda m: m.SpecialArguments(), edge_values),
    "optional weight": Case(lambda m: m.OptionalWeight(), edge_values),
    "optional weight, min": Case(lambda m: m.OptionalWeight(aggr="min"), edge_values),
    "optional weight left out": Case(lambda m: m.OptionalWeight(aggr="mul")),
    "propagate_type comment": Case(lambda m: m.WithComment()),
    "several calls": Case(lambda m: m.SeveralCalls(), lambda n, e: (torch.rand(e, 3, dtype=torch.float64),)),
    "own aggregate": Case(lambda m: m.OwnAggregate()),
    "fused": Case(lambda m: m.Fused()),
    "fused, message overridden": Case(lambda m: m.FusedThenOverridden()),
    "named like locals": Case(lambda m: m.NamedLikeLocals(), edge_values),
    "named like helpers": Case(lambda m: m.NamedLikeHelpers(), edge_values),
    "network": Case(lambda m: m.Network(), edge_values),
}
every_case = pytest.mark.parametrize("case", CASES.values(), ids=CASES)


def features(num_nodes: int) -> Tensor:
    return torch.randn(num_nodes, 3, dtype=torch.float64)


def inputs_of(case: Case, num_nodes: int = 6, num_edges: int = 14) -> tuple[Any, ...]:
    x = features(num_nodes) if case.bipartite is None else case.bipartite(num_nodes)
    edge_index = torch.randint(0, num_nodes, (2, num_edges))
    return (x, edge_index, *case.more(num_nodes, num_edges))


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


@pytest.fixture(scope="module")
def pyg_layers(tmp_path_factory: pytest.TempPathFactory) -> ModuleType:
    """The same source with PyG's base class in place of ours."""
    pytest.importorskip("torch_geometric", reason="PyG is not installed (extra: pyg)")
    source = inspect.getsource(user_layers)
    ours = "from geocompile.layers import MessagePassing"
    assert ours in source
    path: Path = tmp_path_factory.mktemp("pyg") / "pyg_layers.py"
    path.write_text(source.replace(ours, "from torch_geometric.nn import MessagePassing"))
    spec = importlib.util.spec_from_file_location("pyg_layers", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["pyg_layers"] = module
    spec.loader.exec_module(module)
    return module


NOT_PYGS = ("several calls", "named like locals", "named like helpers")
"""PyG wants the same arguments in every call, and its generated code overwrites arguments that are named i, j, ..."""


@pytest.mark.parametrize("case", [c for name, c in CASES.items() if name not in NOT_PYGS])
def test_it_computes_what_the_same_class_on_pygs_base_computes(case: Case, pyg_layers: ModuleType) -> None:
    ours, theirs = case.make(user_layers).double(), case.make(pyg_layers).double()
    theirs.load_state_dict(ours.state_dict())
    for size in ((6, 14), (4, 0), (1, 2)):
        inputs = inputs_of(case, *size)
        torch.testing.assert_close(ours(*inputs), theirs(*inputs), rtol=1e-10, atol=1e-12)


def test_calls_with_different_arguments_each_use_their_own() -> None:
    x, edge_index, edge_attr = inputs_of(CASES["several calls"])
    adjacency = torch.zeros(6, 6, dtype=torch.float64).index_put(
        (edge_index[0], edge_index[1]), torch.ones(14, dtype=torch.float64), accumulate=True
    )
    count = adjacency.sum(1, keepdim=True).clamp(min=1)
    messages = (x[edge_index[1]] + edge_attr) ** 2
    first = torch.zeros_like(x).index_add(0, edge_index[0], messages) / count
    expected = adjacency @ (first + x) / count
    torch.testing.assert_close(user_layers.SeveralCalls()(x, edge_index, edge_attr), expected)


def test_arguments_named_like_locals_are_all_used_as_given() -> None:
    x, edge_index, w = inputs_of(CASES["named like locals"])
    factor = w + (2 * w) ** 2 + (3 * w) ** 3 + (4 * w) ** 4 + (5 * w) ** 5 + (6 * w) ** 6
    expected = torch.zeros_like(x).index_add(0, edge_index[1], x[edge_index[0]] * factor[:, None]) * 7 + 8
    layer = user_layers.NamedLikeLocals()
    torch.testing.assert_close(layer(x, edge_index, w), expected)
    torch.testing.assert_close(torch.jit.script(layer)(x, edge_index, w), expected)


@every_case
def test_it_scripts_and_the_saved_script_takes_other_sizes(case: Case) -> None:
    layer = case.make(user_layers).double()
    kinds = [type(module) for module in layer.modules()]
    modules = list(layer.modules())
    saved = io.BytesIO()
    torch.jit.save(torch.jit.script(layer), saved)
    saved.seek(0)
    loaded = torch.jit.load(saved)
    for size in ((6, 14), (11, 40), (4, 0), (1, 2)):
        inputs = inputs_of(case, *size)
        torch.testing.assert_close(loaded(*inputs), layer(*inputs), rtol=0, atol=0)
    assert [type(module) for module in layer.modules()] == kinds
    assert all(a is b for a, b in zip(layer.modules(), modules, strict=True))


@every_case
def test_it_exports_with_dynamic_sizes(case: Case) -> None:
    layer = case.make(user_layers).double()
    inputs = inputs_of(case)
    exported = torch.export.export(layer, inputs, dynamic_shapes=dynamic_shapes_of(inputs)).module()
    for size in ((6, 14), (11, 40), (5, 3)):
        inputs = inputs_of(case, *size)
        torch.testing.assert_close(exported(*inputs), layer(*inputs), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", ["plain", "plain pair", "tutorial EdgeConv", "optional weight", "fused"])
def test_torch_compile_and_strict_export_see_one_graph(name: str) -> None:
    layer, inputs = CASES[name].make(user_layers).double(), inputs_of(CASES[name])
    expected = layer(*inputs)
    compiled = torch.compile(layer, backend="eager", fullgraph=True)
    torch.testing.assert_close(compiled(*inputs), expected)
    strict = torch.export.export(layer, inputs, strict=True).module()
    torch.testing.assert_close(strict(*inputs), expected)


def test_a_pickled_layer_works_where_none_was_made_before() -> None:
    layer, inputs = user_layers.TutorialEdgeConv(3, 2), (torch.randn(4, 3), torch.tensor([[0, 1], [1, 3]]))
    expected, pickled = layer(*inputs), pickle.dumps(layer)
    del user_layers.TutorialEdgeConv._hooks
    torch.testing.assert_close(pickle.loads(pickled)(*inputs), expected)


@pytest.mark.parametrize(
    "make",
    [lambda: user_layers.TutorialGCN(3, 2), lambda: user_layers.TutorialEdgeConv(3, 2)],
    ids=["gcn", "edge"],
)
def test_it_trains_in_eager_and_as_a_script(make: Callable[[], torch.nn.Module]) -> None:
    layer = make()
    x, target = torch.randn(8, 3), torch.randn(8, 2)
    edge_index = torch.cat([torch.randint(0, 8, (2, 20)), torch.arange(8).expand(2, -1)], dim=1)
    for trained in (layer, torch.jit.script(copy.deepcopy(layer))):
        optimizer = torch.optim.Adam(trained.parameters(), lr=0.05)
        losses = []
        for _ in range(30):
            optimizer.zero_grad()
            loss = (trained(x, edge_index) - target).square().mean()
            loss.backward()
            optimizer.step()
            losses.append(float(loss.detach()))
        assert losses[-1] < 0.9 * losses[0]


def test_the_training_mode_reaches_the_script() -> None:
    layer = user_layers.Dropping(3)
    script = torch.jit.script(layer)
    x, edge_index = torch.ones(5, 3), torch.randint(0, 5, (2, 200))
    assert not torch.equal(script(x, edge_index), script(x, edge_index))
    layer.eval()
    script.eval()
    expected = torch.zeros(5, 3).index_add(
        0, edge_index[1], torch.full((200, 3), torch.sigmoid(torch.tensor(6.0)).item())
    )
    torch.testing.assert_close(script(x, edge_index), expected)
    torch.testing.assert_close(layer(x, edge_index), expected)


def test_the_generated_source_can_be_read() -> None:
    source = inspect.getsource(user_layers.OptionalWeight.propagate)
    assert "x: Tensor, edge_weight: Optional[Tensor]" in source
    copied = inspect.getsource(user_layers.OptionalWeight._typed_message)
    assert "edge_weight: Optional[Tensor]=None" in copied
    assert "# the user's comment" in copied


def test_one_name_with_two_types_is_refused_by_name() -> None:
    class Both(MessagePassing):
        def forward(self, x: Tensor, edge_index: Tensor, pair: tuple[Tensor, Tensor]) -> Tensor:
            return self.propagate(edge_index, x=x) + self.propagate(edge_index, x=pair)

        def message(self, x_j: Tensor) -> Tensor:
            return x_j

    with pytest.raises(
        TypeError, match=r"Both: argument x of propagate is Tensor and Tuple\[Tensor, Tensor\]"
    ):
        torch.jit.script(Both())


def test_an_argument_with_the_prefix_of_generated_code_is_refused_by_name() -> None:
    class Intruder(MessagePassing):
        def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
            return self.propagate(edge_index, x=x, _geo_out=x)

        def update(self, inputs: Tensor, _geo_out: Tensor) -> Tensor:
            return inputs + _geo_out

    with pytest.raises(TypeError, match="Intruder: argument _geo_out of propagate begins with _geo_"):
        torch.jit.script(Intruder())


def test_every_local_of_the_generated_code_has_the_prefix() -> None:
    for layer in (user_layers.Plain, user_layers.Fused, user_layers.NamedLikeHelpers, user_layers.Bipartite):
        code = layer.propagate.__code__
        parameters = set(code.co_varnames[: code.co_argcount])
        names = (set(code.co_varnames) - parameters) | (set(code.co_names) & set(layer.propagate.__globals__))
        assert {name for name in names if not name.startswith("_geo_")} == set()
        assert "_geo_out" in names


class CallsParent(user_layers.Fused):
    def message(self, x_j: Tensor, factor: float) -> Tensor:
        return super().message(x_j, factor) + 1


class CallsParentByName(user_layers.Fused):
    def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
        return MessagePassing.propagate(self, edge_index, x=x, factor=1.0)


class ReluOfGCN(GCNConv):
    def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
        return super().forward(x, edge_index).relu()


class Expands(MessagePassing):
    def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
        kept = {"x": x}
        return self.helper(kept, edge_index)

    def helper(self, kept: dict[str, Tensor], edge_index: Tensor) -> Tensor:
        return self.propagate(edge_index, **kept)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (CallsParent, r"CallsParent: message calls super\(\)\.message \(.*test_user_layers\.py:\d+\)"),
        (CallsParentByName, r"CallsParentByName: forward calls MessagePassing\.propagate"),
        (lambda: ReluOfGCN(3, 2), r"ReluOfGCN: forward calls super\(\)\.forward"),
        (Expands, r"Expands: helper passes \*\*kept to self\.propagate .*pass each argument by its name"),
    ],
)
def test_what_torchscript_cannot_compile_is_refused_in_words(
    make: Callable[[], torch.nn.Module], message: str
) -> None:
    network = torch.nn.Sequential(make())
    with pytest.raises(TypeError, match=message):
        torch.jit.script(network)


def test_what_torchscript_does_not_reach_may_call_a_parent() -> None:
    class Fine(user_layers.Plain):
        def reset_parameters(self) -> None:
            super().reset_parameters()

        def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
            if not torch.jit.is_scripting():
                return super().forward(x, edge_index)
            return self.propagate(edge_index, x=x)

        @torch.jit.unused
        def aside(self, x: Tensor) -> Tensor:
            return super().aside(x)

    layer, inputs = Fine(), (torch.randn(4, 3), torch.tensor([[0, 1], [1, 3]]))
    torch.testing.assert_close(torch.jit.script(layer)(*inputs), layer(*inputs))


def test_a_hook_without_named_arguments_is_refused() -> None:
    class Loose(MessagePassing):
        def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
            return self.propagate(edge_index, x=x)

        def message(self, x_j: Tensor, **kwargs: Any) -> Tensor:
            return x_j

    with pytest.raises(TypeError, match=r"message takes \*\*kwargs.*name each one"):
        Loose()(torch.ones(2, 1), torch.zeros(2, 1, dtype=torch.int64))


def test_two_classes_of_one_name_each_get_their_own_code() -> None:
    def make(factor: int) -> torch.nn.Module:
        class Same(MessagePassing):
            def forward(self, x, edge_index):
                return self.propagate(edge_index, (x.size(0), x.size(0)), x=x, power=self.factor)

            def message(self, x_j, power: int):
                return x_j**power

        class Twice(Same):
            def message(self, x_j, power: int):
                return 2 * x_j**power

        Twice.__name__, Twice.__qualname__ = Same.__name__, Same.__qualname__
        layer = Same() if factor == 1 else Twice()
        layer.factor = factor
        return layer

    x, edge_index = torch.full((2, 1), 3.0), torch.tensor([[0], [1]])
    first, second = torch.jit.script(make(1)), torch.jit.script(make(2))
    assert float(first(x, edge_index)[1]) == 3.0
    assert float(second(x, edge_index)[1]) == 18.0
