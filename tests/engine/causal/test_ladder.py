"""The ladder: which rungs a machine has, what is tried next, and what is remembered."""

import json
import sys
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType
from typing import Any

import psutil
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch", reason="needs pip install 'spout-bridge[engine]'")

from engine.catalog.controls import CausalLoad
from engine.causal import ladder as module
from engine.causal.ladder import Ladder, Record, Rung, rungs
from engine.pipeline import RungFailed

CUDA = torch.device("cuda")
CPU = torch.device("cpu")
ABOUT = {"card": "a card", "torch": "1"}
FAST = Rung("compiled", "flash3")
NEXT = Rung("compiled", "sdpa")
LAST = Rung("plain", "sdpa")


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A card of that capability with these packages."""

    def planted(major: int, *packages: str) -> None:
        def find(name: str) -> object:
            return object() if name in packages else None

        monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device=None: (major, 0))
        for place in ("cuda_graphs", "network.attention"):
            monkeypatch.setattr(f"engine.causal.{place}.find_spec", find)

    return planted


def told(found: tuple[Rung, ...]) -> list[str]:
    return [f"{rung.way}+{rung.kernel}" for rung in found]


def test_a_card_without_packages_has_two_rungs_and_a_cpu_one(machine: Any) -> None:
    machine(8)
    assert told(rungs(CausalLoad(), CUDA)) == ["graphs+sdpa", "plain+sdpa"]
    assert told(rungs(CausalLoad(), CPU)) == ["plain+sdpa"]


def test_hopper_with_all_packages_falls_by_kernel_then_by_way(machine: Any) -> None:
    machine(9, "triton", "flash_attn_interface", "sageattention")
    ways = ("compiled", "graphs", "plain")
    wanted = [f"{way}+{kernel}" for way in ways for kernel in ("flash3", "sdpa")]
    assert told(rungs(CausalLoad(), CUDA)) == wanted


def test_a_kernel_asked_for_by_name_is_kept_longest(machine: Any) -> None:
    machine(8, "triton", "sageattention")
    found = told(rungs(CausalLoad(attention="sage"), CUDA))
    assert found[:4] == ["compiled+sage", "graphs+sage", "plain+sage", "compiled+sdpa"]
    assert found[-1] == "plain+sdpa"


def test_a_way_asked_for_by_name_is_the_highest(machine: Any) -> None:
    machine(9, "triton", "flash_attn_interface")
    found = told(rungs(CausalLoad(passes="graphs"), CUDA))
    assert found == ["graphs+flash3", "graphs+sdpa", "plain+flash3", "plain+sdpa"]


def ladder(folder: Path | None, *wanted: Rung, trying: list[str] | None = None) -> Ladder:
    note = (trying if trying is not None else []).append
    return Ladder(wanted or (FAST, NEXT, LAST), Record(folder, ABOUT), note)


def test_an_error_while_warming_up_falls_one_rung_and_is_told_and_remembered(
    tmp_path: Path,
) -> None:
    first = ladder(tmp_path)
    first.begin()
    first.failed(RuntimeError("no such kernel\nand more"))
    assert first.rung == NEXT
    first.held()
    (remark,) = first.remarks
    assert remark.startswith("Compiled layers with flash3 failed (RuntimeError: no such kernel)")
    assert remark.endswith("running compiled layers with sdpa.")
    again = ladder(tmp_path)
    assert again.rung == NEXT
    assert "failed before (RuntimeError: no such kernel)" in again.remarks[0]


def test_the_last_rung_raises_its_own_error(tmp_path: Path) -> None:
    only = ladder(tmp_path, LAST)
    with pytest.raises(KeyError):
        only.failed(KeyError("x"))
    assert not [*tmp_path.iterdir()]


def wrapped(error: Exception) -> Exception:
    """As torch's compiler raises it: `raise … from None`."""
    outer = RuntimeError(f"backend='inductor' raised:\n{error}")
    outer.__context__, outer.__suppress_context__ = error, True
    return outer


@pytest.mark.parametrize(
    "error",
    [MemoryError("no"), wrapped(torch.OutOfMemoryError("CUDA out of memory")),
     wrapped(wrapped(MemoryError())), RuntimeError("CUDA error: unspecified launch failure")],
)  # fmt: skip
def test_no_rung_is_blamed_for_memory_or_a_lost_context(error: Exception, tmp_path: Path) -> None:
    first = ladder(tmp_path)
    with pytest.raises(type(error)):
        first.failed(error)
    assert first.rung == FAST
    assert not first.remarks


