"""How to run a bundle, as text to be copied: Python with geocompile and without, C++."""

from dataclasses import dataclass

from geocompile.exporters.program import TensorSpec
from geocompile.manifest import Manifest

_LIBTORCH = "-DCMAKE_PREFIX_PATH=\"$(python -c 'import torch; print(torch.utils.cmake_prefix_path)')\""


@dataclass(frozen=True)
class Snippet:
    """A text to be copied, with a title and a sentence about it."""

    title: str
    code: str
    note: str = ""


def snippets(manifest: Manifest, folder: str = ".") -> list[Snippet]:
    """The ways to run what the bundle holds; all but the first are meant to be run in its `folder`."""
    targets = [engine.target for engine in manifest.engines]
    if not targets:
        return []
    found = [_python(manifest, targets[0], folder)]
    if "onnx" in targets:
        check = Snippet(
            "Check it on another machine",
            "python run.py",
            "Runs the ONNX engine on the bundle's samples; numpy and onnxruntime are enough.",
        )
        found += [_without_geocompile(manifest), check]
    return [*found, _cpp(targets)]


def _python(manifest: Manifest, target: str, folder: str) -> Snippet:
    names = ", ".join(spec.name for spec in manifest.inputs)
    shapes = "".join(f"# {spec.name}: {_tensor(spec)}\n" for spec in manifest.inputs)
    code = (
        "import geocompile\n\n"
        f"bundle = geocompile.load({folder!r})\n"
        f'session = bundle.session("{target}")\n'
        f"{shapes}{_results(manifest)} = session({names})"
    )
    return Snippet(
        "Python",
        code,
        "In the folder of this report; numpy arrays or torch tensors, and for ONNX no torch is needed.",
    )


def _without_geocompile(manifest: Manifest) -> Snippet:
    engine = next(engine for engine in manifest.engines if engine.target == "onnx")
    register = "".join(f'options.register_custom_ops_library("{name}")\n' for name in engine.libraries)
    feeds = ", ".join(f'"{spec.name}": {spec.name}' for spec in manifest.inputs)
    code = (
        "import onnxruntime as ort\n\n"
        f"options = ort.SessionOptions()\n{register}"
        f'session = ort.InferenceSession("{engine.file}", options)\n'
        f"{_results(manifest, trailing=True)} = session.run(None, {{{feeds}}})"
    )
    note = "The engine runs without that library too, slower: leave the line out." if engine.libraries else ""
    return Snippet("Python without geocompile", code, note)


def _cpp(targets: list[str]) -> Snippet:
    options = {"onnx": "ONNX", "torchscript": "TORCHSCRIPT", "aotinductor": "AOTINDUCTOR"}
    off = "".join(f" -D{option}=OFF" for target, option in options.items() if target not in targets)
    prefix = f" {_LIBTORCH}" if {"torchscript", "aotinductor"} & set(targets) else ""
    runners = [f"build/runner_{target} ." for target in options if target in targets and target != "onnx"]
    runners += ["build/runner_onnx . /path/to/libonnxruntime.so"] if "onnx" in targets else []
    code = "\n".join((f"cmake -S cpp -B build{prefix}{off}", "cmake --build build", *runners))
    return Snippet(
        "C++", code, "The runners in cpp/ are short, and meant to be copied into a program of yours."
    )


def _results(manifest: Manifest, trailing: bool = False) -> str:
    names = [spec.name for spec in manifest.outputs]
    return f"{names[0]}," if trailing and len(names) == 1 else ", ".join(names)


def _tensor(spec: TensorSpec) -> str:
    return f"{spec.dtype} [{', '.join(str(size) for size in spec.shape)}]"
