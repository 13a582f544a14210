"""What models do beside their forward: splits, samples, measures, and what they refuse."""

import copy
import sys
from types import SimpleNamespace

import pytest
import torch
from torch import Tensor

import geocompile
from geocompile.layers import (
    ARGA,
    ARGVA,
    GAE,
    VGAE,
    DataParallel,
    DeepGraphInfomax,
    GCNConv,
    InnerProductDecoder,
    JumpingKnowledge,
    RENet,
    SignedGCN,
    knn_interpolate,
)
from geocompile.layers.models.pairs_of_nodes import sample_non_edges, sample_non_neighbours

NOTHING = torch.nn.Identity


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize(("num_nodes", "count"), [(5, 3), (5, 100), (40, 30), (1, 4), (0, 2)])
def test_sampled_pairs_are_different_and_no_edges(num_nodes: int, count: int) -> None:
    edges = torch.randint(0, max(num_nodes - 1, 1), (2, 7 if num_nodes else 0), generator=seeded(1))
    pairs = sample_non_edges(edges, num_nodes, count, seeded(2))
    found = set(zip(*pairs.tolist(), strict=True))
    taken = set(zip(*edges.tolist(), strict=True))
    assert len(found) == pairs.size(1) == min(count, num_nodes**2 - len(taken))
    assert not found & taken
    assert all(0 <= end < num_nodes for pair in found for end in pair)


def test_every_pair_is_as_likely() -> None:
    edges = torch.tensor([[0, 1], [1, 0]])
    counts = torch.zeros(3, 3)
    for seed in range(700):
        row, col = sample_non_edges(edges, 3, 1, seeded(seed))
        counts[row, col] += 1
    assert counts[0, 1] == counts[1, 0] == 0
    assert counts[counts > 0].numel() == 7
    assert ((counts[counts > 0] - 100).abs() < 40).all()


def test_every_node_without_an_edge_from_the_first_end_is_as_likely() -> None:
    edges = torch.tensor([[0, 0, 1, 1, 1, 1, 1, 3], [1, 1, 0, 1, 2, 3, 4, 3]])
    counts = torch.zeros(5, 5)
    for seed in range(400):
        found, others = sample_non_neighbours(edges, 5, seeded(seed))
        assert found.tolist() == [True, True, *[False] * 5, True]  # node 1 has edges to all
        counts.index_put_((edges[0, found], others), torch.ones(3), accumulate=True)
    assert set(map(tuple, counts.nonzero().tolist())) == {(0, k) for k in (0, 2, 3, 4)} | {
        (3, k) for k in (0, 1, 2, 4)
    }
    assert ((counts[0, [0, 2, 3, 4]] - 200).abs() < 60).all()
    assert ((counts[3, [0, 1, 2, 4]] - 100).abs() < 45).all()
    nothing = torch.empty(2, 0, dtype=torch.long)
    assert [t.numel() for t in sample_non_neighbours(nothing, 0)] == [0, 0]


def test_friends_and_foes_are_split_in_their_order() -> None:
    edges = torch.randint(0, 30, (2, 50), generator=seeded(0))
    train, test = SignedGCN(1, 2, 1).split_edges(edges, 0.25, generator=seeded(1))
    assert test.size(1) == 12
    assert sorted(torch.cat([train, test], 1).t().tolist()) == sorted(edges.t().tolist())
    assert torch.equal(train, SignedGCN(1, 2, 1).split_edges(edges, 0.25, generator=seeded(1))[0])
    rest = iter(edges.t().tolist())
    assert all(pair in rest for pair in train.t().tolist())