def test_once_frames_are_shown_the_rung_stays_and_the_next_worker_is_lower(tmp_path: Path) -> None:
    first = ladder(tmp_path)
    first.begin()
    first.held()
    with (
        pytest.raises(RungFailed, match="restarting with compiled layers with sdpa"),
        first.watched(),
    ):
        raise RuntimeError("a kernel")
    assert first.rung == FAST
    assert ladder(tmp_path).rung == NEXT


def climb(folder: Path, out: Path) -> None:
    """In a process of its own: die on each rung but the last."""
    rungs = (FAST, Rung("compiled", "sage"), NEXT)
    ladder = Ladder(rungs, Record(folder, ABOUT), lambda what: None)
    ladder.begin()
    if ladder.has_lower:
        psutil.Process().kill()
    ladder.held()
    out.write_text(f"runs {ladder.rung} {' '.join(ladder.remarks)}")


@pytest.mark.slow
def test_a_process_that_dies_on_a_rung_is_followed_by_one_on_the_next(tmp_path: Path) -> None:
    """Three in turn, each killed as by a kernel; the rung that holds is used from then on."""
    # Forked where that can be done: torch need not be imported again.
    context = get_context("spawn" if sys.platform == "win32" else "fork")
    out = tmp_path / "out"
    for expected in (False, False, True):
        process = context.Process(target=climb, args=(tmp_path, out))
        process.start()
        process.join(60)
        assert (process.exitcode == 0) == expected
    told = out.read_text()
    assert "runs compiled layers with sdpa" in told
    assert told.count("the engine died on it") == 2


def test_no_rung_is_blamed_for_a_process_that_was_asked_to_end(tmp_path: Path) -> None:
    """As by Ctrl-C or another choice while layers are compiled: it may be killed soon after."""
    record = Record(tmp_path, ABOUT)
    for state in ("trying", "failed", "works"):
        first = Ladder((FAST, NEXT, LAST), record, lambda what: None)
        record.note(FAST, state)  # type: ignore[arg-type]  # one of three words
        first.stop()
        assert record.file
        assert (str(FAST) in record.file.read_text()) is (state != "trying")
    ladder(None).stop()


def test_no_rung_is_blamed_for_a_process_that_a_user_ended(tmp_path: Path) -> None:
    """Killed at once, as it may hang: it could not write anything down."""
    file = Record(tmp_path, ABOUT).file
    assert file
    tried = {str(FAST): {"state": "trying", "pid": 4242, "born": 1.0}}
    file.write_text(json.dumps(ABOUT | {"rungs": tried}))
    first = Ladder((FAST, NEXT, LAST), Record(tmp_path, ABOUT, (17, 4242)), lambda what: None)
    assert first.rung == FAST
    assert ladder(tmp_path).rung == NEXT, "another process that died is blamed on the rung"


def test_no_rung_is_blamed_for_a_process_that_ended_for_lack_of_memory(tmp_path: Path) -> None:
    trying: list[str] = []
    first = ladder(tmp_path, trying=trying)
    first.begin()
    with pytest.raises(MemoryError):
        first.failed(MemoryError("out of memory"))
    file = Record(tmp_path, ABOUT).file
    assert file
    assert "trying" not in file.read_text()
    assert trying == [str(FAST), ""]
    first.begin()  # at half the size
    assert "trying" in file.read_text()


def test_a_rung_that_another_living_process_tries_is_not_taken_for_dead(tmp_path: Path) -> None:
    first = ladder(tmp_path)
    first.begin()
    assert ladder(tmp_path).rung == FAST


