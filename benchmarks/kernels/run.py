"""The command line of a package of sections."""

import argparse
from importlib import import_module

from benchmarks import machine
from benchmarks.kernels.document import Document
from benchmarks.kernels.measure import PATIENCE, THREADS, measure
from benchmarks.kernels.table import section_table


def run(document: Document, names: tuple[str, ...]) -> None:
    """The command of a package of sections: measures those that are asked for."""
    sections = {name: import_module(f"{document.package}.{name}") for name in names}
    titles = {name: module.TITLE for name, module in sections.items()}
    arguments = _arguments(document, titles)
    for name in arguments.sections or names:
        roofs = machine.roofs(THREADS)
        table = section_table(sections[name], measure(sections[name], arguments), roofs)
        print(f"\n{table}\n", flush=True)
        if arguments.write:
            document.write(arguments, {titles[name]: table}, list(titles.values()))


def _arguments(document: Document, titles: dict[str, str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog=f"python -m {document.package}",
        description="Runs the sections and prints a table for each.",
        epilog="sections:\n" + "\n".join(f"  {name:20} {title}" for name, title in titles.items()),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "sections", nargs="*", metavar="section", help="all by default; they are listed below"
    )
    parser.add_argument("--write", action="store_true", help=f"write docs/benchmarks/{document.output.name}")
    parser.add_argument(
        "--seconds",
        type=float,
        default=0.5,
        help="for each contender in each process, seven rounds at the least, three of slow ones (default: 0.5)",
    )
    parser.add_argument(
        "--processes",
        type=int,
        default=3,
        help="how often a setting is measured afresh, since others on the machine slow one down and never speed it up; "
        f"once a setting has taken {PATIENCE:g} s that is enough (default: 3)",
    )
    parser.add_argument(
        "--mode",
        choices=machine.ALLOCATOR_MODES,
        default="retained",
        help="whether freed memory stays in the process (retained, the default) or goes back to the system",
    )
    arguments = parser.parse_args()
    if unknown := [name for name in arguments.sections if name not in titles]:
        parser.error(f"no section {', '.join(unknown)}; there are {', '.join(titles)}")
    return arguments