def test_a_signed_network_learns_to_tell_friends_from_foes() -> None:
    """Two camps: friends within each, foes between them."""
    pairs = torch.combinations(torch.arange(12)).t()
    same = (pairs[0] < 6) == (pairs[1] < 6)
    torch.manual_seed(0)
    model = SignedGCN(4, 8, 2)
    (friends, unseen_friends), (foes, unseen_foes) = (
        model.split_edges(kind, 0.25, generator=seeded(1)) for kind in (pairs[:, same], pairs[:, ~same])
    )
    x = model.create_spectral_features(friends, foes)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
    for step in range(60):
        optimizer.zero_grad()
        model.loss(model(x, friends, foes), friends, foes, generator=seeded(step)).backward()
        optimizer.step()
    with torch.no_grad():
        z = model(x, friends, foes)
    are_friends = [
        model.discriminate(z, unseen)[:, :2].argmax(1) == 0 for unseen in (unseen_friends, unseen_foes)
    ]
    assert are_friends[0].float().mean() > 0.8
    assert are_friends[1].float().mean() < 0.2


def test_the_split_holds_every_edge_once_and_no_pair_twice() -> None:
    edges = torch.randint(0, 12, (2, 80), generator=seeded(0))
    data = SimpleNamespace(edge_index=edges, num_nodes=12)
    split = GAE(NOTHING()).split_edges(data, 0.1, 0.2, generator=seeded(4))
    positive = torch.cat([getattr(split, f"{part}_pos_edge_index") for part in ("train", "val", "test")], 1)
    upper = edges[:, edges[0] < edges[1]]
    assert sorted(positive.t().tolist()) == sorted(upper.t().tolist())
    negative = torch.cat([split.val_neg_edge_index, split.test_neg_edge_index], 1)
    assert split.val_neg_edge_index.size(1) == int(0.1 * upper.size(1))
    assert not split.train_neg_adj_mask[negative[0], negative[1]].any()
    assert len({tuple(pair) for pair in negative.t().tolist()}) == negative.size(1)
    assert not {tuple(p) for p in negative.t().tolist()} & {tuple(p) for p in upper.t().tolist()}


def test_the_same_generator_draws_the_same_split_and_negatives() -> None:
    edges = torch.randint(0, 9, (2, 40), generator=seeded(0))
    model, z = GAE(NOTHING()), torch.randn(9, 2, generator=seeded(1))
    splits = [
        model.split_edges(
            SimpleNamespace(edge_index=edges, num_nodes=9), generator=seeded(3)
        ).train_pos_edge_index
        for _ in range(2)
    ]
    assert torch.equal(*splits)
    assert torch.equal(*(model.recon_loss(z, edges, generator=seeded(3)) for _ in range(2)))


