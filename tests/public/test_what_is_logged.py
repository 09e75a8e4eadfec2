"""D01, for hits: nothing that a visitor sent and nothing that names a recipient stands in the log, at any level."""

from __future__ import annotations

import logging
import re
from pathlib import Path

import pytest

from config.settings import Log
from ledger.records import CopyRecord
from mailglass.log_output import send_log_to_stderr
from pixel_server.session_cookie import COOKIE
from tests.public.public_port import PublicPort
from tests.public.test_hits_survive import damage

DESTINATION = "https://example.org/secret-destination?token=s3cret"
AGENT = "Mozilla/5.0 (X11; Marker-Agent-7731) Gecko/20100101 Firefox/130.0"
SENT = ("203.0.113.77", "2001:db8:77:88::1", "Marker-Agent-7731", "secret-destination", "s3cret", "marker-referer",
        "marker-cookie", "ann.marker@example.net", "nobody may read")  # fmt: skip


@pytest.fixture
def as_configured():
    """The log as it was before, afterwards."""
    ours, root = logging.getLogger("mailglass"), logging.getLogger()
    before = ours.handlers, ours.propagate, ours.level, root.handlers
    yield
    ours.handlers, ours.propagate, ours.level, root.handlers = before


@pytest.mark.parametrize("form", ["text", "json"])
async def test_no_visitor_and_no_recipient_stands_in_the_log(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], as_configured: None, form: str
) -> None:
    send_log_to_stderr(Log.model_validate({"level": "debug", "format": form}))
    port = await PublicPort.open(tmp_path, pixel_server={"trusted_proxies": ["127.0.0.0/8"]})
    urls = await port.message(recipients=("ann.marker@example.net",), copies=(CopyRecord(1, "ann.marker@example.net"),),
                              individually=True)  # fmt: skip
    spoilt = urls.link(1, DESTINATION, 1).replace("s3cret", "s3cret2")
    asked = [urls.pixel(1), urls.link(1, DESTINATION, 1), urls.page(1), spoilt, urls.pixel(1)[:-8] + "AAAA.gif"]
    told = {"User_Agent": AGENT, "Referer": "https://example.com/marker-referer", "Cookie": f"{COOKIE}=marker-cookie"}
    for url in asked:
        for method in ("GET", "HEAD", "POST", "OPTIONS"):
            for address in SENT[:2]:
                await port.get(url, method, **told, X_Forwarded_For=address)
    file = port.ledger.place.path
    assert file is not None

    async def trouble() -> None:
        port.ledger.forget_all_states()
        for url in asked:
            await port.get(url, **told)

    await damage(file, trouble)  # that is what makes a log speak
    await port.send(b"GET /o/" + AGENT.encode() + b" HTTP/9.9\r\nHost: marker-referer\r\n\r\n")
    await port.close()
    log = capsys.readouterr().err
    for word in SENT:
        assert word not in log
    for url in asked:
        assert re.findall(r"/[ocp]/([\w-]{30})", url)[0] not in log
    assert "the ledger" in log  # it said something
