"""Compilations in several threads wait for each other, and leave the process as it was."""

import logging
import sys
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor

import torch

import geocompile
from geocompile.exclusive import exclusive
from geocompile.layers import GCNConv
from geocompile.progress import SilentProgress


class Small(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = GCNConv(3, 2)

    def forward(self, x, edge_index):
        return self.conv(x, edge_index)


def compile_into(folder):
    examples = [(torch.randn(n, 3), torch.randint(0, n, (2, 2 * n))) for n in (7, 11)]
    bundle = geocompile.compile(Small(), examples, ["onnx"], folder, measure=False)
    return bundle.manifest.verification["ok"]


def process_state():
    return (
        logging.root.manager.disable,
        list(warnings.filters),
        sys.stderr,
        sys.stdout,
        torch.SymInt.__eq__,
    )


def test_two_threads_compile_at_once(tmp_path):
    barrier = threading.Barrier(2)
    before = process_state()

    def work(name):
        barrier.wait()
        return [compile_into(tmp_path / f"{name}{k}") for k in range(2)]

    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(work, ("left", "right"))) == [[True, True], [True, True]]
    assert process_state() == before


def test_a_thread_that_waits_says_so():
    waiting = threading.Event()

    class Steps(SilentProgress):
        def step(self, title):
            if title == "waiting for another thread's compilation":
                waiting.set()
            return super().step(title)

    def wait():
        with exclusive(Steps()):
            return True

    with ThreadPoolExecutor(1) as pool:
        with exclusive(SilentProgress()), exclusive(SilentProgress()):  # the same thread may hold it twice
            other = pool.submit(wait)
            assert waiting.wait(10)
            assert not other.done()
        assert other.result(10)
