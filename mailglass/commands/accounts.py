"""``mailglass user`` and ``mailglass token``: who may look, and which scripts may ask.

The accounts also log in at the relay where a listener's upstream has ``login = "account"``.
"""

from __future__ import annotations

import secrets
from datetime import UTC, datetime
from typing import Annotated

import typer

from config.settings import Settings
from ledger import accounts
from ledger.access import Ledger
from ledger.accounts import READ, WRITE, Passwords, secret_hash
from ledger.queries.accounts import AccountRow, TokenRow, account_named, list_accounts, list_tokens
from mailglass.commands.consenting import need_sender
from mailglass.commands.options import DEFAULT_CONFIG, AsJson, Config, settings_from_file
from mailglass.commands.passwords import password_from
from mailglass.commands.reading import changing, reading, run_to_end
from mailglass.commands.tables import print_rows
from mailglass.failures import Failed

user_app = typer.Typer(add_completion=False, rich_markup_mode=None, no_args_is_help=True, help="Dashboard accounts.")
token_app = typer.Typer(add_completion=False, rich_markup_mode=None, no_args_is_help=True, help="API tokens.")

Name = Annotated[str, typer.Argument(metavar="NAME")]
FromStdin = Annotated[bool, typer.Option("--password-stdin", help="read the password from standard input")]
_TOKEN_BYTES = 32


@user_app.command("add")
def add_user(
    name: Name,
    admin: Annotated[bool, typer.Option("--admin", help="sees everybody's mail")] = False,
    address: Annotated[list[str] | None, typer.Option("--address", help="a sender whose mail this user sees")] = None,
    password_stdin: FromStdin = False,
    config: Config = DEFAULT_CONFIG,
) -> None:
    """Add an account."""
    settings = settings_from_file(config)
    if not accounts.may_be_name(name):
        raise Failed(f"a name needs at least one letter, at most {accounts.LONGEST_NAME}, and no control characters")
    for one in address or ():
        need_sender("--address", one)
    taken = f"there is an account {name} already"
    if _exists(settings, name):  # before a password is asked for
        raise Failed(taken)
    password = _new_password(password_stdin)

    async def work() -> int | None:
        password_hash = await Passwords().hash(password)
        async with changing(settings) as ledger:
            now = datetime.now(UTC)
            return await ledger.write(accounts.add_account, name, password_hash, admin, list(address or ()), now)

    if run_to_end(work()) is None:
        raise Failed(taken)
    typer.echo(f"Added {'administrator' if admin else 'user'} {name}.")


@user_app.command("list")
def list_users(config: Config = DEFAULT_CONFIG, as_json: AsJson = False) -> None:
    """List the accounts."""
    settings = settings_from_file(config)

    async def ask() -> list[AccountRow]:
        async with reading(settings) as ledger, ledger.read() as connection:
            return await list_accounts(connection)

    columns = ("name", "admin", "addresses", "created_at")
    rows = [{column: getattr(row, column) for column in columns} for row in run_to_end(ask())]
    print_rows(rows, columns, as_json)


@user_app.command("passwd")
def change_password(name: Name, password_stdin: FromStdin = False, config: Config = DEFAULT_CONFIG) -> None:
    """Set another password; ends the account's sessions."""
    settings = settings_from_file(config)
    if not _exists(settings, name):  # before a password is asked for
        raise Failed(f"there is no account {name}")
    password = _new_password(password_stdin)

    async def work() -> None:
        async with changing(settings) as ledger:
            account = await _account(ledger, name)
            await ledger.write(accounts.set_password, account.id, await Passwords().hash(password))

    run_to_end(work())
    typer.echo(f"{name} has another password, and is logged out everywhere.")


@user_app.command("remove")
def remove_user(
    name: Name,
    force: Annotated[bool, typer.Option("--force", help="even the last administrator")] = False,
    config: Config = DEFAULT_CONFIG,
) -> None:
    """Remove an account with its tokens; its mail and hits stay."""
    settings = settings_from_file(config)

    async def work() -> bool | None:
        async with changing(settings) as ledger:
            return await ledger.write(accounts.remove_account, (await _account(ledger, name)).id, force)

    if run_to_end(work()) is None:
        raise Failed(f"{name} is the last administrator: add another one first, or say --force")
    typer.echo(f"Removed {name}.")


@token_app.command("create")
def create_token(
    user: Annotated[str, typer.Option("--user", help="whose mail the token may read")],
    label: Annotated[str, typer.Option("--label", help="what it is for")] = "",
    read_only: Annotated[bool, typer.Option("--read-only", help="it may look, and change nothing")] = False,
    config: Config = DEFAULT_CONFIG,
) -> None:
    """Create a token and print it, once."""
    settings = settings_from_file(config)
    token = "mg_" + secrets.token_urlsafe(_TOKEN_BYTES)
    scopes = [READ] if read_only else [READ, WRITE]

    async def work() -> None:
        async with changing(settings) as ledger:
            account = await _account(ledger, user)
            now = datetime.now(UTC)
            await ledger.write(accounts.add_token, account.id, secret_hash(token), label, scopes, now)

    run_to_end(work())
    typer.echo(token)


@token_app.command("list")
def show_tokens(config: Config = DEFAULT_CONFIG, as_json: AsJson = False) -> None:
    """List the tokens; what they are cannot be shown again."""
    settings = settings_from_file(config)
    columns = ("id", "account", "label", "scopes", "created_at", "last_used_at", "revoked_at")

    async def ask() -> list[dict[str, object]]:
        async with reading(settings) as ledger, ledger.read() as connection:
            rows = await list_tokens(connection)
        return [{**{column: getattr(row, column) for column in columns}, "scopes": _scopes(row)} for row in rows]

    print_rows(run_to_end(ask()), columns, as_json)


@token_app.command("revoke")
def revoke_token(
    token_id: Annotated[int, typer.Argument(metavar="ID", help="as in mailglass token list")],
    config: Config = DEFAULT_CONFIG,
) -> None:
    """Revoke a token; it stops working at once."""
    settings = settings_from_file(config)

    async def work() -> bool:
        async with changing(settings) as ledger:
            return await ledger.write(accounts.revoke_token, token_id, datetime.now(UTC))

    if not run_to_end(work()):
        raise Failed(f"there is no token {token_id} that could be revoked")
    typer.echo(f"Token {token_id} is revoked.")


def _scopes(token: TokenRow) -> list[str]:
    """What it may do; one without any scope may do all."""
    return list(token.scopes) or [READ, WRITE]


def _exists(settings: Settings, name: str) -> bool:
    async def ask() -> bool:
        async with reading(settings) as ledger, ledger.read() as connection:
            return await account_named(connection, name) is not None

    return run_to_end(ask())


async def _account(ledger: Ledger, name: str) -> AccountRow:
    async with ledger.read() as connection:
        account = await account_named(connection, name)
    if account is None:
        raise Failed(f"there is no account {name}")
    return account


def _new_password(from_stdin: bool) -> str:
    password = password_from(from_stdin, twice=True)
    if not accounts.may_be_password(password):
        raise Failed(
            f"a password needs at least {accounts.SHORTEST_PASSWORD} characters and at most {accounts.LONGEST_PASSWORD}"
        )
    return password
