"""Every operator as torch sees it: meaning, fake kernel, gradient. Importing this loads the library."""

from geocompile.custom_ops.operators.csr import batch_ptr, csr_from_coo
from geocompile.custom_ops.operators.gcn_norm import gcn_norm
from geocompile.custom_ops.operators.segment import gather_segment_reduce, segment_reduce

__all__ = ["batch_ptr", "csr_from_coo", "gather_segment_reduce", "gcn_norm", "segment_reduce"]
