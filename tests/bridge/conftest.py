"""A desk with its store, and a client of its HTTP, for every test of the doors."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from bridge.control.http.app import create_app
from bridge.control.http.rules import Rules
from tests.support.desk import HERE, FakeDesk


@pytest.fixture
def desk(tmp_path: Path) -> FakeDesk:
    return FakeDesk(tmp_path)


@pytest.fixture
def client(desk: FakeDesk) -> Iterator[TestClient]:
    with TestClient(create_app(desk, Rules()), HERE) as client:
        yield client
