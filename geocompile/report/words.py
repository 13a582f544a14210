"""What inputs mean, in words."""

from geocompile.manifest import Manifest
from geocompile.verification.report import Report


def describe_range(index_of: str | tuple[str | None, ...] | None) -> str:
    """The values that an input may have (`TensorSpec.index_of`), in words; empty where all are allowed."""
    if index_of is None:
        return ""
    if not isinstance(index_of, str):
        return "; ".join(
            f"row {row}: {describe_range(bound) or 'not known'}" for row, bound in enumerate(index_of)
        )
    return "not negative" if index_of == "*" else f"index in [0, {index_of})"


def example_sizes(manifest: Manifest, report: Report | None) -> dict[str, str]:
    """The sizes that each dynamic dimension had in the user's examples: `33, 1057`; empty where it is not known."""
    names = {
        size for spec in (*manifest.inputs, *manifest.outputs) for size in spec.shape if isinstance(size, str)
    }
    given = [graph for graph in report.graphs if graph.given] if report is not None else []
    seen = {name: [graph.sizes[name] for graph in given if name in graph.sizes] for name in sorted(names)}
    return {name: _listed(sizes) for name, sizes in seen.items()}


def _listed(sizes: list[int]) -> str:
    distinct = sorted(set(sizes))
    if len(distinct) > 4:
        return f"{distinct[0]:,} to {distinct[-1]:,}"
    return ", ".join(f"{size:,}" for size in distinct)
