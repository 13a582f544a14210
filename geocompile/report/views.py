"""What both views of a report, the page and the terminal, work out alike."""

from geocompile.report.data import ReportData
from geocompile.report.grouping import collapse


def layers_of_nodes(data: ReportData) -> dict[str, str]:
    """The layer of each captured node, as the drawing names it."""
    graph = data.before
    if graph is None:
        return {}
    return {graph.nodes[m].name: group.path for group in collapse(graph) for m in group.members if group.path}
