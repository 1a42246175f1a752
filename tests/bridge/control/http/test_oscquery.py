"""OSCQuery: the tree of OSC addresses, its attributes, LISTEN, and who may do what."""

import json
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from concurrent.futures import CancelledError
from contextlib import ExitStack, contextmanager, suppress
from ipaddress import ip_network
from itertools import count

import psutil
import pytest
from pythonosc.osc_message import OscMessage
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from bridge.control.bridge_api import Action
from bridge.control.http.app import create_app
from bridge.control.http.oscquery import MOST
from bridge.control.http.rules import Rules
from bridge.control.http.server import HttpServer
from bridge.control.osc.feedback import INPUTS, PIPELINE, STATES
from bridge.control.osc.packets import encoded
from bridge.control.osc.query import OscQuery
from bridge.control.osc.server import OscServer
from bridge.control.osc.tree import COMMANDS, ROOT, Tree
from bridge.settings import Settings
from bridge.state.actions import Argument
from engine.parameters import Kind
from tests.support.bridge import running
from tests.support.desk import HERE, FakeDesk

LOOK = Argument(name="number", kind=Kind.INT, help="Number of the look.", minimum=1, maximum=99,
                needed=True, index=True)  # fmt: skip
NAME = Argument(name="name", kind=Kind.TEXT, help="Its name.")
WS = HERE.replace("http", "ws")
OUTSIDE = "192.168.1.20"


def desk_of(folder) -> FakeDesk:
    desk = FakeDesk(folder)
    desk.actions["look"] = Action("Recall a look.", lambda number: None, LOOK)
    desk.actions["keep"] = Action("Keep it.", lambda *name: None, NAME)
    return desk


@contextmanager
def serving(folder, token="", **settings):
    desk = desk_of(folder)
    chosen = Settings(port=0, folder=folder, osc_feedback=(), **settings)
    http, osc = HttpServer(desk, chosen, token), OscServer(desk, chosen)
    try:
        http.bind()
        osc.bind(http.port)
        osc.start()
        http.start(OscQuery(desk, osc, "Stage"))
        yield desk, http.port
    finally:
        osc.close()
        http.close()


def asked(port, path, address="127.0.0.1", **headers):
    """Status and content of an answer."""
    request = urllib.request.Request(f"http://{address}:{port}{path}", headers=headers)
    try:
        answer = urllib.request.urlopen(request, timeout=20)
    except urllib.error.HTTPError as error:
        answer = error
    with answer:
        text = answer.read()
        kind = answer.headers.get_content_type()
        return answer.status, json.loads(text) if kind == "application/json" else text


def command(kind, address) -> str:
    return json.dumps({"COMMAND": kind, "DATA": address})


def heard(ws, timeout=20):
    message = OscMessage(ws.recv(timeout))
    return message.address, *message.params


def until(true, timeout=20) -> None:
    end = time.perf_counter() + timeout
    while not true():
        assert time.perf_counter() < end
        time.sleep(0.01)


def test_the_tree_finds_every_address_and_lists_each_parameter_once(tmp_path):
    desk = desk_of(tmp_path)
    tree = Tree(desk)
    server = OscServer(desk, Settings(folder=tmp_path, osc_feedback=()))
    handler = server._handler
    server.close()
    for address in (*handler.specs, *handler._buttons, *STATES):
        assert tree.find(address).about["FULL_PATH"] == address
    ours = {ROOT + name for name in COMMANDS} | {PIPELINE, *INPUTS}
    assert handler._commands.keys() == ours
    listed, nodes = [], [tree.root]
    while nodes:
        node = nodes.pop()
        nodes += node.below.values()
        listed += [node.path] if node.type else []
    parameters = [path for path in listed if path in handler.specs]
    assert sorted(parameters) == sorted(f"/bridge/{s.osc}" for s in desk.store.specs.values())
    assert tree.find("/bridge/vace_scale").about["TYPE"] == "f"  # a long name, only found
    assert {"/bridge/look/save/1", "/bridge/look/save/8"} <= {*listed}
    assert "/bridge/look/save/9" not in listed
    words = tree.find("/bridge/look/save/9").about["DESCRIPTION"]
    assert words == "Save the current look, under this number or the next free one: 9."
    for path in ("/bridge/look/9", "/bridge/look/save/1000", "/bridge/look/x", "/bridge/vac", "/x",
                 "/bridge/vace/1"):  # fmt: skip
        assert tree.find(path) is None, path


