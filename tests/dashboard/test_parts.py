"""How the Set-up page sees the parts of an installation, sound and broken."""

from __future__ import annotations

import asyncio
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from ledger.journal import Journal, count_waiting
from pixel_server.dashboard.certificates import handshake_in_memory
from tests.dashboard.house import NOW, House
from tests.dashboard.letters import letter
from tests.dashboard.visits import Visitor
from tests.free_ports import free_ports


def certificate(folder: Path, ends: datetime) -> tuple[str, str]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "mail.example.com")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(min(ends, datetime.now(UTC)) - timedelta(days=2))
        .not_valid_after(ends)
        .sign(key, hashes.SHA256())
    )
    paths = folder / "certificate.pem", folder / "key.pem"
    paths[0].write_bytes(made.public_bytes(serialization.Encoding.PEM))
    encoding = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    paths[1].write_bytes(key.private_bytes(*encoding))
    return str(paths[0]), str(paths[1])


def test_a_certificate_says_when_it_ends(tmp_path: Path):
    ends = datetime.now(UTC).replace(microsecond=0) + timedelta(days=40)
    assert handshake_in_memory(*certificate(tmp_path, ends)) == ends


def test_a_certificate_that_has_ended_is_refused(tmp_path: Path):
    with pytest.raises(ssl.SSLError) as refused:
        handshake_in_memory(*certificate(tmp_path, datetime.now(UTC) - timedelta(days=1)))
    assert "expired" in str(refused.value)


def test_hits_that_wait_in_a_journal_are_noticed_and_an_empty_one_is_not(tmp_path: Path):
    assert count_waiting(tmp_path / "none") == 0
    journal = Journal(tmp_path)
    journal.open()
    assert count_waiting(tmp_path) == 0
    journal.append([{"a": 1}])
    assert count_waiting(tmp_path) == 1


async def parts_of(house: House, visitor: Visitor) -> dict[str, tuple[bool, str]]:
    house.add_account("hanna", admin=True)
    await visitor.log_in()
    rows = (await visitor.get("/set-up")).page.select("ul.parts > li")
    return {row.b.text: ("well" in row["class"], row.small.text) for row in rows}


async def test_every_listener_is_shown_with_what_it_tracks_and_asked_whether_it_is_there(tmp_path: Path, visitor_of):
    first, second = free_ports(2)
    house, visitor = visitor_of(
        listener=[{"bind": f"127.0.0.1:{first}"}, {"bind": f"127.0.0.1:{second}", "default": "all"}]
    )
    house.add_account("hanna", admin=True)
    await visitor.log_in()
    page = (await visitor.get("/set-up")).page
    assert [cell.text for cell in page.select("[data-name='Without a header']")] == ["not tracked", "opens and links"]
    relays = [row.small.text for row in page.select("ul.parts > li") if row.b.text == "Relay"]
    assert relays == [f"does not answer at 127.0.0.1:{port}" for port in (first, second)]


async def test_the_test_and_the_mail_programs_take_the_listener_that_is_chosen(visitor_of):
    first, second = free_ports(2)
    house, visitor = visitor_of(listener=[{"bind": f"127.0.0.1:{one}"} for one in (first, second)])
    house.add_account("hanna", admin=True)
    await visitor.log_in()
    typed = {"from": "hanna@example.com", "to": "mia@example.net"}
    for port, chosen in ((second, {"listener": f"127.0.0.1:{second}"}), (first, {}), (first, {"listener": "::1:25"})):
        told = (await visitor.submit("/set-up", "/set-up/test", **typed, **chosen)).page
        assert f"127.0.0.1:{port}" in told.select_one(".alarm code").text
        assert told.select_one("[name=listener] [selected]")["value"] == f"127.0.0.1:{port}"
        assert {name: told.select_one(f"[name={name}]")["value"] for name in typed} == typed
        assert f'SMTP("127.0.0.1", {port}' in told.text.replace("&#34;", '"')
        linked = next(one for one in told.select("nav.choices a") if one.text == f"127.0.0.1:{port}")
        again = (await visitor.get(linked["href"])).page
        assert again.select_one("nav.choices [aria-current]").text == f"127.0.0.1:{port}"


