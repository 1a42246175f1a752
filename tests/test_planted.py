"""The faults of tests/planted.py can be planted: their places and their tests exist."""

import ast

import pytest

from tests.planted import FAULTS, ROOT, Fault, place


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.area)
def test_a_fault_has_one_place_and_tests_that_exist(fault):
    assert fault.old != fault.new
    path = place(ROOT, fault)
    ast.parse(path.read_text("utf-8").replace(fault.old, fault.new))
    for test in fault.tests:
        file, _, name = test.partition("::")
        assert f"def {name.partition('[')[0]}(" in (ROOT / file).read_text("utf-8"), test


def test_a_place_that_is_gone_or_not_the_only_one_is_told(tmp_path):
    fault = Fault("there", "a = 1\n", "a = 2\n", (), "")
    with pytest.raises(LookupError, match="nowhere"):
        place(tmp_path, fault)
    for name in ("bridge", "engine"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "x.py").write_text("a = 1\n")
    with pytest.raises(LookupError, match=r"1 in bridge/x\.py, 1 in engine/x\.py"):
        place(tmp_path, fault)
