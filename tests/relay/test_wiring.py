"""What holds for the relay as a whole: where it listens, which clock it asks, what it never does with a message."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from config.addresses import is_loopback
from config.settings import Listener, Settings, host_and_port
from relay.receipts import receipt_edit
from relay.wiring import ConfigurationFault, build
from tests.relay.running_relay import run_relay, settings_for
from tests.relay.upstream_servers import Behaves

RELAY = Path(__file__).resolve().parents[2] / "relay"


def modules() -> dict[str, ast.Module]:
    return {str(path.relative_to(RELAY)): ast.parse(path.read_text("utf-8")) for path in sorted(RELAY.rglob("*.py"))}


async def test_by_default_nothing_listens_beyond_loopback(upstream: Behaves, tmp_path: Path) -> None:
    """T38, C04."""
    assert all(is_loopback(host_and_port(one.bind)[0]) for one in Settings().listener)
    relay = await run_relay(settings_for(upstream.port, tmp_path))
    server = relay.server.ports[0].server
    assert server is not None
    assert {sock.getsockname()[0] for sock in server.sockets} == {"127.0.0.1"}
    await relay.server.stop(0)
    for bind in ("0.0.0.0:2525", "*:2525", "[::]:2525", "192.0.2.1:2525"):
        with pytest.raises(ValueError, match="not loopback"):
            Listener(bind=bind)


PRINTING = {"as_bytes", "as_string", "BytesGenerator", "BytesParser", "message_from_bytes", "EmailMessage", "MIMEText"}


def test_no_module_of_the_relay_prints_a_message_it_has_parsed() -> None:
    """B03: parsing and printing again changes spacing, folding, ``From`` lines and long headers."""
    for name, tree in modules().items():
        used = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
        used |= {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
        imported = {one.name for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) for one in node.names}
        assert not (used | imported) & PRINTING, name


# Records, reports, spooled copies and outbox carry times of day; the spool's retries must outlive the process.
ASK_THE_TIME_OF_DAY = re.compile(r"wiring|sandbox|spool|individual|retry|status_notification|copy_delivery")


def test_no_deadline_of_the_live_path_asks_the_wall_clock() -> None:
    """F07: a clock that is set neither fires a deadline nor stalls it."""
    for name, tree in modules().items():
        if ASK_THE_TIME_OF_DAY.search(name):
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute):
                whole = ast.unparse(node)
                assert whole not in ("time.time", "datetime.now", "datetime.utcnow", "time.time_ns"), name


async def test_a_folder_that_cannot_be_made_is_one_plain_line(upstream: Behaves, tmp_path: Path) -> None:
    """F11: the command ends with status 78 on it."""
    (tmp_path / "data").write_text("a file where the folder should be")
    with pytest.raises(ConfigurationFault) as told:
        await run_relay(settings_for(upstream.port, tmp_path / "data"))
    assert str(told.value).startswith("data_dir: ")
    assert "\n" not in str(told.value)
    assert "Error" not in str(told.value)
    assert build is not None


@pytest.mark.parametrize(
    ("sender", "asked"),
    [
        ("ann@example.com", True),
        ("", False),
        ("ann@example.com>\r\nBcc: evil@example.org", False),
        ("ann smith@example.com", False),
        ('"ann"@example.com', False),
        ("ännchen@example.com", False),
        ("ann@example.com\x00", False),
    ],
)
def test_a_receipt_is_asked_for_by_a_plain_address_or_not_at_all(sender: str, asked: bool) -> None:
    """T43: the one header field the relay ever writes."""
    edit = receipt_edit(b"Subject: x\r\n\r\nHello\r\n", sender)
    assert (edit is not None) is asked
    if edit is not None:
        assert edit.new == b"Disposition-Notification-To: <ann@example.com>\r\n"