@pytest.mark.parametrize(
    ("address", "about"),
    [
        ("/bridge/vace", {"TYPE": "f", "ACCESS": 3, "RANGE": [{"MIN": 0, "MAX": 2}],
                          "CLIPMODE": ["both"], "VALUE": [1.0]}),
        ("/bridge/seed", {"TYPE": "i", "RANGE": [{"MIN": -1, "MAX": 2**31 - 1}], "VALUE": [42]}),
        ("/bridge/black", {"TYPE": "T", "ACCESS": 3, "VALUE": [False]}),
        ("/bridge/fade", {"TYPE": "f", "UNIT": ["time.second"]}),
        ("/bridge/on_loss", {"TYPE": "s", "RANGE": [{"VALS": ["hold", "passthrough", "card"]}]}),
        ("/bridge/prompt", {"TYPE": "s", "ACCESS": 3}),
        ("/bridge/panic", {"TYPE": "I", "ACCESS": 2}),
        ("/bridge/look", {"TYPE": "i", "ACCESS": 2, "RANGE": [{"MIN": 1, "MAX": 99}]}),
        ("/bridge/keep", {"TYPE": "s", "ACCESS": 2, "OVERLOADS": [{"TYPE": "I"}]}),
        ("/bridge/look/save/3", {"TYPE": "I", "ACCESS": 2}),
        ("/bridge/pipeline", {"TYPE": "s", "ACCESS": 3, "VALUE": ["stylize"]}),
        ("/bridge/state/fps", {"TYPE": "f", "ACCESS": 1, "UNIT": ["time.hz"], "VALUE": [0.0]}),
        ("/bridge/state", {"ACCESS": 0}),
    ],
)  # fmt: skip
@pytest.mark.slow
def test_an_address_says_what_it_takes_and_holds(tmp_path, address, about):
    tree = Tree(desk_of(tmp_path))
    told = tree.told(tree.find(address))
    assert told["FULL_PATH"] == address
    assert {name: told[name] for name in about} == about
    assert ("VALUE" in told) == bool(told["ACCESS"] & 1)
    assert ("CONTENTS" in told) == (address in ("/bridge/prompt", "/bridge/look",
                                                "/bridge/pipeline", "/bridge/state"))  # fmt: skip


@pytest.mark.slow
def test_a_client_asks_for_addresses_and_attributes(tmp_path):
    with serving(tmp_path) as (desk, port):
        status, info = asked(port, "/?HOST_INFO")
        assert status == 200
        assert {k: info[k] for k in ("NAME", "OSC_IP", "OSC_PORT", "OSC_TRANSPORT")} == {
            "NAME": "Stage", "OSC_IP": "127.0.0.1", "OSC_PORT": port, "OSC_TRANSPORT": "UDP",
        }  # fmt: skip
        assert info["EXTENSIONS"]["LISTEN"]
        assert info["EXTENSIONS"]["PATH_CHANGED"]
        root = asked(port, "/")[1]
        assert (root["FULL_PATH"], root["schema"]) == ("/", "/api/v1/schema")
        assert "vace" in root["CONTENTS"]["bridge"]["CONTENTS"]
        desk.store.update({"vace_scale": 1.5})
        assert asked(port, "/bridge/vace?VALUE") == (200, {"VALUE": [1.5]})
        assert asked(port, "/bridge/vace?HOST_INFO")[1] == info
        assert asked(port, "/bridge/panic?VALUE") == (204, b"")
        assert asked(port, "/bridge/prompt?RANGE") == (204, b"")
        assert asked(port, "/bridge/vace?GABBA") == (
            400, {"detail": "Unknown attribute 'GABBA'; choose HOST_INFO, FULL_PATH, DESCRIPTION, "
                            "ACCESS, TYPE, RANGE, CLIPMODE, UNIT, TAGS, OVERLOADS, VALUE, "
                            "CONTENTS."})  # fmt: skip
        assert asked(port, "/bridge/vace?") == asked(port, "/bridge/vace")
        for path in ("/bridge/nothing", "/bridge/vace/x", "/bridge/../api"):
            assert asked(port, path)[0] == 404, path
        page = asked(port, "/", accept="text/html,*/*")
        assert page[0] == 200
        assert b"<!doctype html>" in page[1].lower()
        assert asked(port, "/?HOST_INFO", accept="text/html")[1] == info


