"""What a database's fault is called for an operator: where the database is and why it could not be used, in words.

No class names, and nothing of what was to be stored: of a server's answer only its main line, which names users,
databases and files.
"""

from __future__ import annotations

import os
import socket
import ssl

from sqlalchemy import URL
from sqlalchemy.exc import DBAPIError

from ledger.engine import Place


def words_for(fault: BaseException, place: Place) -> str:
    """Such as ``db.example.com:5432: Connection refused``; of a file only the reason."""
    reason = _reason(fault)
    return reason if place.path is not None else f"{_server(place.url)}: {reason}"


def _server(url: URL) -> str:
    """Host and port, or the folder of the socket; of several servers all."""
    told, port = url.query.get("host", ()), url.query.get("port", "")
    hosts = told.split(",") if isinstance(told, str) else told
    if not hosts:
        host = url.host or "localhost"
        return f"{f'[{host}]' if ':' in host else host}:{url.port or port or 5432}"
    ports = str(port or url.port or "").split(",")
    named = zip(hosts, ports if len(ports) == len(hosts) else [""] * len(hosts), strict=True)
    return ", ".join(f"{host}:{port}" if port else host for host, port in named)


def _reason(fault: BaseException) -> str:
    # SQLAlchemy wraps the driver's fault, and its face of asyncpg wraps that once more.
    original = fault.orig if isinstance(fault, DBAPIError) and fault.orig is not None else fault
    match original.__cause__ or original if isinstance(fault, DBAPIError) else original:
        case ssl.SSLError() as told:
            why = getattr(told, "verify_message", "") or getattr(told, "reason", "")
            return f"TLS failed ({why or 'no reason given'})"
        case TimeoutError():
            return "no answer in time"
        case socket.gaierror() as told:
            return told.strerror or "the name is not known"
        case OSError(errno=int(number)) if number > 0:
            return os.strerror(number)
        case UnicodeError():
            return "this is no name of a host"
        case OSError():
            return "no connection"  # to none of the addresses of its name
        case TypeError() | AttributeError() | LookupError():
            return "a fault of mailglass itself, or of the driver"
        case other:
            return next(iter(str(other).splitlines()), "no reason given")
