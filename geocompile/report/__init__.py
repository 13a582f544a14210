"""The bundle's report: `report.html`, one file without network, and `report.json`, the same for programs."""

from geocompile.report.data import REPORT_NAME, ReportData, read_report
from geocompile.report.files import remove_diagnostics, write_diagnostics, write_report
from geocompile.report.html import render
from geocompile.report.sections import GraphFigure, Section, SectionTable
from geocompile.report.words import describe_range

__all__ = [
    "REPORT_NAME",
    "GraphFigure",
    "ReportData",
    "Section",
    "SectionTable",
    "describe_range",
    "read_report",
    "remove_diagnostics",
    "render",
    "write_diagnostics",
    "write_report",
]
