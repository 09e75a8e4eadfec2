"""``mailglass rewrite``, ``restore`` and ``decode``: what the relay does to a message, offline.

Decides where bytes come from and go to, and what the report is written to. What is done to a message is decided in
``relay.rewriting``; nothing is recorded in the ledger, and nothing is sent.
"""

from __future__ import annotations

import json
import secrets
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Annotated, Any

import typer
from rich.console import Console
from rich.progress import Progress

from config.settings import Settings
from ledger.keys import KEY_BYTES, KeyFolderFault, find_keys, load_keys
from ledger.message_id import MessageId, mint_message_id, parse_message_id
from ledger.tokens import KeyRing, Purpose, read_unverified, verify
from ledger.urls import TrackingUrls, UrlGrammar, parse_path
from mailglass.commands.options import DEFAULT_CONFIG, Config, ListenerName, listener_named, settings_from_file
from mailglass.failures import ConfigurationAtFault, Failed, WrongUse
from relay.rewriting.header_fields import header_end
from relay.rewriting.optin import OptInPolicy, decide, under_ceiling
from relay.rewriting.plan import Tracked, Wanted
from relay.rewriting.report import report_of, undo
from relay.rewriting.restore import restore as restore_by_urls
from relay.rewriting.rewrite import apply_header_edits
from relay.rewriting.worker import RewritingWorker
from relay.tracking_rules import plan_for

Source = Annotated[str, typer.Argument(metavar="[FILE|DIR|-]", help="a message, a folder of them, or - for stdin")]
Out = Annotated[Path | None, typer.Option(help="where the message goes instead of stdout; a folder for a folder")]
Report = Annotated[
    Path | None, typer.Option(help="where the report goes, as JSON; - for stdout, when the message goes elsewhere")
]
ReportRead = Annotated[
    Path | None, typer.Option("--report", help="the report of rewrite, for an exact restore", readable=False)
]
IdOption = Annotated[str, typer.Option("--message-id", metavar="HEX", help="makes the output the same every time")]


@dataclass(frozen=True, slots=True)
class _Wishes:
    """What the flags ask for, beside the message's own headers."""

    opens: bool
    links: bool
    text_links: bool


def rewrite(
    source: Source = "-",
    opens: Annotated[bool, typer.Option("--opens", help="an open pixel, whatever the headers say")] = False,
    links: Annotated[bool, typer.Option("--links", help="tracked links in HTML, whatever the headers say")] = False,
    text_links: Annotated[bool, typer.Option("--text-links", help="tracked links in plain text")] = False,
    out: Out = None,
    report: Report = None,
    message_id: IdOption = "",
    listener: ListenerName = "",
    config: Config = DEFAULT_CONFIG,
) -> None:
    """Rewrite a message offline exactly as the relay would: the message on stdout, the report as JSON."""
    settings = settings_from_file(config)
    default = listener_named(settings, listener).default
    desk = _Desk(settings, default, _Wishes(opens, links, text_links), _given_id(message_id))
    try:
        if source != "-" and Path(source).is_dir():
            desk.rewrite_tree(Path(source), out, report)
        else:
            _need_another(Path(source), out)
            _need_another(Path(source), report, "--report")
            if report is not None and out is not None and not _is_stdout(out) and report.resolve() == out.resolve():
                raise typer.BadParameter(f"{out} would be overwritten; name another place", param_hint="--report")
            if _is_stdout(report) and (out is None or _is_stdout(out)):
                raise typer.BadParameter(
                    "the message goes to stdout; name a file for it with --out", param_hint="--report"
                )
            output, told = desk.rewrite(_read(source))
            _write(out, output)
            if report:
                _write(report, _as_json(told) + b"\n")
    finally:
        desk.close()


def restore(
    source: Source = "-",
    out: Out = None,
    report: ReportRead = None,
    config: Config = DEFAULT_CONFIG,
) -> None:
    """Take our pixel out and put the original links back: byte for byte with the report of the rewriting.

    Without the report the links are the original ones up to the spelling of entities (& or &amp;), and the X-Track
    headers that the relay took out stay out.
    """
    settings = settings_from_file(config)
    urls = _urls(settings, _keys_there)
    if source != "-" and Path(source).is_dir():
        _restore_tree(Path(source), out, report, urls)
        return
    _need_another(Path(source), out)
    told = None
    if report:
        if _is_stdout(report) and source == "-":
            raise typer.BadParameter("the message comes from stdin; name a file for it", param_hint="--report")
        told = _parsed(_read(str(report)), str(report))
    _write(out, _restored(_read(source), told, urls, source))


