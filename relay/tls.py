"""TLS contexts for both sides: listeners whose renewed certificates are picked up, upstreams that are verified.

TLS 1.2 is the floor on both sides (RFC 9325 section 3.1.1); ciphers are left to the library.
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field
from pathlib import Path

from config.settings import Listener, Upstream

Stamp = tuple[int, int, int]


class CertificateFault(ValueError):
    """A certificate or key file cannot be used. The words name the setting and the file."""


@dataclass(slots=True)
class ServerCertificate:
    """A listener's context; ``refresh`` loads the files again when they have changed."""

    certificate: Path
    private_key: Path
    context: ssl.SSLContext = field(init=False)
    _loaded: tuple[Stamp, Stamp] = field(init=False)

    def __post_init__(self) -> None:
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.minimum_version = ssl.TLSVersion.TLSv1_2
        self._loaded = self._stamps()
        self._load(self.context)

    def refresh(self) -> bool:
        """True when new files are in use. Files that do not fit (yet) are left for later; raises CertificateFault."""
        stamps = self._stamps()
        if stamps == self._loaded:
            return False
        self._load(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER))  # a half-written pair must not spoil the one in use
        self._load(self.context)
        self._loaded = stamps
        return True

    def _stamps(self) -> tuple[Stamp, Stamp]:
        return _stamp(self.certificate), _stamp(self.private_key)

    def _load(self, context: ssl.SSLContext) -> None:
        try:
            context.load_cert_chain(self.certificate, self.private_key)
        except (OSError, ssl.SSLError) as error:
            raise CertificateFault(
                f"certificate {self.certificate} and private_key {self.private_key} cannot be used: "
                f"{error.strerror or error}"
            ) from None


def _stamp(path: Path) -> Stamp:
    try:
        status = path.stat()
    except OSError as error:
        raise CertificateFault(f"{path} cannot be read: {error.strerror}") from None
    return status.st_mtime_ns, status.st_size, status.st_ino


def server_certificate(listener: Listener) -> ServerCertificate | None:
    """None for a listener without TLS."""
    if listener.security == "none" or listener.certificate is None or listener.private_key is None:
        return None
    return ServerCertificate(listener.certificate, listener.private_key)


def upstream_context(upstream: Upstream) -> ssl.SSLContext | None:
    """A context that verifies certificate and name; None where no TLS is spoken."""
    if upstream.sandbox or upstream.security == "none":
        return None
    try:
        context = ssl.create_default_context(cafile=str(upstream.ca_file) if upstream.ca_file else None)
    except (OSError, ssl.SSLError) as error:
        raise CertificateFault(f"ca_file {upstream.ca_file} cannot be used: {error.strerror or error}") from None
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context