@pytest.mark.slow
@pytest.mark.foreign
@pytest.mark.skipif(not shutil.which("oscsend"), reason="needs liblo-tools")
def test_a_value_that_another_program_sends_is_heard(tmp_path):
    with serving(tmp_path) as (desk, port), connect(f"ws://127.0.0.1:{port}") as ws:
        for address in ("/bridge/vace", "/bridge/black", "/bridge/vace_scale", "/bridge/prompt"):
            ws.send(command("LISTEN", address))
        assert [heard(ws) for _ in range(4)] == [
            ("/bridge/vace", 1.0), ("/bridge/black", False), ("/bridge/vace_scale", 1.0),
            ("/bridge/prompt", desk.store.snapshot.values["prompt"]),
        ]  # fmt: skip
        subprocess.run(["oscsend", "127.0.0.1", str(port), "/bridge/vace", "f", "0.5"], check=True)
        assert {heard(ws), heard(ws)} == {("/bridge/vace", 0.5), ("/bridge/vace_scale", 0.5)}
        desk.store.update({"black": True, "prompt": "мост"})
        assert {heard(ws), heard(ws)} == {("/bridge/black", True), ("/bridge/prompt", "мост")}
        ws.send(command("IGNORE", "/bridge/vace"))
        ws.send(command("LISTEN", "/bridge/state/state"))
        assert heard(ws) == ("/bridge/state/state", "RUNNING")
        desk.store.update({"vace_scale": 0.75})
        desk.now["state"] = "FAILED"
        assert {heard(ws), heard(ws)} == {
            ("/bridge/vace_scale", 0.75), ("/bridge/state/state", "FAILED"),
        }  # fmt: skip


@pytest.mark.slow
def test_a_client_sets_values_and_is_answered_where_it_asked(tmp_path):
    with serving(tmp_path) as (desk, port), connect(f"ws://127.0.0.1:{port}") as ws:
        ws.send(command("LISTEN", "/bridge/mix"))
        assert heard(ws) == ("/bridge/mix", 1.0)
        ws.send(encoded("/bridge/mix", 0.25))
        until(lambda: desk.store.snapshot.values["mix"] == 0.25)
        assert desk.store.moved("mix").setter.hand == "OSC 127.0.0.1"
        ws.send(encoded("/bridge/ping", 1))
        assert heard(ws) == ("/bridge/pong", 1)  # and no echo of its own value before
        ws.send(encoded("/bridge/vace", "?"))
        assert heard(ws) == ("/bridge/vace", 1.0)
        ws.send(encoded("/bridge/look/3", 1))
        ws.send(encoded("/bridge/nonsense", 1))
        assert heard(ws)[1].startswith("Unknown address '/bridge/nonsense'")
        for text in ("nonsense", "[]", '{"COMMAND": "LISTEN"}', "[" * 5000, command("X", "/a")):
            ws.send(text)
            assert heard(ws)[1].startswith("Send LISTEN or IGNORE, for example ")
        ws.send(command("LISTEN", "/bridge/panic"))
        assert heard(ws) == ("/bridge/error", "'/bridge/panic' has no value to listen to.")


