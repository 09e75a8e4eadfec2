"""What ``run`` prints when it is ready: where everything is, and what to type next. Pure."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path

from config.settings import Listener, Settings
from mailglass.installation import Started


def url(address: tuple[str, int]) -> str:
    """An address as a browser on this machine reaches it."""
    host, port = address
    host = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, host)  # noqa: S104 - nothing is bound
    return f"http://{f'[{host}]' if ':' in host and not host.startswith('[') else host}:{port}"


def greeting(settings: Settings, started: Started, command: Command) -> str:
    listeners, dashboard = started.listeners, started.dashboard
    lines = ["mailglass is ready.", ""]
    for listener, (host, port) in zip(settings.listener, listeners, strict=False):
        shown = f"[{host}]" if ":" in host else host or "*"
        lines.append(f"  mail clients    {shown}:{port}  ({_kind(settings, listener)})")
    if started.pixel_server:
        lines.append(f"  tracking        {settings.tracking.public_url}  (answered at {url(started.pixel_server)})")
    if dashboard:
        lines.append(f"  log in at       {url(dashboard)}/")
        if started.first_account_path:
            lines.append(f"  first account   {url(dashboard)}{started.first_account_path}  (works once)")
    if listeners:
        lines += ["", "Send a first tracked message:", f"  {command.line('send-test --to you@example.com')}"]
        if settings.sandboxed:
            lines.append(f"It is not sent but filed in {settings.outbox_dir}; open it on the page under Outbox.")
    return "\n".join([*lines, "", "Ctrl-C stops."])


def _kind(settings: Settings, listener: Listener) -> str:
    upstream = settings.upstream[listener.upstream]
    where = "sandbox: nothing leaves this machine" if upstream.sandbox else f"to {upstream.host}:{upstream.port}"
    security = {"none": "no encryption", "starttls": "STARTTLS", "tls": "TLS"}[listener.security]
    default = "" if listener.default == "none" else f", tracks {listener.default} by default"
    return f"{security}, {where}{default}"


@dataclass(frozen=True, slots=True)
class Command:
    """How mailglass is called here, and with which configuration."""

    name: str
    config: Path

    def line(self, words: str) -> str:
        """What to type for these words."""
        option = "" if self.config == Path("relay.toml") else f" --config {shlex.quote(str(self.config))}"
        return f"{self.name} {words}{option}"


def command_for(typed: str, config: Path, folder: Path) -> Command:
    """How to call mailglass again: as it was called, shorter when it lies below the current folder."""
    path = Path(typed)
    if path.name == "__main__.py":
        typed = "python -m mailglass"
    elif path.is_absolute() and path.is_relative_to(folder):
        typed = str(path.relative_to(folder))
    return Command(typed, config)
