"""Certificates for TLS on this machine, made when a test needs them, by the `openssl` command."""

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

NEW_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
NAMES = "subjectAltName=DNS:localhost,IP:127.0.0.1"


@dataclass(frozen=True)
class Certificate:
    """The files that a server loads."""

    path: Path
    key: Path


class Authority:
    """A certificate authority; who trusts `path` trusts its certificates.

    What another authority of another name signs is wrong for whoever trusts this one.
    """

    def __init__(self, folder: Path, name: str = "authority") -> None:
        self.path, self._key = folder / f"{name}.pem", folder / f"{name}.key"
        _openssl(
            "req", "-x509", *NEW_KEY, "-subj", f"/CN={name} of tests", "-days", "1",
            "-addext", "keyUsage=critical,keyCertSign", "-keyout", self._key, "-out", self.path,
        )  # fmt: skip

    def certificate(self, *, expired: bool = False, also: str = "localhost") -> Certificate:
        """One for localhost, 127.0.0.1 and a name that holds for a day, or ended yesterday."""
        name = f"{self.path.stem}-{'expired' if expired else 'server'}"
        made = Certificate(self.path.with_name(f"{name}.pem"), self.path.with_name(f"{name}.key"))
        request = _openssl(
            "req", "-new", *NEW_KEY, "-subj", "/CN=localhost", "-addext", f"{NAMES},DNS:{also}",
            "-keyout", made.key,
        )  # fmt: skip
        _openssl(
            "x509", "-req", "-CA", self.path, "-CAkey", self._key, "-copy_extensions", "copy",
            "-days", "-1" if expired else "1", "-out", made.path, given=request,
        )  # fmt: skip
        return made


def _openssl(*arguments: str | Path, given: str | None = None) -> str:
    if not shutil.which("openssl"):
        miss = pytest.fail if os.environ.get("CI") else pytest.skip
        miss("openssl is not installed (apt-get install openssl)")
    done = subprocess.run(
        ["openssl", *arguments], input=given, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
