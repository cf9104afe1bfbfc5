"""TLS, as both ends of a link use it: version 1.3 and nothing older, no tickets, no compression.

Whoever listens where others can reach it has TLS, and asks who comes; that is not an option.
"""

import ipaddress
import ssl
import stat
from pathlib import Path


def server_context(cert: Path, key: Path, client_ca: Path | None = None) -> ssl.SSLContext:
    """What a server shows, and where `client_ca` is given, asks of every client. Raises `OSError` for files that are none."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.options |= ssl.OP_NO_COMPRESSION
    context.num_tickets = 0
    context.load_cert_chain(cert, key)
    if client_ca is not None:
        context.load_verify_locations(client_ca)
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def check_key(key: Path) -> None:
    """Refuse a key that others may read or write; one of root's its group may read. Raises `ValueError`, and `OSError`."""
    found = key.stat()
    mode, most = stat.S_IMODE(found.st_mode), 0o640 if found.st_uid == 0 else 0o600
    if mode & ~most:
        raise ValueError(f"expected a key that only its owner may read, came {key} with mode {mode:04o}; chmod 600 mends it")


def client_context(ca: Path | None = None, cert: Path | None = None, key: Path | None = None) -> ssl.SSLContext:
    """What a client believes (`ca`, else what the machine believes), and what it shows where it is asked."""
    context = ssl.create_default_context(cafile=None if ca is None else str(ca))
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    if cert is not None:
        context.load_cert_chain(cert, key)
    return context


def check_exposure(host: str | None, context: ssl.SSLContext | None, *, asks: bool) -> None:
    """Refuse to listen where others can reach it without TLS, or without asking who comes. Raises `ValueError`."""
    if context is not None and context.minimum_version < ssl.TLSVersion.TLSv1_3:
        raise ValueError(f"expected a TLS context from version 1.3 on, came one from {context.minimum_version.name} on")
    if is_loopback(host):
        return
    where = "every address" if host is None else host
    if context is None:
        raise ValueError(
            f"expected TLS where others can reach it, came none for {where}; listen on 127.0.0.1, or give a certificate"
        )
    if not asks and context.verify_mode is not ssl.CERT_REQUIRED:
        raise ValueError(f"expected tokens or client certificates where others can reach it, came neither for {where}")


def is_loopback(host: str | None) -> bool:
    """Whether only this machine can reach it: an address of it by number, or its usual name."""
    if host is None:
        return False
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