def decode(
    url: Annotated[str, typer.Argument(metavar="URL", help="one of our URLs")], config: Config = DEFAULT_CONFIG
) -> None:
    """Say what one of our URLs means: kind, message, link number, destination, and whether its signature holds."""
    if "://" not in url:
        raise WrongUse(f'"{url}" is no URL')
    settings = settings_from_file(config)
    urls = _urls(settings, _keys_there)
    own = urls.grammar.parse(url.strip())
    elsewhere = own is None
    if own is None:
        # A URL from before the server moved still tells what it is.
        _, _, rest = url.strip().partition("://")
        slash = [at for at in (rest.find("/o/"), rest.find("/c/"), rest.find("/p/")) if at >= 0]
        own = parse_path(rest[min(slash) :]) if slash else None
    claimed = read_unverified(own.token) if own else None
    if own is None or claimed is None:
        raise Failed("this is none of our URLs")
    key_id, target = claimed
    kind = {Purpose.PIXEL: "pixel", Purpose.LINK: "link", Purpose.PAGE: "page"}[own.purpose]
    holds = verify(urls.ring, own.purpose, own.token, own.destination or "") is not None
    typer.echo(
        json.dumps(
            {
                "kind": kind,
                "message": str(target.message),
                "copy": target.copy,
                "link": target.link if own.purpose is Purpose.LINK else None,
                "destination": own.destination,
                "key": key_id,
                "valid": holds,
                "public_url": not elsewhere,
            },
            ensure_ascii=False,
            indent=2,
        )
    )
    if not holds:
        raise Failed(
            "its signature does not hold: it was altered or forged, or its key is not in "
            f"{settings.keys_dir}"
            + ("" if own.destination or own.purpose is not Purpose.LINK else "; or its ?u= was lost")
        )


class _Desk:
    """One run of ``rewrite``: settings, keys and worker once for all its messages."""

    def __init__(self, settings: Settings, default: str, wishes: _Wishes, given: MessageId | None) -> None:
        self._settings = settings
        self._default = default
        self._wishes = wishes
        self._given = given
        self._urls = _urls(settings, load_keys)
        self._worker = RewritingWorker()

    def close(self) -> None:
        self._worker.close()

    def rewrite(self, raw: bytes) -> tuple[bytes, dict[str, Any]]:
        """The message as it would be sent, and the report."""
        wanted = self._wanted(raw)
        plan = plan_for(self._settings, wanted)
        urls = TrackingUrls(self._urls.grammar, self._urls.ring, self._given or _random_id())
        result = self._worker.rewrite(raw, plan, urls)
        if isinstance(result, Tracked):
            output, edits = result.raw, result.edits
        else:
            output, edits = apply_header_edits(raw, wanted.header_edits), tuple(wanted.header_edits)
        told = report_of(raw, result, output, edits)
        told["notes"] = [*wanted.notes, *told["notes"]]
        return output, told

    def rewrite_tree(self, folder: Path, out: Path | None, report: Path | None) -> None:
        if out is None or _is_stdout(out):
            raise typer.BadParameter("a folder needs --out FOLDER", param_hint="--out")
        _need_another(folder, out)
        with _lines_to(report) as lines:
            for path in _files(folder, "rewriting"):
                name = path.relative_to(folder)
                output, told = self.rewrite(path.read_bytes())
                _write_below(out, name, output)
                lines.write(_as_json({"file": name.as_posix(), **told}) + b"\n")

    def _wanted(self, raw: bytes) -> Wanted:
        """What the message asks for at its listener, and what the flags add to it."""
        tracking, wishes = self._settings.tracking, self._wishes
        policy = OptInPolicy(self._default, tracking.dialects, tracking.subject_tag)
        wanted = decide(raw[: header_end(raw)], policy)
        wanted = replace(
            wanted,
            opens=wanted.opens or wishes.opens,
            html_links=wanted.html_links or wishes.links,
            text_links=wanted.text_links or wishes.text_links,
        )
        return under_ceiling(wanted, tracking.identity)


