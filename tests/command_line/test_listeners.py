"""With several listeners: which one a command takes, and what is said when there is none such."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import trustme

from tests.command_line.conftest import Outcome
from tests.e2e.installation import Installation
from tests.free_ports import free_ports

TWO = """\
[[listener]]
bind = "127.0.0.1:2525"
[[listener]]
bind = "127.0.0.1:2526"
default = "opens, links"
[[listener]]
bind = "[::1]:2526"
[upstream.default]
sandbox = true
"""
MESSAGE = "Subject: x\nContent-Type: text/html\n\n<p>Hello</p>\n"
NEEDS = {
    "explain": ("message.eml",),
    "rewrite": ("message.eml",),
    "send-test": ("--to", "ann@example.com"),
    "doctor": ("--to", "ann@example.com"),
    "consent": ("ask", "bob@example.net", "--from", "ann@example.com"),
}


@pytest.fixture
def with_several(mailglass: Callable[..., Outcome], tmp_path: Path) -> Callable[..., Outcome]:
    (tmp_path / "relay.toml").write_text(TWO)
    (tmp_path / "message.eml").write_text(MESSAGE)
    return mailglass


@pytest.mark.parametrize(
    ("options", "is_tracked"),
    [
        ((), False),
        (("--listener", "127.0.0.1:2525"), False),
        (("--listener", "2525"), False),
        (("--listener", "127.0.0.1:2526"), True),
        (("--listener", "[::1]:2526"), False),
    ],
)
def test_what_a_message_without_headers_gets_is_that_listeners_default(
    with_several: Callable[..., Outcome], options: tuple[str, ...], is_tracked: bool
) -> None:
    assert with_several("explain", "message.eml", *options).out.startswith("Tracked") is is_tracked
    shown = with_several("rewrite", "message.eml", "--out", "out.eml", "--report", "-", *options)
    assert json.loads(shown.out)["tracked"] is is_tracked


@pytest.mark.parametrize("command", NEEDS)
@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("2527", 'no listener "2527"; there is 127.0.0.1:2525, 127.0.0.1:2526, [::1]:2526\n'),
        ("2526", "more than one listener has port 2526: 127.0.0.1:2526, [::1]:2526\n"),
    ],
)
def test_a_listener_that_is_not_there_or_not_the_only_one_is_wrong_use(
    with_several: Callable[..., Outcome], command: str, name: str, told: str
) -> None:
    shown = with_several(command, *NEEDS[command], "--listener", name)
    assert (shown.status, shown.err.endswith(told)) == (2, True), shown.err


class TwoPorts(Installation):
    """Two listeners, each with a sandbox of its own; what comes to the second is tracked by default."""

    def write(self, upstream: str) -> None:
        super().write(upstream)
        (self.second,) = free_ports(1)
        path = self.folder / "relay.toml"
        path.write_text(
            path.read_text().replace(
                "[upstream.default]",
                f'[[listener]]\nbind = "127.0.0.1:{self.second}"\nupstream = "other"\ndefault = "opens"\n'
                "[upstream.other]\nsandbox = true\n[upstream.default]",
            )
        )


@pytest.fixture
def two_ports(tmp_path: Path) -> Iterator[TwoPorts]:
    installation = TwoPorts(tmp_path / "installation")
    yield installation
    installation.stop()


def findings_of(installation: Installation, *options: str) -> dict[str, bool]:
    probed = installation.command("doctor", "--to", "ann@example.com", "--json", *options)
    found = {finding["what"]: finding["fine"] for finding in json.loads(probed.stdout)}
    assert (probed.returncode == 0) is all(found.values()), probed.stderr
    return found


def test_doctor_looks_at_every_listener_and_at_its_upstream_or_at_the_one_that_is_named(two_ports: TwoPorts) -> None:
    two_ports.start()
    first, second = f"127.0.0.1:{two_ports.smtp}", f"127.0.0.1:{two_ports.second}"
    found = findings_of(two_ports)
    assert all(found.values())
    assert {"upstream default", "upstream other", f"listener {second}", "relay", "hit"} <= set(found)
    assert f"listener {first}" not in found  # the probe itself goes there
    found = findings_of(two_ports, "--listener", second)
    assert all(found.values())
    assert {"upstream other", "relay", "hit"} <= set(found)
    assert not {"upstream default", f"listener {first}"} & set(found)
    assert two_ports.command("send-test", "--to", "ann@example.com", "--listener", second).returncode == 0


def test_doctor_names_the_second_listener_when_nothing_listens_there(two_ports: TwoPorts) -> None:
    two_ports.start()
    before, two_ports.second = two_ports.second, free_ports(1)[0]
    path = two_ports.folder / "relay.toml"
    path.write_text(path.read_text().replace(f":{before}", f":{two_ports.second}"))
    broken = f"listener 127.0.0.1:{two_ports.second}"
    assert [what for what, fine in findings_of(two_ports).items() if not fine] == [broken]
    told = two_ports.command("doctor", "--to", "ann@example.com")
    assert f"BROKEN  {broken}" in told.stdout
    assert f"the chain breaks at: {broken}" in told.stderr
    assert all(findings_of(two_ports, "--listener", str(two_ports.smtp)).values())  # who asks about the first alone


def test_doctor_needs_no_root_of_the_authority_that_signed_a_listeners_certificate(two_ports: TwoPorts) -> None:
    issued = trustme.CA().create_child_ca().issue_cert("mail.example.com")
    certificate, key = two_ports.folder / "chain.pem", two_ports.folder / "chain.key"
    for blob in issued.cert_chain_pems:  # without the root, as the authorities give them out
        blob.write_to_path(certificate, append=True)
    issued.private_key_pem.write_to_path(key)
    path, second = two_ports.folder / "relay.toml", f'bind = "127.0.0.1:{two_ports.second}"\n'
    encrypted = f'{second}security = "starttls"\ncertificate = "{certificate}"\nprivate_key = "{key}"\n'
    path.write_text(path.read_text().replace(second, encrypted))
    two_ports.start()
    assert findings_of(two_ports)[f"listener 127.0.0.1:{two_ports.second}"]
