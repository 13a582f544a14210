"""One handmade bundle with all three engines, shared by the tests of this folder."""

from __future__ import annotations

import pytest

from geocompile.bundle import Bundle
from tests.bundle import handmade


@pytest.fixture(scope="session")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    folder = tmp_path_factory.mktemp("bundle") / "handmade"
    return handmade.write_bundle(folder, "onnx", "torchscript", "aotinductor")
