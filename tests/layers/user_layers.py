"""Message passing layers as users write them: nothing in them speaks of TorchScript or of geocompile's insides."""

import torch
import torch.nn.functional as F
from torch import Tensor

from geocompile.layers import MessagePassing


class Plain(MessagePassing):
    """No hook at all: neighbours are summed."""

    def forward(self, x, edge_index):
        return self.propagate(edge_index, x=x)


class TutorialGCN(MessagePassing):
    """The layer of PyG's tutorial, without annotations."""

    def __init__(self, in_channels, out_channels):
        super().__init__(aggr="add")
        self.lin = torch.nn.Linear(in_channels, out_channels)

    def forward(self, x, edge_index):
        x = self.lin(x)
        degree = torch.ones_like(x[:, 0]).index_add(0, edge_index[1], torch.ones_like(x[edge_index[1], 0]))
        scale = degree.pow(-0.5)
        norm = scale[edge_index[0]] * scale[edge_index[1]]
        return self.propagate(edge_index, size=(x.size(0), x.size(0)), x=x, norm=norm)

    def message(self, x_j, norm):
        return norm.view(-1, 1) * x_j

    def update(self, aggr_out):
        return aggr_out


class TutorialEdgeConv(MessagePassing):
    """The other one, with a maximum and both ends of each edge."""

    def __init__(self, in_channels, out_channels):
        super(TutorialEdgeConv, self).__init__(aggr="max")  # noqa: UP008
        self.mlp = torch.nn.Sequential(
            torch.nn.Linear(2 * in_channels, out_channels),
            torch.nn.ReLU(),
            torch.nn.Linear(out_channels, out_channels),
        )

    def forward(self, x, edge_index):
        return self.propagate(edge_index, x=x)

    def message(self, x_i, x_j):
        tmp = torch.cat([x_i, x_j - x_i], dim=1)
        return self.mlp(tmp)


class SpecialArguments(MessagePassing):
    """Arguments that propagate supplies, of other types than Tensor, unannotated (the golden case MessagePassing_4)."""

    def forward(self, x, edge_index, ea):
        return self.propagate(edge_index, x=x, ea=ea)

    def message(self, x_i, x_j, ea, edge_index_i, size_i):
        return (x_j - 2 * x_i) * ea.view(-1, 1) + edge_index_i.view(-1, 1) + size_i

    def update(self, aggr_out, x):
        return aggr_out + x


class OptionalWeight(MessagePassing):
    """A weight that may be None: the hook leaves its type to forward's annotation."""

    def forward(self, x: Tensor, edge_index: Tensor, edge_weight: Tensor | None = None) -> Tensor:
        return self.propagate(edge_index, x=x, edge_weight=edge_weight, size=None)

    def message(self, x_j, edge_weight=None):
        # the user's comment, which stays in the generated copy
        if edge_weight is None:
            return x_j
        return x_j * edge_weight.unsqueeze(-1)


class Bipartite(MessagePassing):
    """Source and target features of different sizes, in PyG's own style."""

    def __init__(self, source_channels: int, target_channels: int, out_channels: int) -> None:
        super().__init__(aggr="mean")
        self.lin_source = torch.nn.Linear(source_channels, out_channels)
        self.lin_target = torch.nn.Linear(target_channels, out_channels)

    def forward(
        self,
        x: Tensor | tuple[Tensor, Tensor | None],
        edge_index: Tensor,
        size: tuple[int, int] | None = None,
    ) -> Tensor:
        if isinstance(x, Tensor):
            x = (x, x)
        out = self.lin_source(self.propagate(edge_index, x=x, size=size))
        target = x[1]
        if target is not None:
            out = out + self.lin_target(target)
        return out

    def message(self, x_j: Tensor) -> Tensor:
        return 2 * x_j


class WithComment(MessagePassing):
    """Types by PyG's comment."""

    def forward(self, x: Tensor, edge_index: Tensor):
        pair = (x.relu(), x)
        # propagate_type: (x: PairTensor, scale: float)
        return self.propagate(edge_index, x=pair, scale=0.5)

    def message(self, x_i, x_j, scale):
        return (x_i - x_j) * scale


class SeveralCalls(MessagePassing):
    """Different arguments in two calls of one forward."""

    def __init__(self) -> None:
        super().__init__("mean", flow="target_to_source")

    def forward(self, x: Tensor, edge_index: Tensor, edge_attr: Tensor) -> Tensor:
        out = self.propagate(edge_index, x=x, edge_attr=edge_attr, power=2)
        return self.propagate(edge_index, x=out + x)

    def message(self, x_j: Tensor, edge_attr: Tensor | None = None, power: int = 1) -> Tensor:
        if edge_attr is not None:
            x_j = x_j + edge_attr
        return x_j**power


