"""What lies where the configuration points: files that hold not what they should, and would keep ``run`` from starting.

Whether they are there is known already (config/load.py); here each is read by what uses it later. Changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator

from config.faults import Fault
from config.settings import Settings
from ledger.keys import faults_of
from pixel_server.public.signs.loading import SignsFault, load_signs
from relay.tls import CertificateFault, server_certificate, upstream_context
from relay.wiring import ConfigurationFault, dkim_key


def faults_of_files(settings: Settings) -> Iterator[Fault]:
    """All of them, each with the setting that names the file."""
    for number, listener in enumerate(settings.listener):
        try:
            server_certificate(listener)
        except CertificateFault as fault:
            yield Fault(f"listener[{number}].certificate", str(fault))
    for name, upstream in settings.upstream.items():
        try:
            upstream_context(upstream)
        except CertificateFault as fault:
            yield Fault(f"upstream.{name}.ca_file", str(fault))
    try:
        if settings.tracking.dkim_signed == "track":  # else the key is not used
            dkim_key(settings)
    except ConfigurationFault as fault:
        where, _, what = str(fault).partition(": ")
        yield Fault(where, what)
    if settings.hits.networks_file is not None:
        try:
            load_signs(settings.hits.networks_file)
        except SignsFault as fault:
            yield Fault("hits.networks_file", str(fault))
    try:
        if settings.data_dir.exists() and not settings.data_dir.is_dir():
            yield Fault("data_dir", f"{settings.data_dir} is no folder")
        else:
            yield from (Fault("keys", what) for what in faults_of(settings.keys_dir))
    except OSError as fault:
        yield Fault("data_dir", f"cannot use {settings.data_dir}: {fault.strerror}")
