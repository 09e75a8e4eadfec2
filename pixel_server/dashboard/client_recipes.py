"""How each mail client is pointed at this installation, with its own values filled in. Pure.

The steps are sentences for the catalogues; what has to be typed or pasted stands apart from them and is never
translated.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from config.settings import Listener, Settings, host_and_port
from pixel_server.dashboard.marking import N_


@dataclass(frozen=True, slots=True)
class Server:
    """What a client is told about one listener."""

    host: str
    port: int
    security: str  # none, starttls, tls
    login: str  # "client": the account at the mail provider; "account": one of mailglass; "none": the sandbox
    default: tuple[str, ...]  # opens, links: what a message without headers gets

    @property
    def only_here(self) -> bool:
        return self.host in ("127.0.0.1", "::1", "localhost")


@dataclass(frozen=True, slots=True)
class Recipe:
    key: str
    name: str
    steps: tuple[str, ...]
    code: str = ""
    ways: tuple[tuple[str, str], ...] = ()  # a choice: what each is, and what has to be pasted


def servers(settings: Settings, page_host: str) -> list[Server]:
    """One for each listener; a wildcard address is reached under the name that this page is."""
    found = []
    for listener in settings.listener:
        host, port = host_and_port(listener.bind)
        upstream = settings.upstream[listener.upstream]
        login = "none" if upstream.sandbox else upstream.login
        shown = page_host if host in ("", "0.0.0.0", "::") else host  # noqa: S104 - nothing is bound here
        found.append(Server(shown, port, listener.security, login, _default(listener)))
    return found


def _default(listener: Listener) -> tuple[str, ...]:
    said = {word.strip().lower() for word in listener.default.split(",")}
    return tuple(aspect for aspect in ("opens", "links") if said & {aspect, "all"})


def recipes(server: Server, say: Callable[[str], str]) -> list[Recipe]:
    """The same server for every client we know how to set up."""
    return [
        Recipe(
            one.key,
            one.name,
            tuple(say(step) for step in one.steps),
            one.code,
            tuple((say(lead), code) for lead, code in one.ways),
        )
        for one in _all(server)
    ]


def _all(server: Server) -> list[Recipe]:
    return [
        Recipe(
            "thunderbird",
            "Thunderbird",
            (
                N_("Account Settings › Outgoing Server (SMTP) › Add: the server, port and security above."),
                N_("Settings › General › Config Editor: add a string setting “mail.compose.other.header” with the "
                   "value below. The compose window then offers these headers beside To and Cc."),
                N_("When you write, choose X-Track and type “all”. Write in HTML: plain text holds no pixel."),
            ),
            "X-Track,X-Track-Tag",
        ),
        Recipe(
            "apple-mail",
            "Apple Mail",
            (
                N_("Mail › Settings › Accounts › Server Settings › Outgoing Mail Account › Edit SMTP Server List: add "
                   "the server, port and security above."),
                N_("Apple Mail cannot add headers. Two ways in relay.toml do without them."),
            ),
            ways=_WITHOUT_HEADERS,
        ),
        Recipe(
            "outlook",
            "Outlook",
            (
                N_("File › Account Settings › Server Settings › Outgoing mail: the server, port and encryption above."),
                N_("Outlook cannot add headers. Two ways in relay.toml do without them."),
            ),
            ways=_WITHOUT_HEADERS,
        ),
        _phone(server),
        Recipe("mutt", "mutt", (N_("In ~/.muttrc:"),), _mutt(server)),
        Recipe("msmtp", "msmtp", (N_("In ~/.msmtprc; the message itself carries the header line X-Track: all."),),
               _msmtp(server)),
        Recipe("postfix", "Postfix", (N_("As smarthost, in /etc/postfix/main.cf:"),), _postfix(server)),
        Recipe("python", "Python", (N_("With the standard library:"),), _python(server)),
        Recipe("node", "Node.js", (N_("With nodemailer:"),), _node(server)),
    ]  # fmt: skip


_WITHOUT_HEADERS = (
    (
        N_("Either a second listener that tracks by default, as a section of its own:"),
        '[[listener]]\nbind = "127.0.0.1:2526"\ndefault = "all"',
    ),
    (
        N_("Or a word in the subject, as a line in the [tracking] section that is there:"),
        'subject_tag = "#track"',
    ),
)


_LISTENER_FOR_PHONES = (
    '[[listener]]\nbind = "0.0.0.0:2465"\nsecurity = "tls"\ncertificate = "chain.pem"\nprivate_key = "key.pem"\n'
    'default = "all"'
)


def _phone(server: Server) -> Recipe:
    if server.only_here:
        return Recipe(
            "phone",
            "iOS, Android",
            (
                N_("No phone can reach this relay as it is: it listens on this machine only. Give it another listener "
                   "in relay.toml, with a certificate for the name by which the phone finds this machine."),
                N_("Then, in the mail account's settings, open the outgoing server (SMTP) and enter that name, port "
                   "2465, SSL/TLS and your login."),
            ),
            ways=((
                N_("Phones cannot add headers, so this listener tracks by default. As a section of its own:"),
                _LISTENER_FOR_PHONES,
            ),),
        )  # fmt: skip
    return Recipe(
        "phone",
        "iOS, Android",
        (
            N_("In the mail account's settings, open the outgoing server (SMTP) and enter the values above."),
            N_("Phones cannot add headers. Two ways in relay.toml do without them."),
        ),
        ways=((_WITHOUT_HEADERS[0][0], _LISTENER_FOR_PHONES), _WITHOUT_HEADERS[1]),
    )


def _mutt(server: Server) -> str:
    scheme = "smtps" if server.security == "tls" else "smtp"
    user = "" if server.login == "none" else "USER@"
    lines = [f'set smtp_url = "{scheme}://{user}{_bracketed(server)}:{server.port}/"']
    # Since 2.0 mutt asks for STARTTLS unless this is "no", whatever ssl_starttls says.
    lines += [f"set ssl_force_tls = {'no' if server.security == 'none' else 'yes'}"]
    return "\n".join([*lines, "my_hdr X-Track: all"])


def _msmtp(server: Server) -> str:
    lines = ["account mailglass", f"host {server.host}", f"port {server.port}", "from you@example.com"]
    lines += {"none": ["tls off"], "starttls": ["tls on"], "tls": ["tls on", "tls_starttls off"]}[server.security]
    lines += ["auth off"] if server.login == "none" else ["auth on", "user USER", 'passwordeval "pass show mail"']
    return "\n".join([*lines, "account default : mailglass"])


def _postfix(server: Server) -> str:
    level = "none" if server.security == "none" else "encrypt"
    lines = [f"relayhost = [{server.host}]:{server.port}", f"smtp_tls_security_level = {level}"]
    lines += ["smtp_tls_wrappermode = yes"] if server.security == "tls" else []
    if server.login != "none":
        lines += ["smtp_sasl_auth_enable = yes", "smtp_sasl_password_maps = hash:/etc/postfix/sasl_passwd"]
    return "\n".join(lines)


def _python(server: Server) -> str:
    opening = "SMTP_SSL" if server.security == "tls" else "SMTP"
    body = ["    smtp.starttls()"] if server.security == "starttls" else []
    body += [] if server.login == "none" else ['    smtp.login("USER", "PASSWORD")']
    return "\n".join(
        (
            "import smtplib",
            "from email.message import EmailMessage",
            "",
            "message = EmailMessage()",
            'message["From"] = "you@example.com"',
            'message["To"] = "somebody@example.net"',
            'message["Subject"] = "Hello"',
            'message["X-Track"] = "all"',
            'message.set_content("See https://example.com/")',
            """message.add_alternative('<p>See <a href="https://example.com/">this</a></p>', subtype="html")""",
            f'with smtplib.{opening}("{server.host}", {server.port}) as smtp:',
            *body,
            "    smtp.send_message(message)",
        )
    )


def _node(server: Server) -> str:
    secure = "true" if server.security == "tls" else "false"
    login = "" if server.login == "none" else ',\n  auth: { user: "USER", pass: "PASSWORD" }'
    return (
        "import nodemailer from 'nodemailer';\n"
        "const relay = nodemailer.createTransport({\n"
        f'  host: "{server.host}", port: {server.port}, secure: {secure}{login}\n'
        "});\n"
        "await relay.sendMail({\n"
        '  from: "you@example.com", to: "somebody@example.net", subject: "Hello",\n'
        "  html: '<p>See <a href=\"https://example.com/\">this</a></p>',\n"
        '  headers: { "X-Track": "all" }\n'
        "});"
    )


def _bracketed(server: Server) -> str:
    return f"[{server.host}]" if ":" in server.host else server.host
