"""The folder that is deployed: engines, operator libraries, samples, a manifest with the hash of every file.

Importing this package imports neither torch nor onnxruntime.
"""

from geocompile.bundle.reader import Bundle, load
from geocompile.bundle.writer import BundleWriter

__all__ = ["Bundle", "BundleWriter", "load"]
