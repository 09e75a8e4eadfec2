"""Real mail clients, each as a command that submits one message to 127.0.0.1:PORT; with login and STARTTLS on demand.

A client that writes its own Date, Message-ID and boundaries gets those masked before bytes are compared.
"""

from __future__ import annotations

import asyncio
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.relay.real_postfix import PASSWORD, USER

SENDER, RECIPIENT = "a@example.com", "b@example.net"
MESSAGE = (
    "From: a@example.com\nTo: b@example.net\nSubject: Grüße\nDate: Mon, 02 Nov 2026 10:00:00 +0000\n"
    "Message-ID: <1@example.com>\nMIME-Version: 1.0\nContent-Type: text/html; charset=utf-8\n"
    "Content-Transfer-Encoding: 8bit\n\n"
    '<p>Grüße an <a href="https://example.org/">alle</a></p>\n.\n..leading dots\n \ntrailing space \n'
)
CRLF_MESSAGE = MESSAGE.replace("\n", "\r\n")
_MASKED = re.compile(
    rb"(?im)^(?:date|message-id|user-agent|x-mailer|mime-version):.*\n(?:[ \t].*\n)*|(?:boundary=)?\"?[-=_]{2,}\S*\d\S*"
)


@dataclass(frozen=True)
class Submission:
    """Where to, and how; ``folder`` is the client's own, with the message in message.eml."""

    port: int
    folder: Path
    ca_file: Path | None = None  # given: STARTTLS, verified
    login: bool = False


Command = Callable[[Submission], list[str]]


def swaks(to: Submission) -> list[str]:
    """Without TLS, for which Debian's swaks lacks a Perl module."""
    command = ["swaks", "--server", "127.0.0.1", "--port", str(to.port), "--from", SENDER, "--to", RECIPIENT,
               "--helo", "client.example.com", "--data", f"@{to.folder}/message.eml", "--hide-all"]  # fmt: skip
    return command + (["--auth", "PLAIN", "--auth-user", USER, "--auth-password", PASSWORD] if to.login else [])


def msmtp(to: Submission) -> list[str]:
    config = to.folder / "msmtprc"
    lines = ["account default", "host 127.0.0.1", f"port {to.port}", f"from {SENDER}", "set_from_header off"]
    lines += ["tls on", "tls_starttls on", f"tls_trust_file {to.ca_file}"] if to.ca_file else ["tls off"]
    lines += ["auth plain", f"user {USER}", f"password {PASSWORD}"] if to.login else ["auth off"]
    config.write_text("\n".join(lines) + "\n")
    config.chmod(0o600)
    return ["sh", "-c", f"msmtp -C {config} {RECIPIENT} < {to.folder}/message.eml"]


def mutt(to: Submission) -> list[str]:
    config = to.folder / "muttrc"
    lines = [f'set smtp_url="smtp://127.0.0.1:{to.port}/"', f'set from="{SENDER}"', "set use_8bitmime", "set copy=no"]
    lines += [
        "set use_envelope_from",
        'set hostname="client.example.com"',
        "set ssl_starttls=no",
        "set ssl_force_tls=no",
    ]
    config.write_text("\n".join(lines) + "\n")
    environment = f"HOME={to.folder} LC_ALL=C.UTF-8"
    return ["sh", "-c", f"printf 'Gr\\303\\274\\303\\237e\\n' | {environment} mutt -n -F {config} -s Test {RECIPIENT}"]


def s_nail(to: Submission) -> list[str]:
    options = ["-S", "v15-compat", "-S", f"from={SENDER}", "-S", "sendwait", "-S", "ttycharset=utf-8", "-S", "nosave"]
    if to.login:
        options += [
            "-S",
            "smtp-auth=plain",
            "-S",
            f"mta=smtp://{USER.replace('@', '%40')}:{PASSWORD}@localhost:{to.port}",
        ]
    else:
        options += ["-S", "smtp-auth=none", "-S", f"mta=smtp://127.0.0.1:{to.port}"]
    if to.ca_file:
        options += ["-S", "smtp-use-starttls", "-S", "tls-verify=strict", "-S", f"tls-ca-file={to.ca_file}"]
    options += ["-s", "Test", RECIPIENT]
    quoted = " ".join(f"'{option}'" for option in options)
    return ["sh", "-c", f"printf 'Gr\\303\\274\\303\\237e\\n' | HOME={to.folder} LC_ALL=C.UTF-8 s-nail -:/ {quoted}"]


def curl(to: Submission) -> list[str]:
    command = ["curl", "-sS", f"smtp://127.0.0.1:{to.port}/client.example.com", "--mail-from", SENDER, "--mail-rcpt",
               RECIPIENT, "--upload-file", str(to.folder / "crlf.eml")]  # fmt: skip
    if to.ca_file:
        command += ["--ssl-reqd", "--cacert", str(to.ca_file)]
    return command + (["--user", f"{USER}:{PASSWORD}", "--login-options", "AUTH=PLAIN"] if to.login else [])


