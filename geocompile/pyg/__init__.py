"""From models of PyTorch Geometric to models of geocompile layers; imports without PyG, for models without it."""

from geocompile.pyg.capturing import capturing
from geocompile.pyg.replace import Kept, Replaced, Report, from_pyg, from_pyg_report

__all__ = ["Kept", "Replaced", "Report", "capturing", "from_pyg", "from_pyg_report"]
