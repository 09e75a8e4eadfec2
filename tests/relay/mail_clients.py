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

_FROM_HERE_UP = Path(__file__).resolve().parents[2]
NODE_MODULES = _FROM_HERE_UP / ".cache/node/node_modules"
HEAD = "From: a@example.com\nTo: b@example.net\nDate: Mon, 02 Nov 2026 10:00:00 +0000\nMessage-ID: <1@example.com>\n"
_MASKED = re.compile(
    rb"(?im)^(?:date|message-id|user-agent|x-mailer|mime-version):.*\n(?:[ \t].*\n)*|(?:boundary=)?\"?[-=_]{2,}\S*\d\S*"
)


@dataclass(frozen=True)
class Message:
    """``text`` is all of it with LF; ``words`` are for clients that write messages of their own."""

    text: str
    words: str
    sender: str = "a@example.com"
    recipient: str = "b@example.net"


PLAIN = Message(HEAD + "Subject: Hello\n\nHello\n.\n..leading dots\n \ntrailing space \n", "Hello\n.\n..dots\n")
EIGHT_BIT = Message(
    HEAD + "Subject: Grüße\nMIME-Version: 1.0\nContent-Type: text/html; charset=utf-8\n"
    'Content-Transfer-Encoding: 8bit\n\n<p>Grüße an <a href="https://example.org/">alle</a></p>\n.\n..\n',
    "Grüße\n",
)
INTERNATIONAL = Message(EIGHT_BIT.text, EIGHT_BIT.words, "ü@example.com", "ä@example.net")


@dataclass(frozen=True)
class Submission:
    """What, where to, and how; ``folder`` is the client's own, with the message in message.eml and crlf.eml."""

    message: Message
    port: int
    folder: Path
    ca_file: Path | None = None  # given: STARTTLS, verified
    login: bool = False
    mechanism: str = "PLAIN"  # for those that can be told
    secret: str = PASSWORD  # or a token

    @property
    def words_file(self) -> Path:
        return self.folder / "words"


Command = Callable[[Submission], list[str]]


def swaks(to: Submission) -> list[str]:
    command = ["swaks", "--server", "127.0.0.1", "--port", str(to.port), "--from", to.message.sender, "--to",
               to.message.recipient, "--helo", "client.example.com", "--data", f"@{to.folder}/message.eml"]  # fmt: skip
    if to.ca_file:
        command += ["--tls", "--tls-verify", "--tls-ca-path", str(to.ca_file)]
    return command + (["--auth", to.mechanism, "--auth-user", USER, "--auth-password", to.secret] if to.login else [])


def msmtp(to: Submission) -> list[str]:
    config = to.folder / "msmtprc"
    lines = ["account default", "host 127.0.0.1", f"port {to.port}", f"from {to.message.sender}", "set_from_header off"]
    lines += ["tls on", "tls_starttls on", f"tls_trust_file {to.ca_file}"] if to.ca_file else ["tls off"]
    lines += [f"auth {to.mechanism.lower()}", f"user {USER}", f"password {to.secret}"] if to.login else ["auth off"]
    config.write_text("\n".join(lines) + "\n")
    config.chmod(0o600)
    return ["sh", "-c", f"msmtp -d -C {config} {to.message.recipient} < {to.folder}/message.eml"]


def mutt(to: Submission) -> list[str]:
    config = to.folder / "muttrc"
    user = f"{USER.replace('@', '%40')}@" if to.login else ""
    lines = [f'set smtp_url="smtp://{user}127.0.0.1:{to.port}/"', f'set from="{to.message.sender}"', "set use_8bitmime"]
    lines += ["set copy=no", "set use_envelope_from", 'set hostname="client.example.com"', "unset ssl_usesystemcerts"]
    lines += [f'set smtp_pass="{PASSWORD}"', 'set smtp_authenticators="plain"'] if to.login else []
    if to.ca_file:
        lines += ["set ssl_starttls=yes", "set ssl_force_tls=yes", f'set ssl_ca_certificates_file="{to.ca_file}"']
    else:
        lines += ["set ssl_force_tls=no"]  # as docs/clients.md has it
        lines += ["set ssl_starttls=no"]  # for the real server, which offers it with a certificate of nobody's
    config.write_text("\n".join(lines) + "\n")
    run = f"HOME={to.folder} LC_ALL=C.UTF-8 mutt -n -F {config} -s Test {to.message.recipient}"
    return ["sh", "-c", f"{run} < {to.words_file}"]


