"""The labelled hits once more, through a real server behind a trusted proxy: what is stored is what the rules say."""

from __future__ import annotations

import asyncio
import os
import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from config.load import load
from config.settings import Settings
from ledger.message_id import MessageId, mint_message_id
from ledger.records import LinkRecord, MessageRecord, State
from ledger.shared import open_ledger
from ledger.tokens import KeyRing
from ledger.urls import TrackingUrls, UrlGrammar
from pixel_server.public.app import PublicServer
from pixel_server.public.second_looks import SecondLooks

BASE = "http://127.0.0.1"
RING = KeyRing({1: b"k" * 32})
LINKS = 5
CONFIG = """
data_dir = "var"
[upstream.default]
sandbox = true
[pixel_server]
bind = "127.0.0.1:0"
trusted_proxies = ["127.0.0.0/8"]
[hits]
networks_file = "networks.txt"
"""


def is_live(vector: dict[str, Any]) -> bool:
    # The page's cookie is not sent to the public host, on purpose (R01); and every message here has its 250.
    return not vector["context"].get("own_cookie") and vector["delay_s"] is not None


def _links(vector: dict[str, Any]) -> range:
    return range(1, vector["context"].get("links_in_message", LINKS) + 1)


async def ask(port: int, vector: dict[str, Any], url: str) -> None:
    lines = [f"{vector['method']} {url.removeprefix(BASE)} HTTP/1.1", "Host: x", "Connection: close"]
    lines += [f"{name}: {value}" for name, value in vector["headers"].items()]
    lines += [f"X-Forwarded-For: {vector['ip']}"]
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(("\r\n".join(lines) + "\r\n\r\n").encode())
    await reader.read()
    writer.close()


async def test_what_is_stored_is_what_the_rules_say(labelled: list[dict[str, Any]], tmp_path: Path) -> None:
    # One address has several autonomous systems in the labelled hits, so each of them gets a server of its own.
    by_asn: dict[int | None, list[dict[str, Any]]] = {}
    for vector in filter(is_live, labelled):
        by_asn.setdefault(vector["context"].get("asn"), []).append(vector)
    assert sum(map(len, by_asn.values())) > 50
    for asn, vectors in by_asn.items():
        folder = tmp_path / str(asn)
        folder.mkdir()
        lists = {f"{vector['ip']} AS{asn}\n" for vector in vectors} if asn else set()
        (folder / "networks.txt").write_text("".join(lists))
        (folder / "relay.toml").write_text(CONFIG)
        expected = await _play(load(folder / "relay.toml", {}), vectors)
        stored = _stored(folder / "var" / "mailglass.db")
        assert {message for message, _ in stored} == set(expected)
        for message, verdict in stored:
            assert verdict == expected[message][1:], expected[message][0]


async def _play(settings: Settings, vectors: list[dict[str, Any]]) -> dict[bytes, tuple[str, str, str, str]]:
    """Asks as each labelled hit did; by message: the label's id and verdict."""
    expected = {}
    # A clock that stands: seconds that the machine loses are no delay of the hit. The ledger keeps milliseconds.
    now = datetime.now(UTC).replace(microsecond=0)
    ledger = await open_ledger(settings, clock=lambda: now)
    ledger.patience_seconds = 5  # this machine may be busy; what is asked here is not how long it takes
    looks = SecondLooks(settings, ledger, now.timestamp)
    looks.start()
    server = PublicServer(settings, ledger, lambda: RING)
    await server.start()
    for vector in vectors:
        message, urls = await _message(ledger, vector, now)
        told = vector["expect"]
        expected[message.raw] = (vector["id"], told["class"], told["confidence"], told["rule"])
        clicked = [urls.link(link, f"https://example.com/{link}") for link in _links(vector)]
        count = vector["context"].get("distinct_links_same_source_within_2s", 1)
        for url in [urls.pixel()] if vector["path_kind"] == "pixel" else clicked[:count]:
            await ask(server.port, vector, url)
    await server.close()
    await looks.close()
    await ledger.close()
    return expected


def _stored(path: Path) -> list[tuple[bytes, tuple[str, str, str]]]:
    database = sqlite3.connect(path)
    rows = database.execute(
        "SELECT message.id, hit.class, hit.confidence, hit.rule FROM hit JOIN message ON message.seq = hit.message_seq"
    ).fetchall()
    database.close()
    return [(row[0], row[1:]) for row in rows]


async def _message(ledger: Any, vector: dict[str, Any], now: datetime) -> tuple[MessageId, TrackingUrls]:
    message = mint_message_id(round(now.timestamp() * 1000), os.urandom(10))
    own = vector["ip"] if vector["context"].get("own_ip_match") else ""
    await ledger.register(MessageRecord(
        message, now, f"{message}@example.com", ("mia@example.net",), opens=True, links=True, client_network=own,
        link_list=tuple(LinkRecord(n, f"https://example.com/{n}", tracked=True) for n in _links(vector)),
    ))  # fmt: skip
    accepted = now - timedelta(seconds=vector["delay_s"])
    await ledger.settle(message, State.SENT, "250 2.0.0 Ok", accepted)
    return message, TrackingUrls(UrlGrammar(BASE), RING, message)
