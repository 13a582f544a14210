"""The operators beside their peers, one table for each question; ``python -m benchmarks.kernels --write``.

A section is a module with ``TITLE``, ``SETTINGS``, ``contenders(setting)`` and ``goals(setting)``; all contenders of a
setting are timed in turns in one process.
"""