def _urls(settings: Settings, keys_of: Callable[[Path], KeyRing]) -> TrackingUrls:
    try:
        ring = keys_of(settings.keys_dir)
    except KeyFolderFault as fault:
        raise ConfigurationAtFault(str(fault)) from None
    return TrackingUrls(UrlGrammar(settings.tracking.public_url.rstrip("/")), ring, MessageId(bytes(16)))


def _keys_there(folder: Path) -> KeyRing:
    """For commands that only verify, and so make no key. Where there is none nothing verifies: 0 is no key's id."""
    return find_keys(folder) or KeyRing({0: secrets.token_bytes(KEY_BYTES)})


def _given_id(text: str) -> MessageId | None:
    if not text:
        return None
    message = parse_message_id(text)
    if message is None:
        raise typer.BadParameter("32 hexadecimal digits, or 26 letters of an id", param_hint="--message-id")
    return message


def _random_id() -> MessageId:
    return mint_message_id(time.time_ns() // 1_000_000, secrets.token_bytes(10))


def _restore_tree(folder: Path, out: Path | None, report: Path | None, urls: TrackingUrls) -> None:
    if out is None or _is_stdout(out):
        raise typer.BadParameter("a folder needs --out FOLDER", param_hint="--out")
    _need_another(folder, out)
    reports: dict[str, dict[str, Any]] = {}
    if report:
        for line in _read(str(report)).splitlines():
            told = _parsed(line, str(report))
            reports[str(told.get("file"))] = told
    for path in _files(folder, "restoring"):
        name = path.relative_to(folder)
        told_of_it = reports.get(name.as_posix())
        if report and told_of_it is None:
            raise Failed(f"{report} says nothing about {name}")
        _write_below(out, name, _restored(path.read_bytes(), told_of_it, urls, str(name)))


def _restored(raw: bytes, report: dict[str, Any] | None, urls: TrackingUrls, name: str) -> bytes:
    if report is None:
        return restore_by_urls(raw, urls)
    try:
        return undo(raw, report)
    except ValueError as fault:
        raise Failed(f"{name}: {fault}") from None


def _files(folder: Path, word: str) -> Iterator[Path]:
    """All files below the folder in a fixed order, with a progress bar on a terminal."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    console = Console(stderr=True)
    with Progress(console=console, disable=not console.is_terminal, transient=True) as progress:
        yield from progress.track(paths, description=word)


def _lines_to(report: Path | None) -> IO[bytes]:
    if report is None or _is_stdout(report):
        return open(sys.stdout.fileno(), "wb", closefd=False)
    report.parent.mkdir(parents=True, exist_ok=True)
    return report.open("wb")


def _write_below(folder: Path, name: Path, raw: bytes) -> None:
    target = folder / name
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(raw)


def _read(source: str) -> bytes:
    if source == "-":
        return sys.stdin.buffer.read()
    try:
        return Path(source).read_bytes()
    except OSError as fault:
        raise Failed(f"cannot read {source}: {fault.strerror}") from None


def _need_another(source: Path, out: Path | None, option: str = "--out") -> None:
    """A message is not written over itself: the disk may be full half-way, and then there is neither."""
    if out is not None and (source.is_file() or source.is_dir()) and out.exists() and out.samefile(source):
        raise typer.BadParameter(f"{out} would be overwritten; name another place", param_hint=option)


def _is_stdout(target: Path | None) -> bool:
    return target == Path("-")


def _write(out: Path | None, raw: bytes) -> None:
    if out is None or _is_stdout(out):
        sys.stdout.buffer.write(raw)
        sys.stdout.buffer.flush()
        return
    try:
        out.write_bytes(raw)
    except OSError as fault:
        raise Failed(f"cannot write {out}: {fault.strerror}") from None


def _parsed(line: bytes, name: str) -> dict[str, Any]:
    try:
        value = json.loads(line)
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise Failed(f"{name} is no report of mailglass rewrite")
    return value


def _as_json(value: dict[str, Any]) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(", ", ": ")).encode("utf-8", "backslashreplace")