async def test_a_single_listener_is_no_choice(visitor_of):
    house, visitor = visitor_of(listener=[{"bind": f"127.0.0.1:{free_ports(1)[0]}"}])
    house.add_account("hanna", admin=True)
    await visitor.log_in()
    page = (await visitor.get("/set-up")).page
    assert page.select("[name=listener], nav.choices") == []


async def test_a_page_that_follows_a_test_knocks_at_no_server_for_each_hit(visitor_of):
    house, visitor = visitor_of()
    house.add_account("hanna", admin=True)
    await visitor.log_in()
    assert len((await visitor.get("/set-up")).page.select("ul.parts > li")) > 6
    assert (await visitor.get("/set-up", headers={"X-Live": "1"})).page.select("ul.parts > li") == []


async def test_what_does_not_answer_is_named(tmp_path: Path, visitor_of):
    port, other = free_ports(2)
    house, visitor = visitor_of(
        listener=[{"bind": f"127.0.0.1:{port}"}],
        upstream={"default": {"host": "127.0.0.1", "port": other, "security": "none"}},
        tracking={"public_url": f"http://127.0.0.1:{port}"},
    )
    found = await parts_of(house, visitor)
    assert found["Relay"] == (False, f"does not answer at 127.0.0.1:{port}")
    assert found["Upstream default"] == (False, f"does not answer at 127.0.0.1:{other}")
    assert found["Public address"] == (False, f"does not answer at http://127.0.0.1:{port}")
    assert found["Ledger"][0]
    assert found["Disk"][0]
    assert found["Clock"][0]


async def test_the_spool_says_what_waits_and_what_was_damaged(visitor_of):
    house, visitor = visitor_of()
    assert (await parts_of(house, visitor))["Spool"] == (True, "empty: no copy waits")
    folder = house.settings.spool_dir
    (folder / "quarantine").mkdir(parents=True)
    for name in ("01.mail", "01.log", ".02.mail.new", "lock"):
        (folder / name).touch()

    async def spool() -> tuple[bool, str]:
        rows = (await visitor.get("/set-up")).page.select("ul.parts > li")
        (row,) = [row for row in rows if row.b.text == "Spool"]
        return "well" in row["class"], row.small.text

    assert await spool() == (True, "messages waiting for another try: 1")
    (folder / "quarantine" / "stray").touch()
    assert await spool() == (False, f"damaged files in {folder}/quarantine: 1")


async def test_somebody_else_at_the_public_address_is_not_taken_for_us(visitor_of):
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    house, visitor = visitor_of(tracking={"public_url": f"http://127.0.0.1:{port}"})
    found = await parts_of(house, visitor)
    server.close()
    assert found["Public address"] == (False, f"somebody else answers at http://127.0.0.1:{port}")


async def test_a_clock_that_goes_slow_is_noticed_by_what_the_ledger_has(visitor_of):
    house, visitor = visitor_of()
    house.register(letter(NOW + timedelta(hours=3)))
    well, text = (await parts_of(house, visitor))["Clock"]
    assert not well
    assert "goes slow" in text


async def test_a_listeners_certificate_that_ends_soon_is_no_longer_well(tmp_path: Path, visitor_of):
    path, key = certificate(tmp_path, datetime.now(UTC) + timedelta(days=400))
    listener = {"bind": "127.0.0.1:2525", "security": "starttls", "certificate": path, "private_key": key}
    house, visitor = visitor_of(listener=[listener])
    assert (await parts_of(house, visitor))["Certificate of 127.0.0.1:2525"][0]
    house.now = datetime.now(UTC) + timedelta(days=395)
    await visitor.log_in()
    rows = (await visitor.get("/set-up")).page.select("ul.parts > li")
    row = next(row for row in rows if row.b.text == "Certificate of 127.0.0.1:2525")
    assert "ill" in row["class"]
