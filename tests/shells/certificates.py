"""Certificates for tests, made by `openssl`: an authority, what it signs, and what it does not."""

import shutil
import subprocess
from pathlib import Path

import attrs
import pytest


@attrs.frozen
class Signed:
    """A certificate and its key, as files."""

    cert: Path
    key: Path


class Authority:
    """Signs certificates; its own is `ca`."""

    def __init__(self, folder: Path, name: str = "authority") -> None:
        if shutil.which("openssl") is None:
            pytest.skip("there is no openssl to make certificates with")
        self.folder, self.name = folder, name
        self.ca, self.key = folder / f"{name}.pem", folder / f"{name}.key"
        request: list[str | Path] = [
            "req",
            "-x509",
            *EC,
            "-keyout",
            self.key,
            "-out",
            self.ca,
            "-days",
            "30",
            "-subj",
            f"/CN={name}",
        ]
        openssl(*request, "-addext", "keyUsage=critical,keyCertSign,cRLSign")

    def sign(self, name: str, *, days: tuple[str, str] | None = None) -> Signed:
        """Sign a certificate for this machine; `days` are its first and last moment as YYYYMMDDHHMMSSZ, else it is good now."""
        cert, key, asked = (self.folder / f"{self.name}-{name}.{end}" for end in ("pem", "key", "csr"))
        openssl("req", *EC, "-keyout", key, "-out", asked, "-subj", f"/CN={name}")
        extensions = self.folder / "extensions"
        extensions.write_text("subjectAltName=DNS:localhost,IP:127.0.0.1\nauthorityKeyIdentifier=keyid\n", encoding="utf-8")
        if days is None:
            signing: list[str | Path] = [
                "x509",
                "-req",
                "-in",
                asked,
                "-CA",
                self.ca,
                "-CAkey",
                self.key,
                "-CAcreateserial",
                "-out",
                cert,
            ]
            openssl(*signing, "-days", "30", "-extfile", extensions)
        else:
            self._sign_between(asked, cert, extensions, days)
        return Signed(cert, key)

    def _sign_between(self, asked: Path, cert: Path, extensions: Path, days: tuple[str, str]) -> None:
        (self.folder / "index").write_text("", encoding="utf-8")
        config = self.folder / "ca.conf"
        config.write_text(
            f"[ca]\ndefault_ca=own\n[own]\ndatabase={self.folder}/index\nnew_certs_dir={self.folder}\nrand_serial=yes\n"
            "default_md=sha256\npolicy=any\n[any]\ncommonName=supplied\n",
            encoding="utf-8",
        )
        signing: list[str | Path] = [
            "ca",
            "-batch",
            "-notext",
            "-config",
            config,
            "-cert",
            self.ca,
            "-keyfile",
            self.key,
            "-in",
            asked,
        ]
        openssl(*signing, "-out", cert, "-startdate", days[0], "-enddate", days[1], "-extfile", extensions)


EC = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")


def openssl(*words: str | Path) -> None:
    """Run it; what it says is shown where it fails."""
    subprocess.run(["openssl", *map(str, words)], check=True, capture_output=True)
