"""How a server is open: what it refuses, its certificates, what comes through a proxy."""

import os
import shutil
import ssl
from contextlib import suppress

import pytest

from bridge.errors import CommandError, ExitStatus, UsageError
from bridge.serve.certificate import Certificate, made_in
from bridge.serve.doors import Door, door
from bridge.settings import Settings
from tests.support.certificates import Authority


def settings(tmp_path, **more) -> Settings:
    return Settings(folder=tmp_path, **more)


@pytest.fixture(scope="module")
def authority(tmp_path_factory) -> Authority:
    return Authority(tmp_path_factory.mktemp("tls"))


def test_nothing_crosses_a_network_in_the_clear_unless_a_person_says_so(tmp_path):
    open_to_all = settings(tmp_path, host="0.0.0.0", token="0123456789abcdef")
    with pytest.raises(CommandError, match="for anyone to read: give --tls-cert") as error:
        door(open_to_all, "", "", behind_proxy=False)
    assert error.value.status == ExitStatus.UNSAFE
    assert door(open_to_all, "", "", behind_proxy=True).proxied
    allowed = settings(tmp_path, host="0.0.0.0", token="0123456789abcdef", insecure=True)
    assert door(allowed, "", "", behind_proxy=False) == Door()
    assert door(settings(tmp_path), "", "", behind_proxy=False) == Door(), "on loopback"


def test_a_wrong_certificate_is_one_sentence(tmp_path, authority):
    here = settings(tmp_path)
    good = authority.certificate()
    empty = tmp_path / "empty.pem"
    empty.write_text("")
    for path, key, told in (
        (str(good.path), "", "give both"),
        (str(tmp_path / "none.pem"), str(good.key), "cannot be read: No such file"),
        (str(empty), str(good.key), "no certificate that can be used"),
        (str(good.path), str(authority.path), "no certificate that can be used"),
    ):
        with pytest.raises(UsageError, match=told):
            door(here, path, key, behind_proxy=False)
    with pytest.raises(UsageError, match="without --tls-cert"):
        door(here, str(good.path), str(good.key), behind_proxy=True)


def test_what_clients_see_of_a_certificate(authority):
    good, late = authority.certificate(), authority.certificate(expired=True)
    details = Certificate(good.path, good.key).details
    assert (details.names, details.problem) == ({"localhost", "127.0.0.1"}, "")
    assert Certificate(late.path, late.key).details.problem == "certificate has expired"


def test_changed_files_are_used_and_half_changed_ones_are_not(tmp_path, authority, caplog):
    first, second = authority.certificate(), authority.certificate(expired=True)
    path, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    shutil.copy(first.path, path)
    shutil.copy(first.key, key)
    used = Certificate(path, key)
    before = used.context
    used.look()
    assert used.context is before
    path.write_text("a certificate that is being written")
    used.look()
    assert used.context is before
    assert "stays as it was" in caplog.text
    shutil.copy(second.path, path)
    shutil.copy(second.key, key)
    used.look()
    assert used.details.problem == "certificate has expired"


def test_the_certificate_made_for_lan_is_kept_and_accepted_by_who_trusts_it(tmp_path, authority):
    names = ["127.0.0.1", "192.168.7.1"]
    made, new = made_in(tmp_path, names)
    assert new
    assert os.name == "nt" or made.key.stat().st_mode & 0o077 == 0
    assert made_in(tmp_path, names[:1])[1] is False
    strict = ssl.create_default_context(cafile=str(made.path))
    strict.verify_flags |= ssl.VERIFY_X509_STRICT  # as Python 3.13 does
    to, back = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = strict.wrap_bio(back, to, server_hostname="192.168.7.1")
    server = made.context.wrap_bio(to, back, server_side=True)
    for end in (client, server, client, server):
        with suppress(ssl.SSLWantReadError):
            end.do_handshake()
    assert client.version()
    assert made_in(tmp_path, [*names, "10.1.2.3"])[1], "the machine has another address"


def test_the_line_to_type_is_the_one_that_works(tmp_path, monkeypatch):
    monkeypatch.setattr("bridge.serve.doors.own_addresses", lambda: ["192.168.1.7"])
    token = "0123456789abcdef"
    lan = settings(tmp_path, lan=True)
    way = door(lan, "", "", behind_proxy=False)
    line, about = way.lines(lan, 8443, token)
    assert line == (
        f"spout-bridge run --engine wss://192.168.1.7:8443 --engine-token {token} "
        "--engine-ca certificate.pem"
    )
    assert str(tmp_path / "serve" / "certificate.pem") in about
    proxied = settings(tmp_path, allow_host="pod.example.org")
    assert Door(proxied=True).lines(proxied, 8000, "") == [
        "spout-bridge run --engine wss://pod.example.org"
    ]
