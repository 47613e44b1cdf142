"""Certificate authorities for tests, made with openssl, with the file names that QEMU and libnbd expect."""

from __future__ import annotations

import subprocess
from pathlib import Path

_DAYS = "2"


def authority(folder: Path) -> Path:
    """Make a CA with a server certificate for loopback and a client certificate; return the folder."""
    folder.mkdir(parents=True)
    _run(folder, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
         "-days", _DAYS, "-subj", f"/CN=CA {folder.name}", "-keyout", "ca-key.pem", "-out", "ca-cert.pem",
         "-addext", "keyUsage=critical,keyCertSign,cRLSign")  # fmt: skip
    _issue(folder, "server", "subjectAltName=IP:127.0.0.1,DNS:localhost\nextendedKeyUsage=serverAuth\n")
    _issue(folder, "client", "extendedKeyUsage=clientAuth\n")
    return folder


def _issue(folder: Path, name: str, extensions: str) -> None:
    (folder / f"{name}.ext").write_text(f"basicConstraints=critical,CA:FALSE\n{extensions}")
    _run(folder, "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
         "-subj", f"/CN={name}", "-keyout", f"{name}-key.pem", "-out", f"{name}.csr")  # fmt: skip
    _run(folder, "x509", "-req", "-days", _DAYS, "-in", f"{name}.csr", "-CA", "ca-cert.pem",
         "-CAkey", "ca-key.pem", "-CAcreateserial", "-extfile", f"{name}.ext",
         "-out", f"{name}-cert.pem")  # fmt: skip


def _run(folder: Path, *words: str) -> None:
    subprocess.run(["openssl", *words], cwd=folder, check=True, capture_output=True)