def smtplib(to: Submission) -> list[str]:
    script = to.folder / "send.py"
    tls = f"c.starttls(context=ssl.create_default_context(cafile={str(to.ca_file)!r}));" if to.ca_file else ""
    login = f"c.login({USER!r}, {PASSWORD!r});" if to.login else ""
    script.write_text(
        f"import smtplib, ssl\nc = smtplib.SMTP('127.0.0.1', {to.port}, local_hostname='client.example.com')\n"
        f"{tls} {login}\n"
        f"c.sendmail({SENDER!r}, [{RECIPIENT!r}], open({str(to.folder / 'crlf.eml')!r}, 'rb').read()); c.quit()\n"
    )
    return [sys.executable, str(script)]


def smtputf8(to: Submission) -> list[str]:
    """Python's smtplib with an address outside ASCII."""
    script = to.folder / "send.py"
    script.write_text(
        f"import smtplib\nc = smtplib.SMTP('127.0.0.1', {to.port}, local_hostname='client.example.com'); c.ehlo()\n"
        f"c.mail('ü@example.com', ['SMTPUTF8', 'BODY=8BITMIME']); c.rcpt('ä@example.net')\n"
        f"code, _ = c.data(open({str(to.folder / 'crlf.eml')!r}, 'rb').read()); c.quit(); assert code == 250, code\n"
    )
    return [sys.executable, str(script)]


def nodemailer(to: Submission) -> list[str]:
    script = to.folder / "send.cjs"
    options = f"host: '127.0.0.1', port: {to.port}, name: 'client.example.com', secure: false"
    options += ", requireTLS: true" if to.ca_file else ", ignoreTLS: true"
    if to.ca_file:
        options += f", tls: {{ ca: require('fs').readFileSync('{to.ca_file}') }}"
    options += f", auth: {{ user: '{USER}', pass: '{PASSWORD}' }}" if to.login else ""
    script.write_text(
        f"const t = require('{nodemailer_folder()}/node_modules/nodemailer').createTransport({{ {options} }});\n"
        f"t.sendMail({{ envelope: {{ from: '{SENDER}', to: '{RECIPIENT}' }},"
        f" raw: require('fs').readFileSync('{to.folder}/crlf.eml') }}).then(() => process.exit(0),"
        " (e) => { console.error(e); process.exit(1); });\n"
    )
    return ["node", str(script)]


def email_sender(to: Submission) -> list[str]:
    script = to.folder / "send.pl"
    tls = f"ssl => 'starttls', ssl_options => {{ SSL_ca_file => '{to.ca_file}' }}," if to.ca_file else ""
    login = f"sasl_username => '{USER}', sasl_password => '{PASSWORD}'," if to.login else ""
    script.write_text(
        "use Email::Sender::Simple qw(sendmail); use Email::Sender::Transport::SMTP; use Email::Simple;\n"
        f"open my $f, '<', '{to.folder}/message.eml'; my $raw = do {{ local $/; <$f> }};\n"
        f"my $t = Email::Sender::Transport::SMTP->new({{ host => '127.0.0.1', port => {to.port},"
        f" helo => 'client.example.com', {tls} {login} }});\n"
        f"sendmail(Email::Simple->new($raw), {{ from => '{SENDER}', to => '{RECIPIENT}', transport => $t }});\n"
    )
    return ["perl", str(script)]


def nodemailer_folder() -> Path:
    return Path(".cache/nodemailer").absolute()


def missing(command: Command) -> str:
    """Why a client cannot be used here; empty when it can."""
    program = {s_nail: "s-nail", smtplib: "python3", smtputf8: "python3", nodemailer: "npm", email_sender: "perl"}.get(
        command, command.__name__
    )
    if shutil.which(program) is None:
        return f"{program} is not installed"
    if command is email_sender:
        known = subprocess.run(("perl", "-MEmail::Sender::Transport::SMTP", "-e1"), capture_output=True, check=False)
        return "" if known.returncode == 0 else "Perl's Email::Sender is not installed"
    folder = nodemailer_folder()
    if command is nodemailer and not (folder / "node_modules/nodemailer").exists():
        folder.mkdir(parents=True, exist_ok=True)
        install = ("npm", "install", "--no-audit", "--no-fund", "--prefix", str(folder), "nodemailer")
        subprocess.run(install, capture_output=True, check=False, timeout=120)
        return "" if (folder / "node_modules/nodemailer").exists() else "nodemailer could not be installed with npm"
    return ""


CLIENTS: tuple[Command, ...] = (swaks, msmtp, mutt, s_nail, curl, smtplib, nodemailer, email_sender)
LOGS_IN_AND_ENCRYPTS: tuple[Command, ...] = (swaks, msmtp, s_nail, curl, smtplib, nodemailer)  # Perl lacks modules


async def submit(command: Command, to: Submission) -> None:
    """Runs the client; its own words are the failure when it does not succeed."""
    to.folder.mkdir(parents=True, exist_ok=True)
    (to.folder / "message.eml").write_text(MESSAGE, "utf-8")
    (to.folder / "crlf.eml").write_bytes(CRLF_MESSAGE.encode())
    process = await asyncio.create_subprocess_exec(
        *command(to), stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    output, _ = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == 0, f"{command.__name__}: " + output.decode("utf-8", "replace")[-2000:]


def masked(raw: bytes) -> bytes:
    return _MASKED.sub(b"*", raw)