def test_every_client_is_told_of_looks_that_come_and_go(tmp_path, monkeypatch):
    with serving(tmp_path) as (desk, port), connect(f"ws://127.0.0.1:{port}") as ws:
        ws.send(command("LISTEN", "/bridge/mix"))
        assert heard(ws) == ("/bridge/mix", 1.0)
        looks, above = desk.show.looks, command("PATH_CHANGED", "/bridge/look")
        looks.save(7, "Fire")
        assert [ws.recv(20), ws.recv(20)] == [command("PATH_ADDED", "/bridge/look/7"), above]
        told = asked(port, "/bridge/look")[1]["CONTENTS"]["7"]
        assert (told["DESCRIPTION"], told["ACCESS"]) == ("Recall look 7: Fire.", 2)
        looks.save(7)  # another image in the same place: nothing to read again
        looks.rename(7, "Ice")
        assert ws.recv(20) == command("PATH_CHANGED", "/bridge/look/7")
        looks.delete(7)
        assert [ws.recv(20), ws.recv(20)] == [command("PATH_REMOVED", "/bridge/look/7"), above]
        assert asked(port, "/bridge/look/7")[0] == 404
        looks.save(1)
        ws.recv(20), ws.recv(20)
        monkeypatch.setattr("bridge.control.http.oscquery.BURST", 1)
        for number in (2, 3):
            shutil.copy(looks._path(1), looks._path(number))
        looks.read()  # too many at once to name each
        assert ws.recv(20) == above


@pytest.mark.slow
def test_ten_thousand_listens_and_a_flood_of_values_stay_bounded(tmp_path):
    with serving(tmp_path) as (desk, port), connect(f"ws://127.0.0.1:{port}") as ws:
        for number in range(10_000):
            ws.send(command("LISTEN", f"/bridge/{'vace' if number % 2 else number}"))
        last = 0
        for number in count():
            desk.store.update({"vace_scale": number % 100 / 100})
            if number == 2000:
                last = number % 100 / 100
                break
        desk.store.update({"vace_scale": 1.25})
        told = []
        while not told or told[-1] != ("/bridge/vace", 1.25):
            told.append(heard(ws))
        assert last != 1.25
        assert len(told) < 5000
        assert asked(port, "/healthz")[0] == 200
        ws.send(encoded("/bridge/ping", 1))
        while heard(ws) != ("/bridge/pong", 1):
            pass


@pytest.mark.slow
def test_a_client_too_many_is_told_so(tmp_path):
    with serving(tmp_path) as (_, port), ExitStack() as clients:
        for number in range(MOST):
            ws = clients.enter_context(connect(f"ws://127.0.0.1:{port}/"))
            ws.send(command("LISTEN", "/bridge/vace"))
            assert heard(ws) == ("/bridge/vace", 1.0), number
        with connect(f"ws://127.0.0.1:{port}/") as more, pytest.raises(ConnectionClosed) as end:
            more.recv(20)
        assert end.value.rcvd.code == 1013
        ws.close()
        until(lambda: _welcome(port))


def _welcome(port) -> bool:
    with connect(f"ws://127.0.0.1:{port}/") as ws:
        ws.send(command("LISTEN", "/bridge/vace"))
        try:
            return heard(ws) == ("/bridge/vace", 1.0)
        except ConnectionClosed:
            return False


@contextmanager
def left(connection):
    """A WebSocket of the test client, which cancels the server's side at the end."""
    with suppress(CancelledError), connection as ws:
        yield ws


READS = ("/", "/?HOST_INFO", "/bridge", "/bridge/vace?VALUE")
OTHERS = ("/api/v1/state", "/docs", "/openapi.json", "/metrics", "/page/app.js", "/readyz")


class Query:
    """As much of OSCQuery as the guard lets through."""

    def answer(self, path, attribute, host):
        return 200, {"FULL_PATH": path}

    def states(self):
        return {}

    def looks(self):
        return {}

    def watch(self, changed):
        pass

    def heard(self, address):
        return False

    def complaint(self, text):
        return text.encode()

    def messages(self, addresses):
        return []

    def join(self, sender, reply):
        self.joined = sender

    def leave(self, sender):
        pass


