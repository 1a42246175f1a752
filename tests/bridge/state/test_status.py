"""Every value of the state is declared once, and filled in by one component."""

import bridge.session
from bridge.settings import Settings
from bridge.state.status import STATUS
from engine.catalog.rows import Catalog


def test_every_value_is_told_by_somebody(tmp_path, monkeypatch):
    session = bridge.session.Session(Settings(folder=tmp_path), Catalog())
    told = {}
    monkeypatch.setattr(bridge.session, "Status", lambda **values: told.update(values))
    session._status()
    assert told.keys() == {row.name for row in STATUS}