def test_what_is_tried_is_told_only_where_it_is_written_down(tmp_path: Path) -> None:
    trying: list[str] = []
    first = ladder(tmp_path, trying=trying)
    first.begin()
    first.held()
    assert trying == ["compiled layers with flash3", ""]
    trying.clear()
    again = ladder(tmp_path, trying=trying)
    again.begin()
    assert trying == [], "it is known to work: a death on it counts as any other"
    nowhere = ladder(tmp_path / "a" / "file", trying=trying)
    (tmp_path / "a").write_text("")  # so that no folder can be made
    nowhere.begin()
    assert trying == [""]


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the clock moves no start")
def test_a_living_process_is_known_although_the_clock_was_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The start that psutil reports on Linux moves with the clock."""
    ladder(tmp_path).begin()
    born = psutil.Process.create_time
    monkeypatch.setattr(psutil.Process, "create_time", lambda process: born(process) - 3600)
    assert ladder(tmp_path).rung == FAST


def tried(**entry: object) -> str:
    return json.dumps({"rungs": {str(FAST): {"state": "trying", "pid": 4242, "born": ""} | entry}})


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", '{"rungs": 3}', '{"rungs": {"plain passes with sdpa": 5}}', "\udcff",
     "[" * 200_000, '{"rungs":' * 50_000, tried(pid=float("inf")), tried(pid={}), tried(pid=None),
     tried(pid="7"), tried(state=[]), tried(state="failed"), "9" * 5000, "\udcff\udcfe[\0"],
)  # fmt: skip
def test_a_damaged_record_is_as_none_and_told_once(
    text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    record = Record(tmp_path, ABOUT)
    assert record.file
    record.file.write_bytes(text.encode(errors="surrogateescape"))
    capsys.readouterr()
    first = ladder(tmp_path)
    assert first.rung == FAST
    first.begin()
    assert capsys.readouterr().err.count(f"{record.file} cannot be read and is not used (") == 1
    first.held()
    assert Record(tmp_path, ABOUT).works(FAST), "the next note replaces it"
    assert not capsys.readouterr().err


@pytest.mark.parametrize("pid", [-1, 0, 2**31, 2**64, 10**4000, 4242])
def test_a_process_id_that_none_has_is_a_process_that_died(pid: int, tmp_path: Path) -> None:
    record = Record(tmp_path, ABOUT)
    assert record.file
    record.file.write_text(tried(pid=pid))
    assert (
        ladder(tmp_path)
        .remarks[0]
        .endswith("(the engine died on it); running compiled layers with sdpa.")
    )


STATES = st.sampled_from(["trying", "failed", "works"])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | STATES,
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)
ENTRIES = st.fixed_dictionaries(
    {}, optional={"state": STATES | VALUES, "pid": VALUES, "born": VALUES, "why": VALUES}
)
RECORDS = st.fixed_dictionaries(
    {"rungs": VALUES | st.dictionaries(st.sampled_from([str(FAST), str(NEXT)]), ENTRIES)}
)


@pytest.mark.slow
@given(st.binary() | (RECORDS | VALUES).map(lambda found: json.dumps(found).encode()))
@settings(max_examples=100, deadline=None)
def test_any_bytes_are_a_record_or_none(data: bytes) -> None:
    with TemporaryDirectory() as folder:
        record = Record(Path(folder), ABOUT)
        assert record.file
        record.file.write_bytes(data)
        first = ladder(Path(folder))
        first.begin()
        first.held()
        "".join(first.remarks).encode()  # they are shown, which a half of a character cannot be
        assert ladder(Path(folder)).rung == first.rung


def test_another_card_or_version_begins_at_the_top(tmp_path: Path) -> None:
    first = ladder(tmp_path)
    first.failed(RuntimeError("no"))
    other = Ladder((FAST, NEXT), Record(tmp_path, ABOUT | {"torch": "2"}), print)
    assert other.rung == FAST
    assert json.loads(Record(tmp_path, ABOUT).file.read_text())["card"] == "a card"  # type: ignore[union-attr]


@pytest.mark.slow
@pytest.mark.parametrize("way", ["compiled", "plain"])
@pytest.mark.parametrize("kernel", ["flash3", "sage"])
def test_each_kernel_is_imported_when_chosen_and_never_in_a_pass(
    way: str, kernel: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its package stands in; a layer with it compiles whole, as on a card."""
    from dataclasses import replace

    from engine.catalog.specs import LONGLIVE
    from engine.causal.network.attention import attention
    from engine.causal.network.transformer import compiled_layer
    from tests.support.tiny import run, tiny_stream

    def attend(q: Any, k: Any, v: Any, tensor_layout: str = "NHD") -> Any:
        q, k, v = (part.transpose(1, 2) for part in (q, k, v))
        return torch.nn.functional.scaled_dot_product_attention(q, k, v).transpose(1, 2)

    name, function = {
        "flash3": ("flash_attn_interface", "flash_attn_func"),
        "sage": ("sageattention", "sageattn"),
    }[kernel]
    package = ModuleType(name)
    setattr(package, function, attend)
    monkeypatch.setitem(sys.modules, name, package)
    monkeypatch.setattr("engine.causal.network.attention.find_spec", lambda name: object())
    plain, stream = tiny_stream(LONGLIVE), tiny_stream(LONGLIVE)
    stream.network.attend = attention(kernel, CPU)
    if way == "compiled":
        stream.passes = replace(
            stream.passes, run_layer=compiled_layer(f"kernel {kernel}", "aot_eager")
        )
        stream.run = stream.passes
    for one, other in zip(run(stream, 2), run(plain, 2), strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-4)


def test_the_record_names_what_it_depends_on() -> None:
    found = module.about(CPU, "longlive")
    assert found["row"] == "longlive"
    assert found["torch"] == torch.__version__
