"""The command ``mailglass``: which commands there are, and what their failures look like.

Decides exit statuses (0 fine, 1 failed, 2 wrong use, 78 configuration at fault) and that an expected fault is one
plain line and no traceback. A command's module is imported when the command is used, so that ``--help`` and
``rewrite`` start without the web server and the database library.
"""

from __future__ import annotations

import os
import sys
from importlib import import_module, metadata
from importlib.util import find_spec
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from mailglass.failures import Failed

FAILED = 1

# Name: where it is, and its line in the list of commands.
COMMANDS = {
    "run": ("mailglass.commands.running:run", "Relay, pixel server and dashboard in one process."),
    "relay": ("mailglass.commands.running:relay", "The SMTP side alone."),
    "pixel-server": ("mailglass.commands.running:pixel_server", "The public HTTP side alone."),
    "dashboard": ("mailglass.commands.running:dashboard", "The private pages alone."),
    "check": ("mailglass.commands.checking:check", "Read the configuration and list every fault."),
    "doctor": ("mailglass.commands.doctor:doctor", "Send a probe and say which link of the chain is broken."),
    "send-test": ("mailglass.commands.sending:send_test", "Submit a small tracked message to the relay."),
    "demo": ("mailglass.commands.demo:demo", "Fill a sandbox's ledger with a believable month."),
    "rewrite": ("mailglass.commands.rewriting:rewrite", "Rewrite a message offline exactly as the relay would."),
    "restore": ("mailglass.commands.rewriting:restore", "Take our pixel and links out of a message again."),
    "decode": ("mailglass.commands.rewriting:decode", "Say what one of our URLs means."),
    "explain": ("mailglass.commands.explain:explain", "Say what of a message would be tracked, and why not."),
    "messages": ("mailglass.commands.listing:messages", "List messages."),
    "hits": ("mailglass.commands.listing:hits", "List hits, or print them as they come."),
    "export": ("mailglass.commands.exporting:export", "Write out hits with their messages."),
    "stop": ("mailglass.commands.stopping:stop", "Stop recording for a message; its links still redirect."),
    "classify": ("mailglass.commands.classify:classify", "Say who made hits given as JSON lines."),
    "reclassify": ("mailglass.commands.reclassify:reclassify", "Apply the present rules to stored hits."),
    "user": ("mailglass.commands.accounts:user_app", "Dashboard accounts."),
    "token": ("mailglass.commands.accounts:token_app", "API tokens."),
    "keys": ("mailglass.commands.signing_keys:app", "Signing keys."),
    "consent": ("mailglass.commands.people:app", "Who may be tracked: ask, add, withdraw, list, import, verify."),
    "purge": ("mailglass.commands.purging:purge", "Delete hits whose time is up."),
    "erase": ("mailglass.commands.people:erase", "Erase what was recorded about a person."),
    "privacy-page": ("mailglass.commands.accountability:print_page", "Print the page on privacy."),
    "ropa": ("mailglass.commands.accountability:print_record", "Print the record of processing activities."),
    "restrict": ("mailglass.commands.people:restrict", "Record nothing about a person while it lasts."),
    "subject-export": ("mailglass.commands.people:subject_export", "Print all that is kept about a person."),
    "spool": ("mailglass.commands.spool:app", "Copies on disk that wait to be delivered."),
    "ledger": ("mailglass.commands.database:app", "The database: upgrade, check, backup, copy."),
}


class LazyCommands(TyperGroup):
    """The commands of the table, each imported when it is asked for."""

    def list_commands(self, ctx: Any) -> list[str]:
        return [name for name, (target, _) in COMMANDS.items() if find_spec(target.partition(":")[0])]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name not in self.list_commands(ctx):
            return None
        module, _, attribute = COMMANDS[cmd_name][0].partition(":")
        found = getattr(import_module(module), attribute)
        if not isinstance(found, typer.Typer):
            single = typer.Typer(add_completion=False, rich_markup_mode=None)
            single.command(cmd_name)(found)
            found = single
        command = typer.main.get_command(found)
        command.name = cmd_name
        return command

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, COMMANDS[name][1]) for name in self.list_commands(ctx)])


app = typer.Typer(
    cls=LazyCommands,
    help="Opt-in open and link tracking for any mail client, with honest numbers.",
    epilog="Exit status: 0 fine, 1 failed, 2 wrong use, 78 configuration at fault.",
    context_settings={"help_option_names": ["-h", "--help"]},
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"mailglass {metadata.version('mailglass')}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_print_version, help="the version")
    ] = False,
) -> None:
    pass


def main() -> None:
    """Runs the command line and exits with its status."""
    try:
        app()
    except Failed as failure:
        typer.echo(f"mailglass: {failure}", err=True)
        sys.exit(failure.status)
    except KeyboardInterrupt:
        sys.exit(FAILED)
    except BrokenPipeError:
        # Whoever read our output has read enough (head, a pager); what is still buffered must not complain at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(FAILED)
    except OSError as fault:
        # A file or folder that was named, a full disk: whoever typed it can do something about it.
        typer.echo(f"mailglass: {fault.filename or 'failed'}: {fault.strerror or fault}", err=True)
        sys.exit(FAILED)
