"""The base class of message passing layers: its hooks in eager, in export and in TorchScript."""

from geocompile.layers.message_passing.base import MessagePassing

__all__ = ["MessagePassing"]
