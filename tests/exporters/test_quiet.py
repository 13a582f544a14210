"""`quiet` gives the process back as it was, also when threads use it at the same time."""

from __future__ import annotations

import logging
import sys
import threading
import time
import warnings

import pytest

from geocompile.exporters.quiet import quiet


def test_nothing_is_heard_inside_and_all_afterwards(capfd: pytest.CaptureFixture[str]) -> None:
    with quiet(), quiet():
        warnings.warn("inside", stacklevel=1)
        logging.getLogger("torch").error("inside")
        print("inside", file=sys.stderr)
    with pytest.warns(UserWarning, match="after"):
        warnings.warn("after", stacklevel=1)
    assert "inside" not in "".join(capfd.readouterr())
    assert logging.root.manager.disable == logging.NOTSET


def test_threads_leave_the_process_as_it_was() -> None:
    before = (logging.root.manager.disable, list(warnings.filters), sys.stderr)

    def work(number: int) -> None:
        for _ in range(20):
            with quiet():
                time.sleep(0.0005 * number)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (logging.root.manager.disable, list(warnings.filters), sys.stderr) == before


def test_an_error_inside_ends_the_silence() -> None:
    with pytest.raises(KeyError), quiet():
        raise KeyError
    assert logging.root.manager.disable == logging.NOTSET
