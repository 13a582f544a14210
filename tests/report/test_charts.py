"""Charts: what a bar says of a figure."""

from dataclasses import replace

import pytest

from geocompile.measurement.results import Contender
from geocompile.report.charts import TOLD_APART, memory_chart
from tests.report.test_data import MEASUREMENT


@pytest.mark.parametrize("peak", [0, 94_000, TOLD_APART - 1])
def test_small_peaks_of_memory_are_not_told_apart(peak: int) -> None:
    contenders = (Contender("eager", peak_bytes=peak), Contender("onnx", peak_bytes=4 * TOLD_APART))
    small, large = memory_chart(replace(MEASUREMENT, contenders=contenders)).bars
    assert (small.percent, small.text) == (0.0, "below 16.0 MB")
    assert (large.percent, large.text) == (100.0, "64.0 MB")
