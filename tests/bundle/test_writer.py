"""A bundle appears whole or not at all, and never in the place of somebody else's files."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from geocompile.bundle import BundleWriter, load
from geocompile.errors import BundleError
from geocompile.manifest import Tolerance
from tests.bundle import handmade


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_interrupted_write_leaves_nothing(tmp_path: Path, error: type[BaseException]) -> None:
    def interrupted() -> None:
        with BundleWriter(tmp_path / "gcn") as writer:
            (writer.folder / "half.onnx").write_bytes(b"half")
            raise error

    with pytest.raises(error):
        interrupted()
    assert names(tmp_path) == set()


def test_unfinished_write_leaves_nothing(tmp_path: Path) -> None:
    with BundleWriter(tmp_path / "gcn"):
        pass
    assert names(tmp_path) == set()


def test_interrupted_replacement_keeps_the_older_bundle(tmp_path: Path) -> None:
    older = handmade.write_bundle(tmp_path / "gcn", "onnx")
    with pytest.raises(KeyboardInterrupt), BundleWriter(tmp_path / "gcn"):
        raise KeyboardInterrupt
    assert load(tmp_path / "gcn") == older


def test_failed_rename_puts_the_older_bundle_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    older = handmade.write_bundle(tmp_path / "gcn", "onnx")
    rename = Path.rename

    def failing(self: Path, target: Path) -> Path:
        if self.suffix == ".partial":
            raise KeyboardInterrupt
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", failing)
    with pytest.raises(KeyboardInterrupt), BundleWriter(tmp_path / "gcn") as writer:
        writer.finish(**handmade.FIELDS)
    assert load(tmp_path / "gcn") == older
    assert names(tmp_path) == {"gcn"}


def test_older_bundle_is_replaced(tmp_path: Path) -> None:
    handmade.write_bundle(tmp_path / "gcn", "onnx")
    (tmp_path / "gcn" / "run.py").write_text("damaged")
    newer = handmade.write_bundle(tmp_path / "gcn")
    assert load(tmp_path / "gcn") == newer
    assert not (tmp_path / "gcn" / "model.onnx").exists()
    assert names(tmp_path) == {"gcn"}


def test_empty_folder_and_missing_parents_are_fine(tmp_path: Path) -> None:
    (tmp_path / "gcn").mkdir()
    handmade.write_bundle(tmp_path / "gcn")
    handmade.write_bundle(tmp_path / "a" / "b" / "gcn")
    assert load(tmp_path / "a" / "b" / "gcn").path.name == "gcn"


def test_relative_output_survives_a_change_of_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path)
    with BundleWriter("gcn") as writer:
        monkeypatch.chdir(tmp_path / "elsewhere")
        writer.finish(**handmade.FIELDS)
    assert names(tmp_path) == {"gcn", "elsewhere"}


def test_foreign_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "thesis.tex").write_text("mine")
    (tmp_path / "home" / "manifest.json").write_text('{"name": "a web page"}')
    with pytest.raises(BundleError, match="is not empty and not a bundle"):
        BundleWriter(tmp_path / "home")
    assert (tmp_path / "home" / "thesis.tex").read_text() == "mine"
    assert names(tmp_path) == {"home"}


def test_folder_that_became_foreign_meanwhile_is_refused(tmp_path: Path) -> None:
    with BundleWriter(tmp_path / "b") as writer:
        (tmp_path / "b").mkdir()
        (tmp_path / "b" / "thesis.tex").write_text("mine")
        with pytest.raises(BundleError, match="is not empty and not a bundle"):
            writer.finish(**handmade.FIELDS)
    assert names(tmp_path) == {"b"}


def test_file_in_the_way_is_refused(tmp_path: Path) -> None:
    (tmp_path / "gcn").write_text("mine")
    with pytest.raises(BundleError, match="is a file: choose a folder"):
        BundleWriter(tmp_path / "gcn")


def test_linked_output_is_written_where_the_link_points(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "gcn").symlink_to(tmp_path / "disk" / "gcn")
    handmade.write_bundle(tmp_path / "gcn")
    assert (tmp_path / "gcn").is_symlink()
    assert load(tmp_path / "disk" / "gcn").manifest.model == "Handmade"


def test_draft_is_a_bundle_before_it_is_finished(tmp_path: Path) -> None:
    with BundleWriter(tmp_path / "gcn") as writer:
        writer.add_sample(handmade.graph(), handmade.expected(**handmade.graph()))
        draft = writer.draft(**handmade.FIELDS)
        assert load(writer.folder) == draft
        assert len(draft.samples()) == 1
        (writer.folder / "report.html").write_text("<p>well")
        bundle = writer.finish(
            **handmade.FIELDS, verification={"ok": True}, tolerances={"out": Tolerance(1.0, 0.0)}
        )
    assert load(tmp_path / "gcn") == bundle
    assert "report.html" in bundle.manifest.files
    assert bundle.manifest.tolerances["out"] == Tolerance(1.0, 0.0)
    assert bundle.manifest.verification == {"ok": True}


KILLED = """
import sys, time
from geocompile.bundle import BundleWriter
with BundleWriter(sys.argv[1]) as writer:
    (writer.folder / "half.onnx").write_bytes(b"half")
    print("ready", flush=True)
    time.sleep(60)