@contextmanager
def guarded(folder, rules, client=OUTSIDE):
    app = create_app(FakeDesk(folder), rules, Query())
    with TestClient(app, HERE, client=(client, 50000)) as found:
        yield found


@pytest.mark.slow
@pytest.mark.parametrize(("token", "here"), [("", True), ("secret-secret-secret", False),
                                             ("secret-secret-secret", True)])  # fmt: skip
def test_a_machine_that_may_send_reads_without_a_token_and_nothing_else(tmp_path, token, here):
    rules = Rules(token=token, readers=(ip_network("192.168.1.0/24"),), here=here)
    with guarded(tmp_path, rules) as client:
        for path in READS:
            assert client.get(path).status_code == 200, path
        refusal = 403 if here else 401
        assert client.get("/", headers={"accept": "text/html"}).status_code == refusal
        for path in OTHERS:
            assert client.get(path).status_code == refusal, path
        for method in ("POST", "PATCH", "DELETE"):
            for path in ("/bridge/vace", "/", "/api/v1/actions/panic"):
                done = client.request(method, path, json={})
                assert done.status_code == refusal, (method, path)
        assert client.get("/bridge", headers={"host": "evil.example"}).status_code == 421
        for path in ("/api/v1/events", "/api/v1/preview", "/bridge"):
            with pytest.raises(WebSocketDisconnect), client.websocket_connect(WS + path):
                pass
        evil = {"origin": "https://evil.example"}
        with pytest.raises(WebSocketDisconnect), client.websocket_connect(WS + "/", headers=evil):
            pass
        with left(client.websocket_connect(WS + "/")) as ws:
            ws.send_bytes(encoded("/bridge/black", 1))
            assert b"only reads" in ws.receive_bytes()
    with guarded(tmp_path, rules, "192.168.2.20") as client:
        for path in (*READS, *OTHERS):
            assert client.get(path).status_code == refusal, path
        with pytest.raises(WebSocketDisconnect), client.websocket_connect(WS + "/"):
            pass


@pytest.mark.slow
def test_with_a_wrong_token_nothing_is_read(tmp_path):
    rules = Rules(token="secret-secret-secret", readers=(ip_network(OUTSIDE),))
    with guarded(tmp_path, rules) as client:
        assert client.get("/bridge", headers={"authorization": "Bearer x"}).status_code == 401
        right = {"authorization": "Bearer secret-secret-secret"}
        assert client.get("/api/v1/parameters", headers=right).status_code == 200
        with left(client.websocket_connect(WS + "/", headers=right)) as ws:
            ws.send_text(command("LISTEN", "/x"))
            assert b"no value" in ws.receive_bytes()
        view = {"authorization": f"Bearer {rules.view_token}"}
        with left(client.websocket_connect(WS + "/", headers=view)) as ws:
            ws.send_bytes(encoded("/bridge/black", 1))
            assert b"only reads" in ws.receive_bytes()
    with guarded(tmp_path, rules, "127.0.0.1") as client:
        assert client.get("/bridge").status_code == 401  # loopback is not listed here


@pytest.mark.slow
def test_a_proxys_prefix_may_be_called_as_the_addresses_are(tmp_path):
    with guarded(tmp_path, Rules(), "127.0.0.1") as client:
        assert client.get("/bridge/api/v1/parameters").status_code == 200
        assert client.get("/bridge/docs").status_code == 200
        page = client.get("/bridge/", headers={"accept": "text/html"})
        assert "<!doctype html>" in page.text.lower()
        assert client.get("/show/bridge/vace").status_code == 404


def own_address() -> str:
    for addresses in psutil.net_if_addrs().values():
        for each in addresses:
            if each.family is socket.AF_INET and not each.address.startswith("127."):
                return each.address
    pytest.skip("this machine has no address but loopback")


