"""From models of PyTorch Geometric to models of geocompile layers and back; imports without PyG."""

from geocompile.pyg.capturing import capturing
from geocompile.pyg.replace import Kept, Replaced, Report, from_pyg, from_pyg_report, to_pyg

__all__ = ["Kept", "Replaced", "Report", "capturing", "from_pyg", "from_pyg_report", "to_pyg"]
