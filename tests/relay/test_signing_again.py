"""A message that came signed, tracked and signed again: what arrives verifies under our own key."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from relay.wiring import ConfigurationFault
from tests.optin.test_dkim_signing import KEY, verifies
from tests.relay.conftest import StartRelay
from tests.relay.upstream_servers import Behaves

SIGNED = (
    b"DKIM-Signature: v=1; a=rsa-sha256; d=example.org; s=x; h=from; bh=AA==; b=AA==\r\n"
    b"From: a@example.com\r\nTo: b@example.net\r\nX-Track: all\r\nSubject: Hello\r\n"
    b"MIME-Version: 1.0\r\nContent-Type: text/html\r\n\r\n"
    b'<p><a href="https://example.com/a">one</a></p>\r\n'
)


async def test_what_arrives_verifies(start_relay: StartRelay, upstream: Behaves, tmp_path: Path) -> None:
    file = tmp_path / "dkim.pem"
    file.write_bytes(KEY.pem)
    tracking = {
        "dkim_signed": "track", "dkim_key_file": str(file), "dkim_selector": "mail", "dkim_domain": "example.com"
    }  # fmt: skip
    relay = await start_relay(upstream, {"rewriter": None, "decide": None}, tracking=tracking)
    reply = await (await relay.session()).submit(SIGNED)
    assert b"opens, 1 of 1 links; DKIM: signed again]" in reply
    arrived = upstream.delivered[0].content
    assert arrived.count(b"DKIM-Signature:") == 2, "the old one stays"
    assert b"X-Track" not in arrived
    assert verifies(arrived)


FOLDED = SIGNED.replace(b"s=x; h=from;", b"s=x;\r\n h=from;")


@pytest.mark.parametrize("lines", [1, 2, 3, 5])
async def test_the_signature_comes_behind_what_the_upstream_was_given_in_the_meantime(
    start_relay: StartRelay, upstream: Behaves, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lines: int
) -> None:
    """Header lines go up while a message is held for long; a new field stands in front of all others otherwise."""
    monkeypatch.setattr("relay.patience.SECONDS", 0.05)
    file = tmp_path / "dkim.pem"
    file.write_bytes(KEY.pem)
    tracking = {
        "dkim_signed": "track", "dkim_key_file": str(file), "dkim_selector": "mail", "dkim_domain": "example.com"
    }  # fmt: skip
    relay = await start_relay(upstream, {"rewriter": None, "decide": None}, tracking=tracking)
    client = await relay.session()
    await client.begin()
    await client.ask(b"DATA")
    await client.send(FOLDED)
    kept = FOLDED.replace(b"X-Track: all\r\n", b"").splitlines(keepends=True)
    await upstream.until(lambda: upstream.content_so_far >= len(b"".join(kept[:lines])))
    await client.send(b".\r\n")
    assert b"opens, 1 of 1 links; DKIM: signed again]" in await client.reply()
    arrived = upstream.delivered[0].content
    assert arrived.startswith(b"".join(kept[: max(lines, 2)])), "a field that was begun is ended first"
    header = arrived.partition(b"\r\n\r\n")[0] + b"\r\n"
    fields = re.findall(rb"(?:[^\s:]+:.*\r\n(?:[ \t].*\r\n)*)", header)
    assert b"".join(fields) == header
    ours = [field for field in fields if b"d=example.com" in field]
    assert len(ours) == 1
    assert verifies(ours[0] + arrived.replace(ours[0], b""))


async def test_a_key_that_cannot_be_read_is_told_at_the_start(
    start_relay: StartRelay, upstream: Behaves, tmp_path: Path
) -> None:
    tracking = {
        "dkim_signed": "track", "dkim_key_file": str(tmp_path / "none.pem"), "dkim_selector": "mail",
        "dkim_domain": "example.com",
    }  # fmt: skip
    with pytest.raises(ConfigurationFault, match="dkim_key_file"):
        await start_relay(upstream, {"rewriter": None, "decide": None}, tracking=tracking)