def s_nail(to: Submission) -> list[str]:
    options = [f"from={to.message.sender}", "v15-compat", "sendwait", "ttycharset=utf-8", "nosave"]
    if to.login:
        options += ["smtp-auth=plain", f"mta=smtp://{USER.replace('@', '%40')}:{PASSWORD}@localhost:{to.port}"]
    else:
        options += ["smtp-auth=none", f"mta=smtp://127.0.0.1:{to.port}"]
    if to.ca_file:
        options += ["smtp-use-starttls", "tls-verify=strict", f"tls-ca-file={to.ca_file}"]
    settings = " ".join(f"-S '{option}'" for option in options)
    run = f"HOME={to.folder} LC_ALL=C.UTF-8 s-nail -:/ {settings} -s Test {to.message.recipient}"
    return ["sh", "-c", f"{run} < {to.words_file}"]


def curl(to: Submission) -> list[str]:
    command = ["curl", "-sSv", f"smtp://127.0.0.1:{to.port}/client.example.com", "--mail-from", to.message.sender,
               "--mail-rcpt", to.message.recipient, "--upload-file", str(to.folder / "crlf.eml")]  # fmt: skip
    if to.ca_file:
        command += ["--ssl-reqd", "--cacert", str(to.ca_file)]
    if not to.login:
        return command
    command += ["--login-options", f"AUTH={to.mechanism}"]
    if "OAUTH" in to.mechanism:
        return [*command, "--user", USER, "--oauth2-bearer", to.secret]
    return [*command, "--user", f"{USER}:{to.secret}"]


def smtplib(to: Submission) -> list[str]:
    script = to.folder / "send.py"
    tls = f"c.starttls(context=ssl.create_default_context(cafile={str(to.ca_file)!r}))" if to.ca_file else "c.ehlo()"
    login = f"c.login({USER!r}, {PASSWORD!r})" if to.login else ""
    options = [] if to.message.sender.isascii() else ["SMTPUTF8", "BODY=8BITMIME"]
    script.write_text(
        f"import smtplib, ssl\nc = smtplib.SMTP('127.0.0.1', {to.port}, local_hostname='client.example.com')\n"
        f"{tls}\n{login}\nraw = open({str(to.folder / 'crlf.eml')!r}, 'rb').read()\n"
        f"c.sendmail({to.message.sender!r}, [{to.message.recipient!r}], raw, {options})\nc.quit()\n"
    )
    return [sys.executable, str(script)]


def gsasl(to: Submission) -> list[str]:
    """Logs in and sends nothing."""
    return ["gsasl", "--smtp", f"--connect=127.0.0.1:{to.port}", "--no-starttls", f"--mechanism={to.mechanism}",
            f"--authentication-id={USER}", f"--password={to.secret}", "--quality=qop-auth", "--verbose"]  # fmt: skip


def nodemailer(to: Submission) -> list[str]:
    script = to.folder / "send.cjs"
    options = f"host: '127.0.0.1', port: {to.port}, name: 'client.example.com', secure: false"
    options += ", requireTLS: true" if to.ca_file else ", ignoreTLS: true"
    if to.ca_file:
        options += f", tls: {{ ca: require('fs').readFileSync('{to.ca_file}') }}"
    options += f", auth: {{ user: '{USER}', pass: '{PASSWORD}' }}" if to.login else ""
    script.write_text(
        f"const t = require('{NODE_MODULES}/nodemailer').createTransport({{ {options} }});\n"
        f"t.sendMail({{ envelope: {{ from: '{to.message.sender}', to: '{to.message.recipient}' }},"
        f" raw: require('fs').readFileSync('{to.folder}/crlf.eml') }}).then(() => process.exit(0),"
        " (e) => { console.error(e); process.exit(1); });\n"
    )
    return ["node", str(script)]


