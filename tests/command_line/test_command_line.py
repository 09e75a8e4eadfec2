"""What people type and what they see: exit statuses, plain lines instead of tracebacks, tables and JSON."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import pytest
import trustme

from mailglass.app import COMMANDS
from mailglass.commands import doctor, running
from mailglass.commands.probing import Finding
from mailglass.failures import Failed
from tests.command_line.conftest import Outcome

ROOT = Path(__file__).resolve().parents[2]
PRESENT = [name for name, (target, _) in COMMANDS.items() if find_spec(target.partition(":")[0])]


def test_help_names_every_command(mailglass: Callable[..., Outcome]) -> None:
    shown = mailglass("--help")
    assert shown.status == 0
    assert [name for name in PRESENT if f"  {name} " not in shown.out] == []


@pytest.mark.parametrize("name", PRESENT)
def test_every_command_explains_itself(mailglass: Callable[..., Outcome], name: str) -> None:
    shown = mailglass(name, "--help")
    assert shown.status == 0
    assert "Usage:" in shown.out
    assert "╭" not in shown.out


def test_help_tells_what_restore_reads_and_classify_takes(mailglass: Callable[..., Outcome]) -> None:
    shown = " ".join(mailglass("restore", "--help").out.split())
    assert "the report of rewrite" in shown
    assert "headers that the relay took out stay out" in shown
    lines = mailglass("classify", "--help").out.splitlines()
    (example,) = [line.strip() for line in lines if line.strip().startswith("{")]
    (verdict,) = mailglass("classify", stdin=example).out.splitlines()
    assert json.loads(verdict)["rule"]


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(("nonsense",), id="no such command"),
        pytest.param(("messages", "--nonsense"), id="no such option"),
        pytest.param(("stop",), id="an argument is missing"),
        pytest.param(("messages", "--limit", "many"), id="no number"),
        pytest.param(("hits", "--kind", "opened"), id="no kind of hit"),
        pytest.param(("hits", "--class", "person"), id="no class of hits"),
        pytest.param(("send-test", "--to", "nonsense"), id="no address"),
        pytest.param(("send-test", "--to", "ann@example.com, bob@example.net"), id="two addresses"),
        pytest.param(("send-test", "--to", "ann@example.com", "--from", "nonsense"), id="no address of a sender"),
        pytest.param(("doctor", "--to", "ann@example.com", "--from", "nonsense"), id="no address of a prober"),
        pytest.param(("doctor", "--to", "ann@example.com", "--wait", "-1"), id="a wait that is over"),
        pytest.param(("doctor", "--to", "Ann <ann@example.com>"), id="not the address alone"),
        pytest.param((), id="nothing asked"),
    ],
)
def test_wrong_use_ends_with_status_2(mailglass: Callable[..., Outcome], arguments: tuple[str, ...]) -> None:
    shown = mailglass(*arguments)
    assert shown.status == 2
    assert "Traceback" not in shown.out + shown.err


@pytest.mark.parametrize("command", [("check",), ("messages",), ("keys", "list"), ("user", "list"), ("run",)])
def test_a_configuration_at_fault_ends_any_command_with_status_78(
    mailglass: Callable[..., Outcome], tmp_path: Path, command: tuple[str, ...]
) -> None:
    (tmp_path / "relay.toml").write_text('[trackin]\nx = 1\n[limits]\nconnections = "many"\n')
    shown = mailglass(*command)
    assert shown.status == 78
    assert "relay.toml has 2 faults:" in shown.err
    assert "trackin: unknown section; did you mean tracking?" in shown.err
    assert 'limits.connections: "many" must be a whole number' in shown.err


def test_a_missing_configuration_is_at_fault_too(mailglass: Callable[..., Outcome]) -> None:
    shown = mailglass("check", "--config", "elsewhere.toml")
    assert shown.status == 78
    assert "elsewhere.toml: No such file or directory" in shown.err


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every file")
@pytest.mark.parametrize(
    ("words", "status"),
    [
        (("check", "--config", "closed"), 78),
        (("messages", "--config", "closed"), 78),
        (("consent", "import", "closed"), 1),
        (("restore", "relay.toml", "--report", "closed"), 1),
    ],
)
def test_a_file_that_may_not_be_read_is_as_one_that_is_not_there(
    mailglass: Callable[..., Outcome], tmp_path: Path, words: tuple[str, ...], status: int
) -> None:
    (tmp_path / "closed").touch(mode=0o000)
    shown = mailglass(*words)
    assert shown.status == status
    assert "Permission denied" in shown.err


def test_check_tells_programs_every_fault(mailglass: Callable[..., Outcome], tmp_path: Path) -> None:
    (tmp_path / "relay.toml").write_text('[log]\nlevel = "loud"\n')
    shown = mailglass("check", "--json")
    assert shown.status == 78
    assert [fault["where"] for fault in json.loads(shown.out)["faults"]] == ["log.level"]


def test_check_is_content_with_an_empty_file(mailglass: Callable[..., Outcome]) -> None:
    assert mailglass("check") == Outcome(0, "relay.toml is fine.\n", "")


def test_check_online_says_which_part_of_the_world_is_missing(
    mailglass: Callable[..., Outcome], tmp_path: Path
) -> None:
    (tmp_path / "relay.toml").write_text(
        '[tracking]\npublic_url = "http://127.0.0.1:1"\n[upstream.default]\nhost = "127.0.0.1"\nport = 1\n'
    )
    shown = mailglass("check", "--online", "--json")
    found = {finding["what"]: finding["fine"] for finding in json.loads(shown.out)["findings"]}
    assert found == {"keys": True, "ledger": True, "pixel": False, "upstream default": False}
    assert shown.status == 1


@pytest.mark.parametrize("words", [("check",), ("check", "--online"), ("check", "--online", "--json")])
def test_a_check_changes_nothing(mailglass: Callable[..., Outcome], tmp_path: Path, words: tuple[str, ...]) -> None:
    (tmp_path / "var" / "keys").mkdir(parents=True, mode=0o700)
    (tmp_path / "var" / "keys").chmod(0o700)
    shown = mailglass(*words)
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["keys", "relay.toml", "var"]
    if "--json" in words:
        found = {one["what"]: one for one in json.loads(shown.out)["findings"]}
        for what in ("keys", "ledger"):
            assert found[what]["fine"]
            assert "not there yet; the first start makes it" in found[what]["seen"]


def test_a_ledger_that_could_not_be_made_is_broken(mailglass: Callable[..., Outcome], tmp_path: Path) -> None:
    (tmp_path / "relay.toml").write_text('data_dir = "relay.toml/var"\n')
    found = {one["what"]: one for one in json.loads(mailglass("check", "--online", "--json").out)["findings"]}
    assert not found["ledger"]["fine"]
    assert not found["keys"]["fine"]


TO_THE_WORLD = '[upstream.default]\nhost = "smtp.example.com"\n'
NOWHERE = "tracking.public_url: http://127.0.0.1:8025 leads nowhere for recipients, while upstream.default sends to "


def test_check_warns_of_links_that_lead_nowhere_and_finds_no_fault(
    mailglass: Callable[..., Outcome], tmp_path: Path
) -> None:
    (tmp_path / "relay.toml").write_text(TO_THE_WORLD)
    shown = mailglass("check")
    assert (shown.status, shown.out) == (0, "relay.toml is fine.\n")
    assert shown.err.startswith(f"mailglass: warning: {NOWHERE}smtp.example.com: set ")
    assert shown.err.count("\n") == 1
    (warning,) = json.loads(mailglass("check", "--json").out)["warnings"]
    assert warning["where"] == "tracking.public_url"


@pytest.mark.parametrize(("command", "times"), [("run", 1), ("relay", 1), ("dashboard", 0)])
def test_what_sends_warns_of_it_once_at_its_start(
    mailglass: Callable[..., Outcome], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str, times: int
) -> None:
    def no_further() -> None:
        raise Failed("far enough")

    monkeypatch.setattr(running, "_import_services", no_further)
    (tmp_path / "relay.toml").write_text(TO_THE_WORLD)
    shown = mailglass(command)
    assert shown.err.count(NOWHERE) == times
    assert shown.err.endswith("far enough\n")


def test_doctor_sends_nobody_a_probe_who_was_not_named(mailglass: Callable[..., Outcome], tmp_path: Path) -> None:
    (tmp_path / "relay.toml").write_text(TO_THE_WORLD)
    shown = mailglass("doctor")
    assert (shown.status, shown.out) == (2, "")
    assert "--to" in shown.err


def test_doctor_tells_it_with_the_configuration(
    mailglass: Callable[..., Outcome], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(settings: object) -> Finding:
        return Finding("ledger", False, "far enough")

    monkeypatch.setattr(doctor, "look_at_ledger", broken)
    (tmp_path / "relay.toml").write_text(TO_THE_WORLD)
    shown = mailglass("doctor", "--to", "ann@example.com")
    assert f"no fault; but {NOWHERE}" in shown.out.splitlines()[0]


def test_keys_that_others_may_read_are_a_fault_of_configuration(
    mailglass: Callable[..., Outcome], tmp_path: Path
) -> None:
    assert mailglass("keys", "rotate").status == 0
    (tmp_path / "var" / "keys" / "1.key").chmod(0o644)
    for command in (("keys", "list"), ("keys", "rotate"), ("check",), ("run",)):
        shown = mailglass(*command)
        assert shown.status == 78
        assert "chmod 0600" in shown.err


def test_check_tells_of_every_key_that_others_may_read(mailglass: Callable[..., Outcome], tmp_path: Path) -> None:
    keys = tmp_path / "var" / "keys"
    for _ in range(2):
        mailglass("keys", "rotate")
    (keys / "people.secret").write_text("00" * 32)
    (keys / "2.key").write_text("damaged")
    wrong = [keys, keys / "1.key", keys / "2.key", keys / "people.secret"]
    for path, mode in zip(wrong, (0o755, 0o644, 0o600, 0o640), strict=True):
        path.chmod(mode)
    shown = mailglass("check")
    assert shown.status == 78
    assert [str(path) in line for path, line in zip(wrong, shown.err.splitlines()[1:], strict=True)] == [True] * 4
    told = mailglass("check", "--json")
    assert told.status == 78
    assert [fault["what"] in shown.err for fault in json.loads(told.out)["faults"]] == [True] * 4


def test_check_tells_of_every_file_that_cannot_be_used(mailglass: Callable[..., Outcome], tmp_path: Path) -> None:
    authority, stranger = trustme.CA(), trustme.CA()
    authority.issue_cert("localhost").cert_chain_pems[0].write_to_path(tmp_path / "chain.pem")
    stranger.issue_cert("localhost").private_key_pem.write_to_path(tmp_path / "other.key")
    (tmp_path / "text").write_text("this is none\n")
    (tmp_path / "var").write_text("a file")
    listener = 'bind = "127.0.0.1:0"\nsecurity = "tls"\ncertificate = "chain.pem"\nprivate_key = "other.key"\n'
    (tmp_path / "relay.toml").write_text(
        f'[[listener]]\n{listener}[upstream.default]\nhost = "localhost"\nca_file = "text"\n'
        '[tracking]\ndkim_signed = "track"\ndkim_key_file = "text"\ndkim_selector = "a"\ndkim_domain = "example.com"\n'
        '[hits]\nnetworks_file = "text"\n'
    )
    places = ["listener[0].certificate", "upstream.default.ca_file", "tracking.dkim_key_file", "hits.networks_file"]
    places.append("data_dir")
    shown = mailglass("check")
    assert shown.status == 78
    assert [line.split(": ")[0].strip() for line in shown.err.splitlines()[1:]] == places
    assert [fault["where"] for fault in json.loads(mailglass("check", "--json").out)["faults"]] == places


@pytest.mark.parametrize(
    ("toml", "told"),
    [
        ('[hits]\nnetworks_file = "text"\n', "mailglass: hits.networks_file: "),
        (
            '[tracking]\ndkim_signed = "track"\ndkim_key_file = "text"\ndkim_selector = "a"\ndkim_domain = "b"\n',
            "mailglass: tracking.dkim_key_file: ",
        ),
    ],
)
def test_a_file_that_cannot_be_used_ends_run_with_status_78(
    mailglass: Callable[..., Outcome], tmp_path: Path, toml: str, told: str
) -> None:
    (tmp_path / "text").write_text("this is none\n")
    ports = "".join(
        f'{section}\nbind = "127.0.0.1:0"\n' for section in ("[[listener]]", "[pixel_server]", "[dashboard]")
    )
    (tmp_path / "relay.toml").write_text(ports + toml)
    shown = mailglass("run")
    assert (shown.status, shown.out) == (78, "")
    assert shown.err.splitlines()[-1].startswith(told)


@pytest.mark.parametrize("section", ["pixel_server", "dashboard"])
def test_an_address_of_another_machine_is_refused_in_the_systems_words(
    mailglass: Callable[..., Outcome], tmp_path: Path, section: str
) -> None:
    binds = {"pixel_server": "127.0.0.1:0", "dashboard": "127.0.0.1:0", section: "203.0.113.9:8025"}
    (tmp_path / "relay.toml").write_text("".join(f'[{name}]\nbind = "{bind}"\n' for name, bind in binds.items()))
    shown = mailglass("run")
    assert shown.status == 1
    assert shown.err.endswith(f"cannot listen on 203.0.113.9:8025: {os.strerror(errno.EADDRNOTAVAIL)}\n")


def test_a_rotated_key_signs_and_the_old_one_stays(mailglass: Callable[..., Outcome]) -> None:
    assert "Key 2 signs from now on" in mailglass("keys", "rotate").out
    keys = json.loads(mailglass("keys", "list", "--json").out)
    assert [(key["id"], key["signs"]) for key in keys] == [(1, False), (2, True)]


def test_an_export_is_for_its_owner_alone(mailglass: Callable[..., Outcome], tmp_path: Path) -> None:
    assert mailglass("export", "--out", "hits.csv").status == 0
    assert (tmp_path / "hits.csv").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    "command",
    [
        ("messages", "--json"), ("hits", "--json"), ("export", "--format", "json"), ("user", "list", "--json"),
        ("token", "list", "--json"), ("consent", "list", "--json"), ("spool", "list", "--json"),
    ],
)  # fmt: skip
def test_before_anything_happened_each_list_is_an_empty_list(
    mailglass: Callable[..., Outcome], command: tuple[str, ...]
) -> None:
    shown = mailglass(*command)
    assert (shown.status, json.loads(shown.out), shown.err) == (0, [], "")


def test_a_table_of_nothing_has_its_heads(mailglass: Callable[..., Outcome]) -> None:
    assert mailglass("export").out.startswith("id,at,kind,class,")
    assert mailglass("messages").out.startswith("id  submitted at  sender")


def test_erase_asks_nobody_where_there_is_no_terminal(mailglass: Callable[..., Outcome]) -> None:
    shown = mailglass("erase", "bob@example.net")
    assert shown.status == 0
    assert shown.out == "Erased: the address from 0 messages, and 0 hits.\n"


def test_a_file_that_cannot_be_written_is_one_plain_line(mailglass: Callable[..., Outcome], tmp_path: Path) -> None:
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree" / "1.eml").write_text("Subject: x\n\nText\n")
    (tmp_path / "taken").write_text("a file where a folder is wanted")
    for command in (
        ("rewrite", "tree", "--out", "taken", "--report", "report"),
        ("rewrite", "tree", "--out", "new", "--report", "taken/report"),
        ("restore", "tree", "--out", "taken"),
        ("subject-export", "bob@example.net", "--html", "taken/page.html"),
    ):
        shown = mailglass(*command)
        assert shown.status == 1
        assert shown.err.startswith("mailglass: taken")
        assert shown.err.count("\n") == 1


def test_a_reader_that_has_seen_enough_is_no_fault(tmp_path: Path) -> None:
    (tmp_path / "relay.toml").write_text("")
    line = f"{sys.executable} -m mailglass messages | true"
    ended = subprocess.run(
        ["sh", "-c", line], capture_output=True, text=True, cwd=tmp_path, env={"PYTHONPATH": str(ROOT)}, timeout=60
    )
    assert (ended.returncode, ended.stderr) == (0, "")


def test_send_test_says_that_nothing_listens(mailglass: Callable[..., Outcome], tmp_path: Path) -> None:
    (tmp_path / "relay.toml").write_text('[[listener]]\nbind = "127.0.0.1:1"\n')
    shown = mailglass("send-test", "--to", "ann@example.com")
    assert shown.status == 1
    assert "nothing listens at 127.0.0.1:1" in shown.err


@pytest.mark.parametrize("arguments", [("--help",), ("rewrite", "--help"), ("keys", "list")])
def test_the_quick_commands_start_without_web_server_and_database(arguments: tuple[str, ...], tmp_path: Path) -> None:
    (tmp_path / "relay.toml").write_text("")
    code = (
        "import sys, atexit\n"
        "heavy = {'aiohttp', 'sqlalchemy', 'aiosmtpd'}\n"
        "atexit.register(lambda: print(sorted(heavy & set(sys.modules)), file=sys.stderr))\n"
        "from mailglass.app import main\n"
        f"sys.argv = ['mailglass', *{arguments!r}]\n"
        "main()\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT)},
        timeout=60,
    )
    assert ended.stderr.splitlines()[-1] == "[]", ended.stderr


def test_purge_says_how_many_hits_went(mailglass: Callable[..., Outcome]) -> None:
    assert mailglass("purge") == Outcome(0, "0 hits purged.\n", "")
    assert mailglass("purge", "--older-than", "30d").status == 0
    assert mailglass("purge", "--older-than", "a while").status == 2
