"""``mailglass spool``: the copies that wait on disk, for looking at them and for deciding about one.

``list`` and ``show`` read the files beside a running relay. ``retry`` and ``drop`` are carried out by the process that
holds the spool: the running relay, or, when none runs, this one.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Annotated

import typer

from config.settings import Settings
from ledger.message_id import MessageId, parse_message_id
from ledger.records import state_of_copies
from mailglass.commands.options import DEFAULT_CONFIG, AsJson, Config, settings_from_file
from mailglass.commands.tables import cell, print_json, print_rows, print_table
from mailglass.failures import Failed, WrongUse
from relay.spool_offline import carry_out
from relay.spool_requests import Request, Wish, ask
from relay.spooled_message import MAIL_SUFFIX, SpooledMessage, read_message

# A running relay looks for requests every two seconds, and may be busy with an upstream.
PATIENCE_SECONDS = 10.0
LOOK_SECONDS = 0.1
LONGEST_REPLY = 500  # RFC 5321 section 4.5.3.1.5 has 512 octets a line

app = typer.Typer(
    add_completion=False,
    rich_markup_mode=None,
    no_args_is_help=True,
    help="Copies on disk that wait to be delivered.",
)

MessageArgument = Annotated[str, typer.Argument(metavar="MESSAGE", help="its id, as in mailglass spool list")]
CopyOption = Annotated[int, typer.Option("--copy", min=0, help="one copy by its number; 0: all that wait")]


@app.command("list")
def show_list(config: Config = DEFAULT_CONFIG, as_json: AsJson = False) -> None:
    """List the messages that wait, oldest first."""
    folder = settings_from_file(config).spool_dir
    rows = [_row(message) for message in _messages(folder)]
    columns = ("message", "since", "state", "sender", "copies", "waiting", "next_try", "last_reply")
    print_rows(rows, columns, as_json, spare=("sender", "since", "copies"), cuttable=("sender", "last_reply"))
    if not as_json and (aside := _set_aside(folder)):
        typer.echo(f"Set aside because they are damaged or not ours: {', '.join(aside)} (in {folder}/quarantine)")


@app.command("show")
def show_one(message: MessageArgument, config: Config = DEFAULT_CONFIG, as_json: AsJson = False) -> None:
    """Show each copy of a message.

    Its recipient, how it stands, how often and when it is tried, and the last reply."""
    found = _find(settings_from_file(config).spool_dir, message)
    copies = [_copy_row(found, number) for number in sorted(found.copies)]
    if as_json:
        print_json(_row(found) | {"copies": copies})
        return
    columns = ("n", "address", "state", "tries", "next_try", "reply")
    print_table([[cell(row[name], widest=LONGEST_REPLY) for name in columns] for row in copies], columns, whole=True)


@app.command()
def retry(message: MessageArgument, copy: CopyOption = 0, config: Config = DEFAULT_CONFIG) -> None:
    """Try waiting copies now.

    Also those held because they may have arrived."""
    by_relay = _have_done(settings_from_file(config), Wish.RETRY, message, copy)
    typer.echo("The relay tries them now." if by_relay else "They are tried as soon as the relay runs.")


@app.command()
def drop(message: MessageArgument, copy: CopyOption = 0, config: Config = DEFAULT_CONFIG) -> None:
    """Give up waiting copies; nobody is told but the ledger."""
    _have_done(settings_from_file(config), Wish.DROP, message, copy)
    typer.echo("They are given up.")


def _have_done(settings: Settings, wish: Wish, message: str, number: int) -> bool:
    """Whether a running relay did it; else it was done here. Raises Failed."""
    folder = settings.spool_dir
    found = _find(folder, message)
    if number and number not in found.copies:
        raise Failed(f"message {found.header.id} has no copy {number}")
    request = Request(wish, found.header.id, number)
    if carry_out(folder, request):
        return False
    path = ask(folder, request)
    end = time.monotonic() + PATIENCE_SECONDS
    while path.exists():
        if time.monotonic() > end:
            raise Failed("the running relay has not answered yet; it will do it as soon as it can")
        time.sleep(LOOK_SECONDS)
    return True


def _messages(folder: Path) -> list[SpooledMessage]:
    found = []
    for path in sorted(folder.glob(f"*{MAIL_SUFFIX}")):
        try:
            found.append(read_message(path))
        except (OSError, ValueError):
            continue  # it has just been delivered, or is damaged, which the next start will say
    return found


def _find(folder: Path, text: str) -> SpooledMessage:
    message_id = parse_message_id(text)
    if message_id is None:
        raise WrongUse(f'"{text}" is no message id')
    try:
        return read_message(_path(folder, message_id))
    except FileNotFoundError:
        raise Failed(f"no message {message_id} waits in the spool") from None
    except (OSError, ValueError) as error:
        raise Failed(f"message {message_id} cannot be read: {error}") from None


def _path(folder: Path, message_id: MessageId) -> Path:
    return folder / f"{message_id}{MAIL_SUFFIX}"


def _row(message: SpooledMessage) -> dict[str, object]:
    standings = message.standing.copies.values()
    waiting = [copy for copy in standings if not copy.state.is_final]
    replies = [copy.reply for copy in waiting if copy.reply]
    return {
        "message": str(message.header.id),
        "since": message.header.spooled_at,
        "state": state_of_copies(copy.state.in_ledger for copy in standings).value,
        "sender": message.header.sender or "<>",
        "upstream": message.header.upstream,
        "notification": message.header.notification,
        "copies": len(message.copies),
        "waiting": len(waiting),
        "next_try": min((copy.next_try for copy in waiting if copy.next_try), default=None),
        "last_reply": replies[-1] if replies else "",
    }


def _copy_row(message: SpooledMessage, number: int) -> dict[str, object]:
    planned, standing = message.copies[number].planned, message.standing.copies[number]
    return {
        "n": number,
        "address": planned.address,
        "state": standing.state.value,
        "tries": standing.tries,
        "next_try": standing.next_try,
        "tracked": planned.tracked,
        "reply": standing.reply,
    }


def _set_aside(folder: Path) -> list[str]:
    quarantine = folder / "quarantine"
    # A name may be any octets; what cannot be shown is escaped.
    names = sorted(os.fsencode(path.name) for path in quarantine.iterdir()) if quarantine.is_dir() else []
    return [name.decode("utf-8", "backslashreplace") for name in names]
