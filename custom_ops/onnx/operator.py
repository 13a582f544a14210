"""One geocompile operator in ONNX: from a signature and a body in text to a schema and a model-local function."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import onnx
import onnx.defs
import onnx.parser

from geocompile.custom_ops.onnx.inference import infer_types_and_shapes
from geocompile.custom_ops.onnx.signature import Formal, parse_formals

DOMAIN = "geocompile"
VERSION = 1
OPSET = 20  # of the standard operators in the bodies: the newest that ONNX Runtime 1.18 reads

_ALL_DTYPES = (
    ["float", "double", "float16", "bfloat16", "bool"]
    + [f"int{bits}" for bits in (8, 16, 32, 64)]
    + [f"uint{bits}" for bits in (8, 16, 32, 64)]
)
_TYPE_CONSTRAINTS = {
    "T": ("values", ["tensor(float)", "tensor(double)", "tensor(float16)", "tensor(bfloat16)"]),
    "I": ("indices", ["tensor(int32)", "tensor(int64)"]),
    "P": ("places", ["tensor(int64)"]),
    "L": ("anything that has a size", [f"tensor({dtype})" for dtype in _ALL_DTYPES]),
}


@dataclass(frozen=True)
class OnnxOperator:
    """An op type of domain ``geocompile``.

    Attributes:
        op_type: its name; it says the variant, since a function body cannot branch on a string attribute.
        inputs: signature text, see :mod:`geocompile.custom_ops.onnx.signature`. All are required.
        outputs: signature text.
        body: its meaning in standard operators, in ONNX text form. Indices out of range make it fail.
        doc: the formula.
        attributes: names and default values.
    """

    op_type: str
    inputs: str
    outputs: str
    body: str
    doc: str
    attributes: Mapping[str, float | int] = field(default_factory=dict)

    @cached_property
    def formal_inputs(self) -> tuple[Formal, ...]:
        return parse_formals(self.inputs)

    @cached_property
    def formal_outputs(self) -> tuple[Formal, ...]:
        return parse_formals(self.outputs)

    def schema(self) -> onnx.defs.OpSchema:
        """The schema, with type and shape inference."""
        formals = self.formal_inputs + self.formal_outputs
        schema = onnx.defs.OpSchema(
            self.op_type,
            DOMAIN,
            VERSION,
            doc=self.doc,
            inputs=[onnx.defs.OpSchema.FormalParameter(f.name, f.type) for f in self.formal_inputs],
            outputs=[onnx.defs.OpSchema.FormalParameter(f.name, f.type) for f in self.formal_outputs],
            type_constraints=[
                (letter, types, f"Tensors of {what}.")
                for letter, (what, types) in _TYPE_CONSTRAINTS.items()
                if any(f.type == letter for f in formals)
            ],
            attributes=[
                onnx.defs.OpSchema.Attribute(name, onnx.helper.make_attribute(name, value))
                for name, value in self.attributes.items()
            ],
        )
        schema.set_type_and_shape_inference_function(
            lambda context: infer_types_and_shapes(
                self.op_type, self.formal_inputs, self.formal_outputs, context
            )
        )
        return schema

    def function(self, half: onnx.TensorProto.DataType | None = None) -> onnx.FunctionProto:
        """The function body as a model-local function, for float32 and float64 or for one kind of half.

        Standard operators know half precision in part only, and would sum in it: a body for halves computes in float32.
        """
        inputs, outputs, body = _names(self.formal_inputs), _names(self.formal_outputs), self.body
        if half is not None:
            inputs, outputs, body = self._in_float32(half)
        function = onnx.parser.parse_function(
            f'<domain: "{DOMAIN}", opset_import: ["": {OPSET}]>\n'
            f"{self.op_type} {self._attribute_list()}({inputs}) => ({outputs}) {{\n{body}\n}}"
        )
        function.doc_string = self.doc
        return function

    def _in_float32(self, half: onnx.TensorProto.DataType) -> tuple[str, str, str]:
        """Names of inputs and outputs, and a body that casts the values on the way in and out."""
        wide = onnx.TensorProto.FLOAT
        before = [
            f"    {f.name} = Cast <to = {wide}> (half_{f.name})" for f in self.formal_inputs if f.type == "T"
        ]
        after = [
            f"    half_{f.name} = Cast <to = {half}> ({f.name})" for f in self.formal_outputs if f.type == "T"
        ]
        return (
            ", ".join(f"half_{f.name}" if f.type == "T" else f.name for f in self.formal_inputs),
            ", ".join(f"half_{f.name}" if f.type == "T" else f.name for f in self.formal_outputs),
            "\n".join([*before, self.body, *after]),
        )

    def _attribute_list(self) -> str:
        declared = (
            f"{name}: {'float' if isinstance(value, float) else 'int'} = {value}"
            for name, value in self.attributes.items()
        )
        return f"<{', '.join(declared)}> " if self.attributes else ""


def _names(formals: tuple[Formal, ...]) -> str:
    return ", ".join(formal.name for formal in formals)
