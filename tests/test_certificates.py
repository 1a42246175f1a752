"""The certificates of tests are accepted and refused as a client of another make does it."""

import socket
import ssl
import threading
from contextlib import suppress

import pytest

from tests.support.certificates import Authority, Certificate


def shake_hands(certificate: Certificate, trusted: Authority, name: str) -> str | None:
    """A TLS connection; who the server says it is."""
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(certificate.path, certificate.key)
    client = ssl.create_default_context(cafile=str(trusted.path))
    ours, theirs = socket.socketpair()

    def serve() -> None:
        with suppress(OSError), server.wrap_socket(theirs, server_side=True) as line:
            line.recv(1)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        with client.wrap_socket(ours, server_hostname=name) as line:
            return line.version()
    finally:
        ours.close()
        theirs.close()
        thread.join()


def test_only_the_right_one_is_accepted(tmp_path):
    ours, other = Authority(tmp_path), Authority(tmp_path, "other")
    right = ours.certificate()
    for name in ("localhost", "127.0.0.1"):
        assert shake_hands(right, ours, name) == "TLSv1.3"
    for certificate, name, sentence in (
        (right, "127.0.0.2", "IP address mismatch"),
        (other.certificate(), "localhost", "unable to get local issuer"),
        (ours.certificate(expired=True), "localhost", "certificate has expired"),
    ):
        with pytest.raises(ssl.SSLCertVerificationError, match=sentence):
            shake_hands(certificate, ours, name)
