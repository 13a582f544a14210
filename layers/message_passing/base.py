"""The base class of message passing layers, and of a user's own ones."""

from typing import Any, ClassVar

import torch
from torch import Tensor

from geocompile.layers.common import propagation
from geocompile.layers.common.checks import check_edge_index
from geocompile.layers.common.node_numbers import check_nodes
from geocompile.layers.common.options import options_of
from geocompile.layers.message_passing.collect import Collected
from geocompile.layers.message_passing.hooks import Hooks, hooks_of, overridable, overrides
from geocompile.layers.message_passing.script_limits import refuse_unscriptable
from geocompile.layers.message_passing.scripting import generate, scripted_from_signatures, typed_hook

_REDUCE = {"add": "sum", "sum": "sum", "mean": "mean", "max": "max", "min": "min", "mul": "mul"}
_FLOWS = ("source_to_target", "target_to_source")


class MessagePassing(torch.nn.Module):
    r"""Base class for layers that pass messages along edges.

    .. math::
        \mathbf{x}'_i = \gamma\left(\mathbf{x}_i, \square_{j \in \mathcal{N}(i)} \phi(\mathbf{x}_i, \mathbf{x}_j,
        \mathbf{e}_{i,j})\right)

    A subclass writes :math:`\phi` as :meth:`message`, :math:`\gamma` as :meth:`update`, and calls
    :meth:`propagate` in its ``forward``. It trains in eager, exports with :func:`torch.export.export` and compiles
    with :func:`torch.jit.script` as it stands: unannotated arguments of the hooks take the type of what ``forward``
    passes, or that of a comment ``# propagate_type: (x: Tensor, w: Optional[Tensor])``, else ``Tensor``.
    ``forward`` itself is compiled as TorchScript compiles any ``forward``: annotate what is not a tensor.
    What TorchScript cannot compile, and ``torch.jit.script`` refuses by name, in ``forward`` and what it calls:
    ``super().message(...)`` or another method of a parent (``super().__init__`` is fine), ``**kwargs`` in a call, an
    argument of :meth:`propagate` that begins with ``_geo_``. Eager and export take them all.

    The class is that of the PyG 1.2 reference with PyG 2.8.1's ``node_dim``. A node that receives no message gets 0
    (``aggr="mul"``: 1). Where ``message`` is not overridden, no tensor of shape [num_edges, channels] exists.

    Args:
        aggr: ``"add"`` (or ``"sum"``), ``"mean"``, ``"max"``, ``"min"``, ``"mul"``, or None when the subclass
            overrides :meth:`aggregate`.
        flow: ``"source_to_target"`` aggregates at ``edge_index[1]``, ``"target_to_source"`` at ``edge_index[0]``.
        node_dim: the dimension of node features and messages that counts nodes and edges.

    Raises:
        ValueError: ``aggr`` or ``flow`` is none of these.

    >>> class MeanOfNeighbours(MessagePassing):
    ...     def forward(self, x, edge_index):
    ...         return self.propagate(edge_index, x=x)
    >>> x = torch.tensor([[1.0], [2.0], [6.0]])
    >>> MeanOfNeighbours(aggr="mean")(x, torch.tensor([[1, 2], [0, 0]]))
    tensor([[4.],
            [0.],
            [0.]])
    """

    #: The layer computes its aggregation inside ``forward`` and calls no hook; overriding one alone is an error.
    computes_in_forward: bool = False
    _hooks: ClassVar[Hooks]

    def __init__(
        self,
        aggr: str | None = "add",
        flow: str = "source_to_target",
        *,
        node_dim: int = -2,
    ) -> None:
        super().__init__()
        if aggr is not None and (not isinstance(aggr, str) or aggr not in _REDUCE):
            raise ValueError(
                f"geocompile.{type(self).__name__}: aggr must be one of {', '.join(_REDUCE)}, or None with an "
                f"aggregate method of your own, got {aggr!r}"
            )
        cls: type = type(self)
        type(self)._hooks = hooks_of(cls)  # read once, and kept where torch.compile need not read it again
        if aggr is None and not (self._hooks.is_fused or overrides(cls, "aggregate")):
            raise ValueError(
                f"geocompile.{cls.__name__}: aggr=None needs an aggregate method of your own; write one, or name a "
                "reduction"
            )
        if flow not in _FLOWS:
            raise ValueError(f"geocompile.{type(self).__name__}: flow must be one of {_FLOWS}, got {flow!r}")
        self.aggr = aggr
        self.flow = flow
        self.node_dim = node_dim
        self._reduce = "none" if aggr is None else _REDUCE[aggr]

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        _refuse_hooks_that_are_never_called(cls)

    def __setstate__(self, state: dict[str, Any]) -> None:
        cls: type = type(self)
        type(self)._hooks = hooks_of(cls)  # a pickled layer comes back without __init__
        super().__setstate__(state)  # type: ignore[no-untyped-call]

    def reset_parameters(self) -> None:
        """Draw the parameters anew."""

    @scripted_from_signatures
    def propagate(self, edge_index: Tensor, size: tuple[int, int] | None = None, **kwargs: Any) -> Tensor:
        """Send messages along the edges, aggregate them, update the nodes.

        Args:
            edge_index: int64 or int32 ``[2, num_edges]``.
            size: the number of nodes at ``edge_index[0]`` and ``edge_index[1]``; None: taken from the features.
            **kwargs: what :meth:`message`, :meth:`aggregate` and :meth:`update` ask for. ``x`` may be a tensor, or
                a pair for a bipartite graph: source features first, either may be None where no hook asks for it.

        Raises:
            TypeError: a hook asks for an argument that was not passed.
            ValueError: shapes do not fit each other or ``size``.
            IndexError: ``edge_index`` holds a negative or too large node number.
        """
        hooks, name = self._hooks, type(self).__name__
        check_edge_index(name, edge_index)
        given = Collected(name, hooks, self.flow, self.node_dim, edge_index, size, kwargs)
        check_nodes(name, "edge_index", edge_index, given.counts)
        if hooks.is_identity:
            x = given.source("x")
            rowptr, col = given.group_edges()
            out = propagation.gather_reduce(x, rowptr, col, None, self.node_dim, self._reduce)
        elif hooks.is_fused:
            given.group_edges()
            out = self.message_and_aggregate(**given.arguments("message_and_aggregate"))
        else:
            messages = self.message(**given.arguments("message"))
            out = self.aggregate(messages, **given.arguments("aggregate"))
        return self.update(out, **given.arguments("update"))

    @overridable
    def message(self, x_j: Tensor) -> Tensor:
        """The message of each edge, ``[num_edges, *]``.

        An override may ask for anything that was passed to :meth:`propagate`, for node features at the receiving and
        the sending end by ``_i`` and ``_j`` behind the name, and for ``edge_index``, ``edge_index_i``,
        ``edge_index_j``, ``index``, ``ptr``, ``size``, ``size_i``, ``size_j``, ``dim_size``.
        """
        return x_j

    @overridable
    def aggregate(
        self, inputs: Tensor, index: Tensor, ptr: Tensor | None = None, dim_size: int | None = None
    ) -> Tensor:
        """Reduce the messages ``inputs`` of each receiving node ``index`` to ``[dim_size, *]``."""
        return propagation.reduce_messages(inputs, index, dim_size, self.node_dim, self._reduce)

    @overridable
    def message_and_aggregate(self) -> Tensor:
        """Both steps in one, so that the messages need not exist.

        An override takes ``rowptr``, ``col`` and ``perm``, the edges sorted by receiving node (``perm``: sorted
        position -> edge), and anything passed to :meth:`propagate`. It then runs in place of :meth:`message` and
        :meth:`aggregate`, which must mean the same.
        """
        raise NotImplementedError(
            f"geocompile.{type(self).__name__}: message_and_aggregate is not written; message and aggregate are used"
        )

    @overridable
    def update(self, inputs: Tensor) -> Tensor:
        """The new node features from the aggregate ``inputs``; an override may ask for what :meth:`message` may."""
        return inputs

    _typed_message = typed_hook("message")
    _typed_aggregate = typed_hook("aggregate")
    _typed_message_and_aggregate = typed_hook("message_and_aggregate")
    _typed_update = typed_hook("update")

    def __prepare_scriptable__(self) -> "MessagePassing":
        """Called by torch.jit.script: refuse here, in words, what cannot be compiled."""
        cls: type = type(self)
        refuse_unscriptable(cls)
        if not self.computes_in_forward:
            generate(cls)
        return self

    def extra_repr(self) -> str:
        """The options, for ``print(model)``."""
        options = options_of(self)
        return options or f"aggr={self.aggr!r}"


def _refuse_hooks_that_are_never_called(cls: type[MessagePassing]) -> None:
    """An inherited ``forward`` that calls no hook would silently ignore an override."""
    written = [
        hook for hook in ("message", "aggregate", "message_and_aggregate", "update") if hook in vars(cls)
    ]
    if written and cls.computes_in_forward and "forward" not in vars(cls):
        parent = next(base for base in cls.__mro__[1:] if "forward" in vars(base))
        raise TypeError(
            f"geocompile.{cls.__name__}: {written[0]} would never be called, because {parent.__name__}.forward "
            "does it all in one operator; derive from MessagePassing, or override forward too"
        )
