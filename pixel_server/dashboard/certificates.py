"""When a certificate ends, asked of the ssl module, which shows only what it has verified."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any


def ends_at(certificate: Mapping[str, Any] | None) -> datetime | None:
    """The end in what ``getpeercert`` gave; None when that was nothing."""
    written = (certificate or {}).get("notAfter")
    return datetime.fromtimestamp(ssl.cert_time_to_seconds(written), UTC) if isinstance(written, str) else None


def handshake_in_memory(certificate: str, private_key: str) -> datetime | None:
    """When a listener's certificate ends, as a client of it sees: both ends are played here, without a socket.

    Raises OSError for files that cannot be read, and ssl.SSLError (one too) for a pair that no client would take, such
    as one that has ended.
    """
    server_context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server_context.load_cert_chain(certificate, private_key or None)
    client_context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client_context.check_hostname = False  # a client's question; the time is ours
    client_context.load_verify_locations(cafile=certificate)
    client_context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN  # the file may end below its root
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    server = server_context.wrap_bio(to_server, to_client, server_side=True)
    client = client_context.wrap_bio(to_client, to_server)
    for _ in range(10):
        done = [_step(client), _step(server)]
        if all(done):
            return ends_at(client.getpeercert())
    return None


def _step(side: ssl.SSLObject) -> bool:
    try:
        side.do_handshake()
    except ssl.SSLWantReadError:
        return False
    return True