class OwnAggregate(MessagePassing):
    """A softmax-free attention with its own reduction and a list for the size."""

    def __init__(self) -> None:
        super().__init__(aggr=None)

    def forward(self, x, edge_index):
        return self.propagate(edge_index, size=[x.size(0), x.size(0)], x=x)

    def message(self, x_j):
        return x_j.exp()

    def aggregate(self, inputs, index, dim_size):
        out = torch.zeros([dim_size, inputs.size(1)], dtype=inputs.dtype, device=inputs.device)
        return out.index_add(0, index, inputs).add(1).log()


class Dropping(MessagePassing):
    """Something that depends on the training mode, and a state of its own."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.att = torch.nn.Parameter(torch.ones(channels))

    def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
        return self.propagate(edge_index, x=x, alpha=(x * self.att).sum(-1))

    def message(self, x_j: Tensor, alpha_i: Tensor, alpha_j: Tensor) -> Tensor:
        alpha = F.dropout(torch.sigmoid(alpha_i + alpha_j), p=0.5, training=self.training)
        return x_j * alpha.unsqueeze(-1)


class Fused(MessagePassing):
    """A message and the same in one operator."""

    def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
        return self.propagate(edge_index, x=x, factor=3.0)

    def message(self, x_j: Tensor, factor: float) -> Tensor:
        return x_j * factor

    def message_and_aggregate(self, x: Tensor, factor: float, rowptr: Tensor, col: Tensor) -> Tensor:
        return torch.ops.geocompile.gather_segment_reduce(x * factor, rowptr, col, None, None, "sum")


class FusedThenOverridden(Fused):
    """An override of the message alone counts: the parent's fused form is not of this message."""

    def message(self, x_j: Tensor, factor: float) -> Tensor:
        return x_j - factor


class Network(torch.nn.Module):
    """Layers nested in containers, one of them twice."""

    def __init__(self) -> None:
        super().__init__()
        self.first = TutorialGCN(3, 4)
        self.convs = torch.nn.ModuleList([TutorialEdgeConv(4, 4), TutorialEdgeConv(4, 4)])
        self.weighted = OptionalWeight("mean")
        self.same = self.weighted

    def forward(self, x: Tensor, edge_index: Tensor, edge_weight: Tensor | None = None) -> Tensor:
        x = self.first(x, edge_index)
        for conv in self.convs:
            x = conv(x, edge_index).relu()
        return self.same(self.weighted(x, edge_index, edge_weight), edge_index)


class NamedLikeLocals(MessagePassing):
    """Arguments with the names that generated code might use; every one of them counts."""

    def forward(self, x, edge_index, w):
        return self.propagate(
            edge_index,
            x=x,
            i=w,
            j=2 * w,
            sizes=3 * w,
            rowptr=4 * w,
            col=5 * w,
            perm=6 * w,
            messages=7.0,
            out=8.0,
        )

    def message(self, x_j, i, j, sizes, rowptr, col, perm):
        return x_j * (i + j**2 + sizes**3 + rowptr**4 + col**5 + perm**6).view(-1, 1)

    def update(self, inputs, messages: float, out: float):
        return inputs * messages + out


class NamedLikeHelpers(MessagePassing):
    """The same for functions; ``lift`` and ``pick_end`` are node features too."""

    def forward(self, x, edge_index, w):
        return self.propagate(
            edge_index,
            x=x,
            lift=2 * x,
            pick_end=(3 * x, 4 * x),
            ends=w,
            initial_sizes=2 * w,
            note_size=3 * w,
            count_at=4.0,
            known_count=5.0,
            end_of=6.0,
            lift_optional=7.0,
            gather_reduce=8.0,
            group_edges=9.0,
            reduce_messages=10.0,
            check_edge_index=11.0,
        )

    def message(
        self,
        x_i,
        x_j,
        lift_j,
        pick_end_i,
        ends,
        initial_sizes,
        note_size,
        dim_size,
        count_at: float,
        known_count: float,
    ):
        return x_i + x_j * lift_j * pick_end_i * (
            ends + initial_sizes**2 + note_size**3 + count_at - known_count * dim_size
        ).view(-1, 1)

    def update(
        self,
        inputs,
        end_of: float,
        lift_optional: float,
        gather_reduce: float,
        group_edges: float,
        reduce_messages: float,
        check_edge_index: float,
    ):
        return (
            inputs * end_of + lift_optional * gather_reduce - group_edges * reduce_messages**check_edge_index
        )
