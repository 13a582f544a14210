"""Runs every case through every check, in processes of their own, and prints the conformance table.

Results are kept in build/conformance, one for each check, by a hash of the sources it depends on: a sweep that was
interrupted goes on where it stopped, and only what changed runs again.
"""

import argparse
import multiprocessing
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from tests.conformance import store
from tests.conformance.case import LayerCase
from tests.conformance.cases import all_cases
from tests.conformance.checks import CHECKS, ENGINES, check
from tests.conformance.golden import golden_cells
from tests.conformance.table import table

NOT_RUN = "not run"
OUTPUT = Path(__file__).parents[2] / "docs" / "conformance.md"


def main() -> None:
    arguments = _arguments()
    cases = [case for case in all_cases() if not arguments.layers or case.layer in arguments.layers]
    wanted = [(case, column) for case in cases for column in arguments.columns or CHECKS]
    pending = [(case.name, column) for case, column in wanted if _answer(case, column) == NOT_RUN]
    _run(pending, arguments.jobs)
    layers = {case.layer: [c for c in cases if c.layer == case.layer] for case in cases}
    cells = {(layer, column): _cell(own, column) for layer, own in layers.items() for column in CHECKS}
    cells |= golden_cells()
    text = table(cells, [*CHECKS, "golden"], {layer: len(own) for layer, own in layers.items()})
    print(text)
    if arguments.write:
        OUTPUT.write_text(text)


def _cell(cases: list[LayerCase], column: str) -> str:
    """ "yes" where every case holds to which the column applies, else the first reason."""
    answers = {case.name: _answer(case, column) for case in cases if column not in case.without}
    if not answers:
        return cases[0].without[column]
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
    with Progress(*columns) as progress:
        task = progress.add_task("checks", total=len(pending))
        for start in range(0, len(pending), batch):
            for name, column in _run_batch(pending[start : start + batch], jobs):
                progress.update(task, advance=1, description=f"{column}: {name}"[:60])


def _run_batch(items: list[tuple[str, str]], jobs: int) -> Iterator[tuple[str, str]]:
    """Runs the checks, keeps their answers, and yields which one is done."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(jobs, context) as pool:
        waiting = {pool.submit(check, *item): item for item in items}
        try:
            for done in as_completed(waiting):
                name, column = waiting[done]
                store.save(_key(name, column), name, column, done.result())
                yield name, column
        except KeyboardInterrupt:
            pool.shutdown(wait=False, cancel_futures=True)
            raise SystemExit(f"stopped; what ran is kept in {store.FOLDER}") from None


def _key(name: str, column: str) -> str:
    return store.key(name, column, column in ENGINES)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.conformance", description=__doc__)
    parser.add_argument("layers", nargs="*", help="classes of the reference; all by default")
    parser.add_argument("--columns", nargs="+", choices=list(CHECKS), help="all by default")
    parser.add_argument("--jobs", type=int, default=2, help="processes at once")
    parser.add_argument("--write", action="store_true", help=f"write {OUTPUT.name} to docs")
    return parser.parse_args()


if __name__ == "__main__":
    main()
