"""TLS: what both ends hold to, and where nobody may listen without it."""

import ssl
from pathlib import Path

import pytest

from foldhub.tls import check_exposure, check_key, client_context, is_loopback, server_context

from .certificates import Authority


def test_a_server_speaks_1_3_and_nothing_older_and_gives_no_tickets(tmp_path: Path) -> None:
    signed = Authority(tmp_path).sign("hub")
    context = server_context(signed.cert, signed.key)
    assert context.minimum_version == ssl.TLSVersion.TLSv1_3
    assert context.num_tickets == 0
    assert context.options & ssl.OP_NO_COMPRESSION
    assert context.verify_mode == ssl.CERT_NONE


def test_a_server_with_an_authority_asks_every_client(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    signed = authority.sign("hub")
    assert server_context(signed.cert, signed.key, authority.ca).verify_mode == ssl.CERT_REQUIRED


def test_a_client_believes_nobody_it_does_not_know(tmp_path: Path) -> None:
    context = client_context(Authority(tmp_path).ca)
    assert context.verify_mode == ssl.CERT_REQUIRED
    assert context.check_hostname
    assert context.minimum_version == ssl.TLSVersion.TLSv1_3


@pytest.mark.parametrize("mode", [0o644, 0o604, 0o620, 0o602, 0o660])
def test_a_key_that_others_may_read_or_write_is_refused_with_what_mends_it(tmp_path: Path, mode: int) -> None:
    key = tmp_path / "hub.key"
    key.write_text("a key", encoding="utf-8")
    key.chmod(mode)
    with pytest.raises(ValueError, match=f"mode {mode:04o}; chmod 600 mends it"):
        check_key(key)
    for fine in (0o600, 0o400):
        key.chmod(fine)
        check_key(key)


def test_a_key_of_root_may_be_read_by_its_group(tmp_path: Path) -> None:
    key = tmp_path / "hub.key"
    key.write_text("a key", encoding="utf-8")
    key.chmod(0o640)
    if key.stat().st_uid == 0:
        check_key(key)
    else:
        with pytest.raises(ValueError, match="mode 0640"):
            check_key(key)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.9.1", "::1", "localhost"])
def test_this_machine_alone_may_be_listened_to_without_anything(host: str) -> None:
    assert is_loopback(host)
    check_exposure(host, None, asks=False)


@pytest.mark.parametrize("host", [None, "", "0.0.0.0", "::", "192.0.2.1", "hub.example", "localhost.example", "127.1"])
def test_nobody_else_may_without_tls(host: str | None) -> None:
    with pytest.raises(ValueError, match="expected TLS"):
        check_exposure(host, None, asks=True)


def test_nobody_else_may_without_being_asked_who_he_is(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    signed = authority.sign("hub")
    with pytest.raises(ValueError, match="expected tokens or client certificates"):
        check_exposure("0.0.0.0", server_context(signed.cert, signed.key), asks=False)
    check_exposure("0.0.0.0", server_context(signed.cert, signed.key), asks=True)
    check_exposure("0.0.0.0", server_context(signed.cert, signed.key, authority.ca), asks=False)


def test_an_older_tls_is_refused_at_the_start_on_every_address(tmp_path: Path) -> None:
    signed = Authority(tmp_path).sign("hub")
    context = server_context(signed.cert, signed.key)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    with pytest.raises(ValueError, match="expected a TLS context"):
        check_exposure("127.0.0.1", context, asks=True)
