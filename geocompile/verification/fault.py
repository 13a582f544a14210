"""The first place at which an engine's numbers and eager's part: what the bisection of a failed verification found."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal

Stage = Literal["capture", "pass", "exporter"]
SCRIPT, DATA, ONNX = "reproduce.py", "reproduce.safetensors", "reproduce.onnx"
SCRIPT_FILES = (SCRIPT, DATA, ONNX)  # what may stand beside a report


@dataclass(frozen=True)
class Fault:
    """Where the numbers first go wrong.

    Attributes:
        stage: The stage whose result is the first that does not equal eager.
        pass_name: The pass; for `capture` it is `from_pyg` where the converted layers are wrong already in eager.
        target: The engine whose exporter is wrong, as tables call it: `onnx`, `onnx (portable)`.
        node: The first node of the captured graph whose value is wrong; empty where none could be told.
        operator: What it computes: `aten.sub.Tensor`.
        layer: The module that it comes from, by path and class: `convs.1 (GCNConv)`.
        graph: The graph of the suite on which it shows.
        error: The distance of the node's worst element from the truth.
        bound: The allowed distance there.
        problem: What is wrong where it is not a distance: a shape, a NaN out of place, an error of the engine.
        script: The file, beside the report, that shows the fault without the model; empty where there is none.
        note: What a reader must know of the search itself: it was cut short, or the fault hides from it.
    """

    stage: Stage
    pass_name: str = ""
    target: str = ""
    node: str = ""
    operator: str = ""
    layer: str = ""
    graph: str = ""
    error: float = 0.0
    bound: float = 0.0
    problem: str = ""
    script: str = ""
    note: str = ""

    @property
    def where(self) -> str:
        """The stage as a noun: "capture", "the pass drop_dropout", "the exporter of onnx"."""
        if self.stage == "pass":
            return f"the pass {self.pass_name}"
        if self.stage == "exporter":
            return f"the exporter of {self.target}"
        return f"capture ({self.pass_name})" if self.pass_name else "capture"

    @property
    def place(self) -> str:
        """Node and layer in words; empty where no node could be told."""
        if not self.node:
            return ""
        layer = f" of layer {self.layer}" if self.layer else ""
        return f"node '{self.node}' ({self.operator}){layer}"

    def sentence(self) -> str:
        """One sentence, with the note as a second."""
        place = f" at {self.place}" if self.place else ""
        graph = f" on graph '{self.graph}'" if self.graph else ""
        note = f". {self.note[:1].upper()}{self.note[1:]}" if self.note else ""
        return f"the numbers first go wrong in {self.where}{place}{graph}{self._extent()}{note}"

    def to_json(self) -> dict[str, Any]:
        """JSON values only; NaN and infinities become strings."""
        return {
            name: str(value) if isinstance(value, float) and not math.isfinite(value) else value
            for name, value in asdict(self).items()
        }

    @staticmethod
    def from_json(content: Mapping[str, Any]) -> "Fault":
        """Read what `to_json` wrote; unknown keys of later versions are ignored.

        Raises:
            ValueError: It is not a fault.
        """
        known = {field.name for field in fields(Fault)}
        values = {name: value for name, value in content.items() if name in known}
        if values.get("stage") not in ("capture", "pass", "exporter"):
            raise ValueError(f"geocompile: not a fault of a verification: stage {values.get('stage')!r}")
        for name in ("error", "bound"):
            values[name] = float(values.get(name, 0.0))
        return Fault(**values)

    def _extent(self) -> str:
        if not self.node:
            return ""
        if self.problem:
            return f": {self.problem}"
        return f": distance {self.error:.3g}, allowed {self.bound:.3g}"
