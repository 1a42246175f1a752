"""The certificate with which a server proves who it is: read, checked, made, and read again when
its files have changed.
"""

import logging
import shutil
import ssl
import subprocess
import tempfile
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from time import time

from bridge.system import whole_files

log = logging.getLogger(__name__)

LARGEST = 1 << 20  # bytes of a file
DAYS = 3650  # for which a certificate that is made here holds
LEAST = 30 * 86400  # seconds for which it must still hold, else another is made
PATIENCE = 30.0  # seconds for `openssl`
TURNS = 8  # of a handshake, which takes fewer


@dataclass(frozen=True, slots=True)
class Details:
    """For which names a certificate is, and until when, by `time`; `problem` says why nobody will
    accept it, as a sentence without its subject and full stop.
    """

    names: frozenset[str] = frozenset()
    until: float = 0.0
    problem: str = ""


class Certificate:
    """`context` is what new connections use."""

    def __init__(self, path: Path, key: Path) -> None:
        """ValueError, in a sentence, if the files cannot be used."""
        self.path, self.key = path, key
        self._stamp = self._stamped()
        self.context = _loaded(path, key)

    def look(self) -> None:
        """Use the files once they have changed; what cannot be used leaves the certificate as it
        is. Reads files.
        """
        if (stamp := self._stamped()) == self._stamp:
            return
        self._stamp = stamp
        try:
            self.context = _loaded(self.path, self.key)
        except ValueError as error:
            log.warning("The certificate stays as it was: %s", error)
        else:
            log.info("New connections get the certificate of %s.", self.path)

    @property
    def details(self) -> Details:
        """What clients see of it: this end shakes hands with itself."""
        client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        client.check_hostname = False
        client.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN  # itself is enough
        to, back = ssl.MemoryBIO(), ssl.MemoryBIO()
        try:
            client.load_verify_locations(self.path)
            asks = client.wrap_bio(back, to)
            answers = self.context.wrap_bio(to, back, server_side=True)
            for _ in range(TURNS):
                for end in asks, answers:
                    with suppress(ssl.SSLWantReadError):
                        end.do_handshake()
            told = asks.getpeercert() or {}
        except ssl.SSLCertVerificationError as error:
            return Details(problem=error.verify_message)
        except (OSError, ValueError) as error:
            return Details(problem=str(error))
        names = frozenset(str(each[1]) for each in told.get("subjectAltName", ()))
        return Details(names, ssl.cert_time_to_seconds(str(told["notAfter"])))

    def _stamped(self) -> list[tuple[int, int]]:
        stamps: list[tuple[int, int]] = []
        for path in self.path, self.key:
            with suppress(OSError):
                about = path.stat()
                stamps.append((about.st_mtime_ns, about.st_size))
        return stamps


def made_in(folder: Path, names: Collection[str]) -> tuple[Certificate, bool]:
    """This machine's own certificate, and whether it is new: one is made if there is none, or if
    it lacks one of the `names`, which are addresses, or will soon have expired. ValueError, in a
    sentence, if none can be made.
    """
    path, key = folder / "certificate.pem", folder / "key.pem"
    with suppress(ValueError):
        kept = Certificate(path, key)
        details = kept.details
        if details.names >= {*names} and details.until - time() > LEAST:
            return kept, False
    openssl = shutil.which("openssl")
    if not openssl:
        raise ValueError("openssl, which would make a certificate, is not installed")
    alternatives = ",".join(f"IP:{name}" for name in names)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as place:
        fresh, fresh_key = Path(place, path.name), Path(place, key.name)
        try:
            subprocess.run(
                [openssl, "req", "-x509", "-newkey", "ec", "-pkeyopt",
                 "ec_paramgen_curve:P-256", "-nodes", "-days", str(DAYS),
                 "-subj", "/CN=spout-bridge serve", "-addext", f"subjectAltName={alternatives}",
                 "-addext", "keyUsage=critical,digitalSignature,keyCertSign",
                 "-keyout", fresh_key, "-out", fresh],
                capture_output=True, timeout=PATIENCE, check=True,
            )  # fmt: skip
            whole_files.write(key, whole_files.read(fresh_key, LARGEST), private=True)
            whole_files.write(path, whole_files.read(fresh, LARGEST))
        except subprocess.CalledProcessError as error:
            last = error.stderr.decode(errors="replace").strip().rpartition("\n")[2]
            raise ValueError(f"openssl makes no certificate ({last})") from None
        except (OSError, subprocess.TimeoutExpired) as error:
            raise ValueError(f"no certificate can be kept in {folder} ({error})") from None
    return Certificate(path, key), True


def _loaded(path: Path, key: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    for file in path, key:
        try:
            whole_files.read(file, LARGEST)
        except (OSError, ValueError) as error:
            why = error.strerror if isinstance(error, OSError) else str(error)
            raise ValueError(f"{file} cannot be read: {why}.") from None
    try:
        context.load_cert_chain(path, key, password="")  # never ask for one at the terminal
    except (ssl.SSLError, OSError, ValueError) as error:
        reason = getattr(error, "reason", "") or str(error)
        told = reason.lower().replace("_", " ")
        raise ValueError(
            f"{path} with the key {key} is no certificate that can be used ({told}); both are PEM "
            "files, the key without a password."
        ) from None
    return context