@pytest.mark.slow
def test_osc_lan_opens_the_addresses_to_the_machines_listed_and_no_page(tmp_path):
    other = own_address()
    with running(
        tmp_path, "--source", "demo:", "--sink", "null:", "--pipeline", "passthrough",
        "--osc-lan", "--osc-allow", other,
    ) as bridge:  # fmt: skip
        assert asked(bridge.port, "/bridge/vace?VALUE", other) == (200, {"VALUE": [1.0]})
        assert asked(bridge.port, "/?HOST_INFO", other)[1]["OSC_IP"] == other
        assert asked(bridge.port, "/api/v1/state", other)[0] == 403
        assert asked(bridge.port, "/", other, accept="text/html")[0] == 403
        assert asked(bridge.port, "/", other, host="evil.example")[0] == 421
        assert bridge.state()["pipeline"] in ("", "passthrough")
        with connect(f"ws://{other}:{bridge.port}/") as ws:
            ws.send(command("LISTEN", "/bridge/vace"))
            assert heard(ws) == ("/bridge/vace", 1.0)
            ws.send(encoded("/bridge/vace", 0.5))
            assert heard(ws) == (
                "/bridge/error", "Without the token this connection only reads; send OSC by UDP.",
            )  # fmt: skip
            bridge.osc("/bridge/vace", 0.75)
            assert heard(ws) == ("/bridge/vace", 0.75)


NODE = """
const { OSCQueryDiscovery } = require("oscquery");
new OSCQueryDiscovery().queryNewService("127.0.0.1", Number(process.argv[2])).then(found => {
  const told = {};
  for (const method of found.flat()) told[method.full_path] = method;
  console.log(JSON.stringify({ host: found.hostInfo, told }));
});
"""


@pytest.mark.slow
@pytest.mark.foreign
@pytest.mark.skipif(not shutil.which("npm"), reason="needs node and npm")
def test_nodes_oscquery_reads_all_of_it(tmp_path):
    place = tmp_path / "node"
    place.mkdir()
    (place / "ask.js").write_text(NODE)
    install = [
        "npm",
        "install",
        "--prefix",
        str(place),
        "--no-audit",
        "--no-fund",
        "oscquery@1.1.1",
    ]
    if subprocess.run(install, capture_output=True, timeout=90).returncode:
        pytest.skip("npm cannot install oscquery 1.1.1")
    with serving(tmp_path) as (desk, port):
        desk.store.update({"vace_scale": 1.5})
        done = subprocess.run(["node", "ask.js", str(port)], cwd=place, capture_output=True,
                              timeout=60, check=True)  # fmt: skip
        found = json.loads(done.stdout)
        assert (found["host"]["name"], found["host"]["oscPort"]) == ("Stage", port)
        assert found["host"]["extensions"]["LISTEN"]
        (vace,) = found["told"]["/bridge/vace"]["arguments"]
        assert vace == {
            "type": "f",
            "range": {"min": 0, "max": 2},
            "clipmode": "both",
            "value": 1.5,
        }
        ours = [spec.osc for spec in desk.store.specs.values()] + list(desk.actions)
        assert {f"/bridge/{name}" for name in ours} <= found["told"].keys()


@pytest.mark.slow
@pytest.mark.foreign
def test_python_oscquery_reads_values(tmp_path):
    client = pytest.importorskip("pythonoscquery.osc_query_client", reason="needs python-oscquery")
    zeroconf = pytest.importorskip("zeroconf")
    with serving(tmp_path) as (desk, port):
        desk.store.update({"vace_scale": 1.5})
        info = zeroconf.ServiceInfo(
            "_oscjson._tcp.local.",
            "x._oscjson._tcp.local.",
            port=port,
            addresses=[bytes([127, 0, 0, 1])],
        )
        asks = client.OSCQueryClient(info)
        assert asks.get_host_info().osc_port == port
        node = asks.query_node("/bridge/vace")
        assert (node.full_path, node.value, node.access) == ("/bridge/vace", [1.5], 3)
        assert "/bridge/state/fps" in [each.full_path for each in asks.query_node("/bridge/state")]
        assert asks.query_node("/bridge/nothing") is None
