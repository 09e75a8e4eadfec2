"""Real mail programs, each sending one HTML message with ``X-Track: all`` in its own way of writing MIME.

A sender is a function of the relay's port, the HTML and a subject; ``None`` as its program means Python alone.
"""

from __future__ import annotations

import os
import shutil
import smtplib
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
NODEMAILER = ROOT / ".cache" / "node" / "node_modules"
SENDER, RECIPIENT = "ann@example.com", "bob@example.net"
PATIENCE_SECONDS = 90


@dataclass(frozen=True, slots=True)
class Sender:
    program: str | None
    send: Callable[[int, str, str, Path], None]

    @property
    def missing(self) -> str | None:
        """Why it cannot be used on this machine."""
        if self.program == "nodemailer":
            return (
                None if shutil.which("node") and NODEMAILER.is_dir() else "nodemailer is not installed (make test does)"
            )
        return None if self.program is None or shutil.which(self.program) else f"{self.program} is not installed"


def _run(*command: str, stdin: str = "", env: Mapping[str, str] | None = None, cwd: Path | None = None) -> None:
    ended = subprocess.run(
        command,
        input=stdin.encode(),
        capture_output=True,
        timeout=PATIENCE_SECONDS,
        env={**os.environ, **(env or {})},
        cwd=cwd,
    )
    assert ended.returncode == 0, f"{command[0]}: {ended.stdout.decode()}{ended.stderr.decode()}"


def _message(html: str, subject: str) -> EmailMessage:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = SENDER, RECIPIENT, subject
    message["X-Track"] = "all"
    message.set_content("The same in plain text.")
    message.add_alternative(html, subtype="html")
    return message


def smtplib_sends(port: int, html: str, subject: str, folder: Path) -> None:
    with smtplib.SMTP("127.0.0.1", port, timeout=PATIENCE_SECONDS) as client:
        assert client.send_message(_message(html, subject)) == {}


def swaks_sends(port: int, html: str, subject: str, folder: Path) -> None:
    (folder / "body.html").write_text(html)
    _run(
        "swaks", "--server", "127.0.0.1", "--port", str(port), "--from", SENDER, "--to", RECIPIENT,
        "--header", f"Subject: {subject}", "--add-header", "X-Track: all", "--hide-all",
        "--attach-type", "text/html", "--attach-body", f"@{folder / 'body.html'}",
    )  # fmt: skip


def msmtp_sends(port: int, html: str, subject: str, folder: Path) -> None:
    (folder / "msmtprc").write_text(f"account default\nhost 127.0.0.1\nport {port}\nfrom {SENDER}\nauth off\ntls off\n")
    (folder / "msmtprc").chmod(0o600)
    _run("msmtp", "-C", str(folder / "msmtprc"), RECIPIENT, stdin=_message(html, subject).as_string())


def curl_sends(port: int, html: str, subject: str, folder: Path) -> None:
    (folder / "body.html").write_text(html)
    _run(
        "curl", "--silent", "--show-error", "--url", f"smtp://127.0.0.1:{port}/client.example.com",
        "--mail-from", SENDER, "--mail-rcpt", RECIPIENT, "-F", "=(;type=multipart/alternative",
        "-F", "=The same in plain text.;type=text/plain",
        "-F", f"=<{folder / 'body.html'};type=text/html;encoder=quoted-printable", "-F", "=)",
        "-H", f"Subject: {subject}", "-H", f"From: {SENDER}", "-H", f"To: {RECIPIENT}", "-H", "X-Track: all",
    )  # fmt: skip


def mutt_sends(port: int, html: str, subject: str, folder: Path) -> None:
    (folder / "muttrc").write_text(
        f'set smtp_url="smtp://127.0.0.1:{port}/"\nset from="{SENDER}"\nset content_type=text/html\n'
        f"set record=\nset ssl_starttls=no\nset ssl_force_tls=no\nmy_hdr X-Track: all\n"
    )
    _run("mutt", "-n", "-F", str(folder / "muttrc"), "-s", subject, RECIPIENT, stdin=html, env={"HOME": str(folder)})


def s_nail_sends(port: int, html: str, subject: str, folder: Path) -> None:
    _run(
        "s-nail", "-n", "-S", "v15-compat", "-S", f"mta=smtp://127.0.0.1:{port}", "-S", "smtp-auth=none",
        "-S", f"from={SENDER}", "-S", "customhdr=X-Track: all", "-M", "text/html", "-s", subject, RECIPIENT,
        stdin=html, env={"HOME": str(folder), "MAILRC": "/dev/null"},
    )  # fmt: skip


def nodemailer_sends(port: int, html: str, subject: str, folder: Path) -> None:
    (folder / "body.html").write_text(html)
    script = """
      const [port, file, subject, from, to] = process.argv.slice(2);
      const transport = require("nodemailer").createTransport({host: "127.0.0.1", port: +port, ignoreTLS: true});
      const html = require("fs").readFileSync(file, "utf8");
      transport.sendMail({from, to, subject, html, text: "The same in plain text.", headers: {"X-Track": "all"}})
        .then(() => process.exit(0), error => { console.error(error); process.exit(1); });
    """
    (folder / "send.js").write_text(script)
    arguments = (str(port), str(folder / "body.html"), subject, SENDER, RECIPIENT)
    _run("node", str(folder / "send.js"), *arguments, env={"NODE_PATH": str(NODEMAILER)})


SENDERS = {
    "smtplib": Sender(None, smtplib_sends),
    "swaks": Sender("swaks", swaks_sends),
    "msmtp": Sender("msmtp", msmtp_sends),
    "curl": Sender("curl", curl_sends),
    "mutt": Sender("mutt", mutt_sends),
    "s-nail": Sender("s-nail", s_nail_sends),
    "nodemailer": Sender("nodemailer", nodemailer_sends),
}
