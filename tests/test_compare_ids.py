"""Which tests `compare_ids` counts as missing."""

import pytest

from tests.compare_ids import lost, main, read_changes, read_ids


def test_ids_are_read_from_a_list_and_from_a_verbose_run():
    printed = """
tests/test_a.py::test_one
tests/test_a.py::test_two[int, steps and LoRA]
tests/test_a.py::test_two[OSError(10038, 'not a socket')]
test_spout.py::test_three PASSED                     [ 12%]
..\\test_core.py::test_four[4] 300 frames exact
PASSED
test_spout.py::test_five[a b] SKIPPED (no GPU) [100%]

6 tests collected in 0.10s
"""
    assert read_ids(printed.splitlines()) == {
        "tests/test_a.py::test_one",
        "tests/test_a.py::test_two[int, steps and LoRA]",
        "tests/test_a.py::test_two[OSError(10038, 'not a socket')]",
        "test_spout.py::test_three",
        "../test_core.py::test_four[4]",
        "test_spout.py::test_five[a b]",
    }


def test_a_test_by_two_shims_counts_twice():
    printed = ["cpu test_spout.py::test_a", "gldx test_spout.py::test_a", "FAILED a.py::test_b"]
    assert read_ids(printed) == {"cpu test_spout.py::test_a", "gldx test_spout.py::test_a"}


BEFORE = {"a.py::test_kept", "a.py::test_old", "a.py::test_sizes[1]", "a.py::test_sizes[2]"}
AFTER = {"a.py::test_kept", "a.py::test_new", "a.py::test_rows[x]"}


def test_what_is_gone_needs_an_explanation_that_is_true():
    def told(*lines):
        return lost(BEFORE, AFTER, read_changes(lines))

    assert told() == ["a.py::test_old", "a.py::test_sizes[1]", "a.py::test_sizes[2]"]
    assert told("a.py::test_old -> a.py::test_new", "a.py::test_sizes* -> one size is enough") == []
    assert told("a.py::test_old -> a.py::test_rows | merged", "a.py::test_sizes* -> so") == []
    assert (
        told("a.py::test_old -> a.py::test_rows[x] (one row for all)", "a.py::test_s* -> so") == []
    )
    assert told("a.py::test_old -> a.py::test_nowhere", "a.py::test_sizes* -> so") == [
        "a.py::test_old -> a.py::test_nowhere, which is not there"
    ]
    assert told("a.py::test_sizes[1] -> so", "a.py::test_old -> so") == ["a.py::test_sizes[2]"]


def test_a_change_without_a_reason_is_refused():
    with pytest.raises(ValueError, match="test_old"):
        read_changes(["a.py::test_old ->"])


def test_the_exit_status_says_it(tmp_path, capsys):
    before, after, changes = (tmp_path / name for name in ("before", "after", "changes"))
    before.write_text("\n".join(BEFORE))
    after.write_text("\n".join(AFTER))
    changes.write_text("a.py::test_old -> a.py::test_new\n")
    command = ["--before", str(before), "--after", str(after)]
    assert main([*command, "--explained", str(changes)]) == 1
    assert "test_sizes[2]" in capsys.readouterr().out
    changes.write_text(changes.read_text() + "a.py::test_sizes[* -> one is enough\n")
    assert main([*command, "--explained", str(changes)]) == 0
    before.write_text("")
    assert main(command) == 1, "an empty list proves nothing"