def email_sender(to: Submission) -> list[str]:
    """Perl's Email::Sender."""
    script = to.folder / "send.pl"
    tls = f"ssl => 'starttls', ssl_options => {{ SSL_ca_file => '{to.ca_file}' }}," if to.ca_file else ""
    login = f"sasl_username => '{USER}', sasl_password => '{PASSWORD}'," if to.login else ""
    script.write_text(
        "use Email::Sender::Simple qw(sendmail); use Email::Sender::Transport::SMTP; use Email::Simple;\n"
        f"open my $f, '<', '{to.folder}/message.eml'; my $raw = do {{ local $/; <$f> }};\n"
        f"my $t = Email::Sender::Transport::SMTP->new({{ host => '127.0.0.1', port => {to.port},"
        f" helo => 'client.example.com', {tls} {login} }});\n"
        f"sendmail(Email::Simple->new($raw),"
        f" {{ from => '{to.message.sender}', to => '{to.message.recipient}', transport => $t }});\n"
    )
    return ["perl", str(script)]


_PROGRAMS: dict[Command, str] = {s_nail: "s-nail", smtplib: "python3", nodemailer: "node", email_sender: "perl"}


def missing(command: Command) -> str:
    """Why a client cannot be used here; empty when it can. ``make test`` installs them where it may."""
    program = _PROGRAMS.get(command, command.__name__)
    if shutil.which(program) is None:
        return f"{program} is not installed"
    if command is nodemailer and not (NODE_MODULES / "nodemailer").is_dir():
        return "nodemailer is not installed"
    if command is email_sender or command is swaks:
        modules = ("-MIO::Socket::SSL", "-MAuthen::SASL", "-MEmail::Sender::Transport::SMTP")
        known = subprocess.run(("perl", *modules, "-e1"), capture_output=True, check=False)
        return "" if known.returncode == 0 else "Perl's Email::Sender and what it needs for TLS are not installed"
    return ""


CLIENTS: tuple[Command, ...] = (swaks, msmtp, mutt, s_nail, curl, smtplib, nodemailer, email_sender)
# The others write addresses outside ASCII in no way that SMTP knows.
WRITES_INTERNATIONAL_ADDRESSES: tuple[Command, ...] = (curl, smtplib, nodemailer)


async def submit(command: Command, to: Submission) -> str:
    """Runs the client and gives what it printed, which is the failure when it does not succeed."""
    to.folder.mkdir(parents=True, exist_ok=True)
    (to.folder / "message.eml").write_text(to.message.text, "utf-8")
    (to.folder / "crlf.eml").write_bytes(to.message.text.replace("\n", "\r\n").encode())
    to.words_file.write_text(to.message.words, "utf-8")
    process = await asyncio.create_subprocess_exec(
        *command(to), stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    output, _ = await asyncio.wait_for(process.communicate(), 60)
    printed = output.decode("utf-8", "replace")
    assert process.returncode == 0, f"{command.__name__}: {printed[-2000:]}"
    return printed


def masked(raw: bytes) -> bytes:
    return _MASKED.sub(b"*", raw)


_HEARD = re.compile(r"(?m)^(?:< |<[-~*]+ +)([2-5][0-9][0-9][ -].*?)\r?$")


def replies_in(printed: str) -> list[str]:
    """The server's replies in what a client prints of a session, without what differs from one to the next."""
    heard = [re.sub(r"queued as \S+|(?<=^334 ).+", "*", line) for line in _HEARD.findall(printed)]
    return [line for line in heard if not re.match(r"220|250-|250 [A-Z]", line)]  # greeting and extensions
