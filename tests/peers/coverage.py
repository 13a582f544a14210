"""Which of our operators answer each of the peers' functions."""

from tests.peers import ours
from tests.peers.case import Case
from tests.peers.ours import Route

_ARG = frozenset({"arg"})


def _floats_alone(case: Case) -> bool:
    return case.arguments["src"].dtype.kind == "f" and "out" not in case.arguments


ROUTES: dict[str, tuple[Route, ...]] = {
    "scatter": (
        Route("scatter, scatter_arg", ours.by_scatter),
        Route("csr_from_coo, segment_reduce", ours.by_segments, lacks=_ARG, takes=_floats_alone),
    ),
    "segment_csr": (
        Route("segment_reduce", ours.segment_csr, lacks=_ARG),
        Route("scatter, scatter_arg", ours.segment_csr_by_scatter),
    ),
    "gather_csr": (Route("gather_segment_reduce", ours.gather_csr),),
    "scatter_softmax": (Route("csr_from_coo, segment_softmax", ours.scatter_softmax),),
    "scatter_log_softmax": (Route("scatter", ours.scatter_log_softmax),),
    "scatter_logsumexp": (Route("scatter", ours.scatter_logsumexp),),
    "scatter_std": (Route("scatter", ours.scatter_std),),
    "spmm": (Route("csr_from_coo, gather_segment_reduce", ours.spmm),),
    "matmul": (Route("csr_from_coo, gather_segment_reduce", ours.matmul),),
    "spline_weighting": (Route("gather_sparse_kernel_reduce", ours.spline_weighting),),
    "transpose": (Route("csr_from_coo", ours.transpose),),
    "coalesce": (Route("coalesce, segment_reduce", ours.coalesce),),
    "fps": (Route("fps", ours.fps),),
    "knn": (Route("knn", ours.knn),),
    "radius": (Route("radius", ours.radius),),
    "nearest": (Route("nearest", ours.nearest),),
    "grid_cluster": (Route("grid_cluster", ours.grid_cluster),),
    "graclus_cluster": (Route("graclus", ours.graclus_cluster),),
    "spline_basis": (Route("spline_basis", ours.spline_basis),),
}
