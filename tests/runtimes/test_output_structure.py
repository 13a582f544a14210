"""What `compile` made of a model's dict comes back in the model's own order, from each engine."""

from __future__ import annotations

import pytest
import torch

import geocompile
from geocompile.bundle import Bundle


class Named(torch.nn.Module):
    """Returns a dict whose keys are not in alphabetical order, with another one inside."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = torch.nn.Linear(4, 3)

    def forward(self, x: torch.Tensor) -> dict[str, object]:
        out = self.linear(x)
        return {"z": out, "a": {"n": out.relu(), "b": out.sum(0)}, "m": out + 1}


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    torch.manual_seed(0)
    output = tmp_path_factory.mktemp("named") / "named"
    model = Named().eval()
    geocompile.compile(
        model, (torch.randn(5, 4),), ("onnx", "torchscript"), output, verify=False, measure=False
    )
    return geocompile.load(output)


@pytest.mark.parametrize("target", ["onnx", "torchscript"])
def test_dict_keys_come_in_the_models_order(bundle: Bundle, target: str) -> None:
    torch.manual_seed(0)
    model, x = Named().eval(), torch.randn(7, 4)
    with torch.no_grad():
        wanted = model(x)
    result = bundle.session(target)(x)
    assert list(result) == ["z", "a", "m"]
    assert list(result["a"]) == ["n", "b"]
    torch.testing.assert_close(result, wanted)