@pytest.mark.parametrize(
    ("data", "ratios", "message"),
    [
        (SimpleNamespace(num_nodes=3), (0.1, 0.1), "edge_index must be a tensor"),
        (SimpleNamespace(edge_index=torch.zeros(2, 1), num_nodes=3, batch=1), (0.1, 0.1), "batch of graphs"),
        (SimpleNamespace(edge_index=torch.zeros(2, 1), num_nodes=3), (0.6, 0.6), "at most 1 together"),
    ],
)
def test_a_split_that_makes_no_sense_is_refused(
    data: SimpleNamespace, ratios: tuple[float, float], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        GAE(NOTHING()).split_edges(data, *ratios)


@pytest.mark.parametrize("logstd", [False, True])
def test_embeddings_are_drawn_with_the_standard_deviation_that_the_encoder_gives(logstd: bool) -> None:
    torch.manual_seed(0)
    model = VGAE(NOTHING(), logstd=logstd)
    mu, spread = torch.full((20000, 1), 3.0), torch.full((20000, 1), -1.0)
    z = model.reparametrize(mu, spread)
    torch.testing.assert_close(z.mean(), torch.tensor(3.0), rtol=0, atol=0.02)
    expected = torch.tensor(-1.0 if logstd else -0.5).exp()
    torch.testing.assert_close(z.std(), expected, rtol=0.02, atol=0)
    assert torch.equal(model.eval().reparametrize(mu, spread), mu)


def test_a_large_logstd_is_bounded_as_in_pyg() -> None:
    theirs = pytest.importorskip("torch_geometric.nn").VGAE(NOTHING())
    mu, logstd = torch.ones(3, 2), torch.tensor([[9.0, 11.0], [50.0, 0.0], [-3.0, 10.0]])
    torch.testing.assert_close(VGAE(NOTHING(), logstd=True).kl_loss(mu, logstd), theirs.kl_loss(mu, logstd))


class Encoder(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.lin = torch.nn.Linear(3, 2)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return self.lin(x), self.lin(x)


@pytest.mark.parametrize(
    "model", [VGAE(Encoder()), ARGVA(Encoder(), torch.nn.Linear(2, 1))], ids=["VGAE", "ARGVA"]
)
def test_a_trained_model_can_be_copied_and_compiled_code_reads_the_arguments(model: torch.nn.Module) -> None:
    model.encode(torch.randn(4, 3))
    model.kl_loss().backward()
    copied = copy.deepcopy(model)
    assert copied.mu is None
    with pytest.raises(ValueError, match="a call of encode before it"):
        copied.kl_loss()
    scripted = torch.jit.script(copied.eval())
    x = torch.randn(4, 3)
    assert torch.equal(scripted.encode(x), copied.encode(x))
    assert "x: torch.Tensor" in str(geocompile.layers.models.following.inspect.signature(model.forward))


def test_argva_reads_state_dicts_that_name_the_encoder_once_or_twice() -> None:
    model, other = (ARGVA(Encoder(), torch.nn.Linear(2, 1)) for _ in range(2))
    twice = model.state_dict()
    once = {key: value for key, value in twice.items() if not key.startswith("VGAE.")}
    assert len(twice) > len(once)
    other.load_state_dict(once)
    assert torch.equal(other.encoder.lin.weight, model.encoder.lin.weight)
    torch.nn.Sequential(other).load_state_dict(torch.nn.Sequential(model).state_dict())


def test_a_method_follows_the_encoder_that_the_model_has() -> None:
    model = GAE(NOTHING())
    model.encoder = GCNConv(3, 2)
    x, edge_index, weight = torch.randn(4, 3), torch.tensor([[0, 1], [1, 2]]), torch.tensor([0.5, 2.0])
    scripted = torch.jit.script(model)
    assert torch.equal(scripted(x, edge_index, weight), model(x, edge_index, edge_weight=weight))


def test_what_measures_needs_scikit_learn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn.metrics", None)
    pair = torch.tensor([[0], [1]])
    with pytest.raises(ImportError, match=r"geocompile.ARGA.test needs .* geocompile\[metrics\]"):
        ARGA(NOTHING(), NOTHING()).test(torch.ones(2, 1), pair, pair)


@pytest.mark.parametrize("multi_class", ["auto", "ovr"])
def test_embeddings_that_tell_the_classes_are_classified(multi_class: str) -> None:
    pytest.importorskip("sklearn")
    y = torch.arange(30) % 3
    z = torch.nn.functional.one_hot(y).float()
    model = DeepGraphInfomax(3, NOTHING(), lambda z: z, lambda x: x)
    assert model.test(z, y, z, y, multi_class=multi_class) == 1.0
    with pytest.raises(ValueError, match="multi_class must be"):
        model.test(z, y, z, y, multi_class="each")


def test_a_named_argument_is_corrupted_and_one_that_is_left_out_keeps_its_default() -> None:
    class Scaled(torch.nn.Module):
        def forward(self, x: Tensor, scale: float = 1.0) -> Tensor:
            return scale * x

    model = DeepGraphInfomax(1, Scaled(), lambda z, x, scale: z, lambda x, scale: (x + 1, 10 * scale))
    assert model(torch.tensor([1.0]), scale=2.0)[1].item() == 40.0
    model.corruption = lambda x, scale: x + 1
    assert model(torch.tensor([1.0]), 2.0)[1].item() == 2.0


def test_equal_scores_rank_in_the_order_of_nodes() -> None:
    model = RENet(4, 1, 2, 1)
    measured = model.test(torch.tensor([[0.0, 1.0, 1.0, 0.0], [3.0, 2.0, 1.0, 0.0]]), torch.tensor([2, 3]))
    torch.testing.assert_close(measured, torch.tensor([(1 / 2 + 1 / 4) / 2, 0.0, 0.5, 1.0]))


def test_a_point_whose_graph_is_empty_gets_zero() -> None:
    zero, one = torch.tensor([0]), torch.tensor([1])
    point = torch.ones(1, 2)
    assert torch.equal(knn_interpolate(point, point, point, zero, one), torch.zeros(1, 2))


def test_a_list_of_graphs_is_one_batch_without_a_device_and_scattered_over_devices() -> None:
    data = pytest.importorskip("torch_geometric.data")
    graphs = [data.Data(x=torch.full((n, 1), float(n))) for n in (5, 2, 7, 1)]

    class Total(torch.nn.Module):
        def forward(self, batch: "data.Batch") -> Tensor:
            return batch.x.sum(0)

    model = DataParallel(Total())
    if not torch.cuda.is_available():
        assert model(graphs).item() == sum(n * n for n in (5, 2, 7, 1))
    parts = model.scatter(graphs, [torch.device("cpu")] * 2)
    assert [part.num_graphs for part in parts] == [2, 2]
    assert len(model.scatter(graphs[:1], [torch.device("cpu")] * 2)) == 1
    with pytest.raises(ValueError, match="at least one graph"):
        model([])


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: JumpingKnowledge("mean"), ValueError, "mode must be one of"),
        (lambda: JumpingKnowledge("lstm"), ValueError, "needs channels and num_layers"),
        (lambda: JumpingKnowledge("lstm", 3, 3), ValueError, r"must be even.*round_down"),
        (lambda: JumpingKnowledge("cat")([]), ValueError, "got none"),
        (lambda: JumpingKnowledge("lstm", 4, 2)([torch.ones(2, 3)] * 2), ValueError, r"\[num_nodes, 4\]"),
        (lambda: GAE(lambda x: x), TypeError, "encoder must be a torch.nn.Module"),
        (lambda: ARGA(NOTHING(), lambda x: x), TypeError, "discriminator must be"),
        (lambda: DeepGraphInfomax(2, lambda x: x, len, len), TypeError, "encoder must be"),
        (lambda: DeepGraphInfomax(2, NOTHING(), None, len), TypeError, "summary must be a function"),
        (
            lambda: InnerProductDecoder()(torch.ones(3), torch.zeros(2, 1).long()),
            ValueError,
            "z must have shape",
        ),
        (lambda: RENet(3, 0, 2, 1), ValueError, "num_rels must be an integer of at least 1"),
        (lambda: SignedGCN(3, 5, 2), ValueError, "hidden_channels must be even"),
        (lambda: SignedGCN(3, 4, 0), ValueError, "num_layers must be an integer of at least 1"),
        (lambda: SignedGCN(3, 4, 1).split_edges(torch.zeros(2, 4).long(), 2), ValueError, "from 0 to 1"),
        (
            lambda: SignedGCN(3, 4, 1).create_spectral_features(*[torch.zeros(2, 1).long()] * 2),
            ValueError,
            "1 nodes have no 3 spectral features",
        ),
        (
            lambda: SignedGCN(3, 4, 1).create_spectral_features(*[torch.tensor([[0], [7]])] * 2, 5),
            IndexError,
            "from 0 to 4, got 0 to 7",
        ),
        (lambda: RENet.pre_transform(0), ValueError, "seq_len must be an integer of at least 1"),
        (
            lambda: knn_interpolate(torch.ones(2), torch.ones(2, 1), torch.ones(2, 1)),
            ValueError,
            "x must have",
        ),
    ],
)
def test_bad_arguments_are_refused_in_words(make, error, message) -> None:
    with pytest.raises(error, match=message):
        make()
