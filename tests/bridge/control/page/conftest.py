"""The browser of these tests, and the page in its tabs."""

from contextlib import contextmanager

import pytest

from bridge.control.http.server import HttpServer
from bridge.settings import Settings
from tests.support.chromium import browsing
from tests.support.desk import FakeDesk


@pytest.fixture(scope="session")
def browser(tmp_path_factory):
    with browsing(tmp_path_factory.mktemp("browser")) as browser:
        yield browser


@pytest.fixture
def served(tmp_path, browser):
    """The page of a desk, real or not, in a tab whose time may go `hurry` times as fast."""

    @contextmanager
    def served(desk, hurry=1):
        server = HttpServer(desk, Settings(port=0, folder=tmp_path))
        server.bind()
        server.start()
        try:
            with browser.page() as page:
                page.hurry(hurry)
                page.go(f"http://127.0.0.1:{server.port}/")
                page.until("document.querySelector('#control-vace_scale') !== null")
                yield page
        finally:
            server.close()

    return served


@pytest.fixture
def opened(tmp_path, served):
    """A desk that shows the pipeline `now`, and its page in a tab; `offers` are what there is to
    receive from.
    """

    @contextmanager
    def opened(offers=None, now="stylize", hurry=1):
        folder = tmp_path / "assets"
        folder.mkdir()
        desk = FakeDesk(folder)
        desk.now["pipeline"] = now
        if offers is not None:
            desk.offers = lambda: offers
        with served(desk, hurry) as page:
            yield desk, page

    return opened
