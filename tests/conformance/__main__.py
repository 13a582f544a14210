"""Runs every case through every check, in processes of their own, and prints the conformance table.

Results are kept in build/conformance, one for each check, by a hash of the sources it depends on: a sweep that was
interrupted goes on where it stopped, and only what changed runs again.
"""

import argparse
import multiprocessing
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from itertools import groupby
from pathlib import Path

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from tests.conformance import store
from tests.conformance.case import LayerCase
from tests.conformance.cases import all_cases
from tests.conformance.checks import CHECKS, ENGINES, TOGETHER, check
from tests.conformance.golden import golden_cells
from tests.conformance.reference import SECTIONS
from tests.conformance.table import table

NOT_RUN = "not run"
LAYERS = [layer for layers in SECTIONS.values() for layer in layers]
OUTPUT = Path(__file__).parents[2] / "docs" / "conformance.md"


def main() -> None:
    arguments = _arguments()
    cases = [case for case in all_cases() if not arguments.layers or case.layer in arguments.layers]
    columns = arguments.columns or list(CHECKS)
    pending = [(case.name, c) for case in cases for c in columns if _answer(case, c) == NOT_RUN]
    _run(pending, arguments.jobs)
    layers = {name: [case for case in cases if case.layer == name] for name in arguments.layers or LAYERS}
    cells = {(layer, column): _cell(own, column) for layer, own in layers.items() for column in columns}
    if not arguments.columns:
        columns.append("golden")
        cells |= {(layer, "golden"): "no values of it were recorded" for layer in layers} | golden_cells()
    text = table(cells, columns, {layer: len(own) for layer, own in layers.items()})
    print(text)
    if arguments.write:
        OUTPUT.write_text(text)


def _cell(cases: list[LayerCase], column: str) -> str:
    """ "yes" where every case holds to which the column applies, else the first reason."""
    answers = {case.name: _answer(case, column) for case in cases if column not in case.without}
    if not answers:
        return cases[0].without[column] if cases else "no case"
    return next((f"{name}: {answer}" for name, answer in answers.items() if answer != "yes"), "yes")


def _answer(case: LayerCase, column: str) -> str:
    """ "yes", or why not."""
    if column in case.without:
        return case.without[column]
    reason = store.load(_key(case.name, column))
    return NOT_RUN if reason is None else reason or "yes"


def _run(pending: list[tuple[str, str]], jobs: int) -> None:
    """In processes that are replaced after some checks, by pools that end: Python 3.11's own replacement can hang."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    batch = 8 * jobs
    together = [
        list(group) for _, group in groupby(pending, lambda item: (item[0], TOGETHER.get(item[1], item[1])))
    ]
    with Progress(*columns) as progress:
        task = progress.add_task("checks", total=len(pending))
        for start in range(0, len(together), batch):
            for name, column in _run_batch(together[start : start + batch], jobs):
                progress.update(task, advance=1, description=f"{column}: {name}"[:60])


def _run_batch(items: list[list[tuple[str, str]]], jobs: int) -> Iterator[tuple[str, str]]:
    """Runs the checks, keeps their answers, and yields which one is done."""
    waiting = {}
    try:
        with ProcessPoolExecutor(jobs, multiprocessing.get_context("spawn")) as pool:
            waiting = {pool.submit(check, item[0][0], [column for _, column in item]): item for item in items}
            for done in as_completed(waiting):
                yield from _keep(waiting[done][0][0], done.result())
                del waiting[done]
    except KeyboardInterrupt:
        raise SystemExit(f"stopped; what ran is kept in {store.FOLDER}") from None
    except BrokenProcessPool:  # one of them ended its process: which one is seen where each has its own
        for item in waiting.values():
            if len(items) > 1:
                yield from _run_batch([item], 1)
            else:
                yield from _keep(item[0][0], [(column, "ends the process") for _, column in item])


def _keep(name: str, answers: list[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    for column, reason in answers:
        store.save(_key(name, column), name, column, reason)
        yield name, column


def _key(name: str, column: str) -> str:
    return store.key(name, column, column in ENGINES)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.conformance", description=__doc__)
    parser.add_argument("layers", nargs="*", metavar="LAYER", help="a class of the reference; all by default")
    parser.add_argument("--columns", nargs="+", choices=list(CHECKS), help="all by default")
    parser.add_argument("--jobs", type=int, default=2, help="processes at once")
    parser.add_argument("--write", action="store_true", help=f"write {OUTPUT.name} to docs")
    arguments = parser.parse_args()
    unknown = sorted(set(arguments.layers) - set(LAYERS))
    if unknown:
        parser.error(f"no such layer: {', '.join(unknown)}")
    if arguments.write and (arguments.layers or arguments.columns):
        parser.error("--write writes the whole table: leave layers and columns out")
    return arguments


if __name__ == "__main__":
    main()