"""


def start_writer(output: Path) -> subprocess.Popen[str]:
    # A shell's background jobs ignore SIGINT, and their children inherit it: the writer must not.
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(output)],
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def test_ctrl_c_leaves_nothing(tmp_path: Path) -> None:
    process = start_writer(tmp_path / "gcn")
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=30)
    assert names(tmp_path) == set()


def test_rests_of_a_killed_process_are_removed_and_a_living_one_is_not_disturbed(tmp_path: Path) -> None:
    killed, living = start_writer(tmp_path / "gcn"), start_writer(tmp_path / "gcn")
    try:
        killed.kill()
        killed.communicate(timeout=30)
        assert len(names(tmp_path)) == 2
        handmade.write_bundle(tmp_path / "gcn")
        partial = names(tmp_path) - {"gcn"}
        assert len(partial) == 1
        assert (tmp_path / partial.pop() / "half.onnx").read_bytes() == b"half"
    finally:
        living.kill()
        living.communicate(timeout=30)


def test_bundle_that_a_killed_process_had_moved_aside_comes_back(tmp_path: Path) -> None:
    older = handmade.write_bundle(tmp_path / "gcn", "onnx")
    (tmp_path / "gcn").rename(tmp_path / ".gcn.0123.old")
    with pytest.raises(KeyboardInterrupt), BundleWriter(tmp_path / "gcn"):
        raise KeyboardInterrupt
    assert load(tmp_path / "gcn") == older


def test_name_with_wildcards_cleans_only_its_own_rests(tmp_path: Path) -> None:
    (tmp_path / ".ab.0123.partial").mkdir()
    handmade.write_bundle(tmp_path / "[ab]*")
    assert names(tmp_path) == {"[ab]*", ".ab.0123.partial"}


def test_file_that_changes_after_the_draft_is_hashed_again(tmp_path: Path) -> None:
    with BundleWriter(tmp_path / "gcn") as writer:
        (writer.folder / "report.html").write_text("draft")
        writer.draft(**handmade.FIELDS)
        (writer.folder / "report.html").write_text("final")
        writer.finish(**handmade.FIELDS)
    assert load(tmp_path / "gcn").manifest.files["report.html"].bytes == 5


PUBLISHING = """
import sys
from pathlib import Path
from geocompile.bundle.staging import StagingFolder
for turn in range(60):
    staging = StagingFolder(Path(sys.argv[1]))
    (staging.path / "manifest.json").write_text('{"schema_version": 1, "geocompile": "0"}')
    staging.publish()
    staging.close()
"""


def test_writers_of_one_output_take_turns(tmp_path: Path) -> None:
    command = [sys.executable, "-c", PUBLISHING, str(tmp_path / "gcn")]
    processes = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(4)]
    errors = [process.communicate(timeout=120)[1] for process in processes]
    assert [process.returncode for process in processes] == [0] * 4, "\n".join(errors)
    assert names(tmp_path) == {"gcn"}
    assert names(tmp_path / "gcn") == {"manifest.json"}


# a limit on the size of files stands for a full disk: write() fails in the same place, with another number
NO_ROOM = """
import resource, sys
from geocompile.bundle import BundleWriter
from geocompile.errors import BundleError
from geocompile.exporters import EngineFiles
from tests.bundle import handmade

def library(writer):
    (writer.folder / "model.onnx").write_bytes(b"")
    writer.add_engine(EngineFiles(target="onnx", file="model.onnx", libraries=["onnxruntime"]))

steps = {
    "library": library,
    "sample": lambda writer: writer.add_sample(handmade.graph(1000), handmade.expected(**handmade.graph(1000))),
    "runners": lambda writer: writer.finish(**handmade.FIELDS),
    "exporter": lambda writer: (writer.folder / "model.onnx").write_bytes(bytes(10**6)),
}
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, resource.RLIM_INFINITY))
try:
    with BundleWriter(sys.argv[1]) as writer:
        steps[sys.argv[2]](writer)
except BundleError as error:
    print(error)
"""


@pytest.mark.parametrize("step", ["library", "sample", "runners", "exporter"])
def test_full_disk_is_told_of_the_bundle_and_leaves_nothing(tmp_path: Path, step: str) -> None:
    output = tmp_path / "gcn"
    command = [sys.executable, "-c", NO_ROOM, str(output), step]
    result = subprocess.run(command, capture_output=True, text=True, timeout=60)
    remedy = "make room there, or choose another folder"
    assert result.stdout == f"cannot write {output}: File too large: {remedy}\n", result.stderr
    assert names(tmp_path) == set()


def test_place_that_takes_no_folder_is_named() -> None:
    with pytest.raises(
        BundleError, match=r"^cannot write /proc/gcn: No such file or directory: choose another folder$"
    ):
        BundleWriter("/proc/gcn")


def test_file_among_the_parents_is_named(tmp_path: Path) -> None:
    (tmp_path / "notes").write_text("mine")
    with pytest.raises(BundleError, match=r"^cannot write .*/notes/a/gcn: Not a directory: choose another"):
        BundleWriter(tmp_path / "notes" / "a" / "gcn")


def test_own_errors_of_the_block_pass_unchanged(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="weights"), BundleWriter(tmp_path / "gcn"):
        (tmp_path / "weights").read_bytes()
