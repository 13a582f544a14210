"""Print the requirements of geocompile and of the named extras, one a line, for pip to install before the build."""

import re
import sys
from pathlib import Path

try:
    import tomllib
except ModuleNotFoundError:  # Python 3.10: pip carries the same reader
    from pip._vendor import tomli as tomllib


def requirements(project: dict, extra: str) -> set[str]:
    """The extra's requirements; an extra that names other extras of this project is followed."""
    found: set[str] = set()
    for line in project["optional-dependencies"][extra]:
        inner = re.fullmatch(r"geocompile\[(.*)\]", line)
        found |= set().union(*(requirements(project, e) for e in inner[1].split(","))) if inner else {line}
    return found


if __name__ == "__main__":
    project = tomllib.loads(Path("pyproject.toml").read_text())["project"]
    wanted = set(project["dependencies"])
    for name in sys.argv[1:]:
        wanted |= requirements(project, name)
    print("\n".join(sorted(wanted)))
