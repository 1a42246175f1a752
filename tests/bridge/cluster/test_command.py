"""The command `cluster` where nothing must start."""

import pytest

from bridge.cli.commands import main

OPEN = "cluster up --device cpu --folder {folder} "


@pytest.mark.parametrize(
    ("words", "told", "status"),
    [
        ("--host 0.0.0.0", "--host 0.0.0.0 opens the page to others: add --token SECRET", 4),
        ("--host 10.0.0.1 --token 0123456789abcdef", "would send frames and tokens", 4),
        ("--node-ip-address 8.8.8.8", "would open Ray to the internet", 4),
        ("--node-ip-address 0.0.0.0", "would open Ray to the internet", 4),
        ("--node-ip-address 10.0.0.1", "would send frames and tokens", 4),
        ("--node-ip-address localhost", "takes an address, not 'localhost'", 2),
    ],
)
def test_what_would_open_a_cluster_is_refused(words, told, status, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("bridge.cli.cluster.check_installed", lambda: None)
    monkeypatch.setattr("bridge.cli.cluster.RayNode", pytest.fail)
    with pytest.raises(SystemExit) as end:
        main([*OPEN.format(folder=tmp_path).split(), *words.split()])
    assert end.value.code == status
    assert told in " ".join(capsys.readouterr().err.split())


def test_without_its_extra_the_command_says_so(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("bridge.cluster.nodes.find_spec", lambda name: None)
    monkeypatch.setattr("sys.platform", "linux")
    with pytest.raises(SystemExit):
        main(OPEN.format(folder=tmp_path).split())
    assert "needs the extra `cluster`" in capsys.readouterr().err
