"""What comes out of a good configuration: file, environment, secret files and relative paths together."""

from __future__ import annotations

import os
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from config.faults import ConfigurationError
from config.load import load, settings_from
from config.settings import Settings

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def toml(tmp_path: Path) -> Path:
    return tmp_path / "relay.toml"


def test_an_empty_file_gives_every_default_with_a_sandbox(toml: Path) -> None:
    toml.write_text("")
    loaded = load(toml, {})
    assert loaded.sandboxed
    assert loaded.listener[0].bind == "127.0.0.1:2525"
    assert loaded.limits.client_idle == timedelta(minutes=5)


def test_the_relay_toml_of_the_repository_says_the_defaults() -> None:
    loaded = load(ROOT / "relay.toml", {})
    assert loaded == settings_from({}, {}, ROOT)


def test_relative_paths_start_at_the_files_folder_and_not_at_the_current_one(
    toml: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (toml.parent / "ca.pem").write_text("")
    toml.write_text('data_dir = "mail"\n[upstream.default]\nhost = "mx.example.com"\nca_file = "ca.pem"\n')
    monkeypatch.chdir("/")
    loaded = load(toml, {})
    assert loaded.data_dir == toml.parent / "mail"
    assert loaded.upstream["default"].ca_file == toml.parent / "ca.pem"


def test_a_relative_configuration_file_gives_absolute_paths(toml: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    toml.write_text("")
    monkeypatch.chdir(toml.parent)
    assert load(Path("relay.toml"), {}).data_dir == toml.parent / "var"


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        pytest.param("sqlite:///a.db", "sqlite:///{data}/a.db", id="relative: beside everything else that is kept"),
        pytest.param("sqlite:////srv/a.db", "sqlite:////srv/a.db", id="absolute: as written"),
        pytest.param("postgresql://db.example.com/m", "postgresql://db.example.com/m", id="no file at all"),
    ],
)
def test_the_ledgers_file_lies_in_the_data_folder(toml: Path, url: str, expected: str) -> None:
    toml.write_text(f'data_dir = "mail"\n[ledger]\nurl = "{url}"\n')
    assert load(toml, {}).ledger.url == expected.format(data=toml.parent / "mail")


@pytest.mark.parametrize(
    ("variable", "text", "found"),
    [
        ("MAILGLASS_DATA_DIR", "/srv/mail", lambda s: s.data_dir == Path("/srv/mail")),
        ("MAILGLASS_LISTENER__0__BIND", "127.0.0.1:2600", lambda s: s.listener[0].bind == "127.0.0.1:2600"),
        ("MAILGLASS_LISTENER__1__BIND", "127.0.0.1:2600", lambda s: len(s.listener) == 2),
        ("MAILGLASS_UPSTREAM__DEFAULT__HOST", "mx.example.com", lambda s: s.upstream["default"].host[:2] == "mx"),
        ("MAILGLASS_UPSTREAM__OFFICE__SANDBOX", "true", lambda s: s.upstream["Office"].sandbox),
        ("MAILGLASS_TRACKING__SKIP_DOMAINS", "a.example, b.example", lambda s: len(s.tracking.skip_domains) == 2),
        ("MAILGLASS_TRACKING__SKIP_DOMAINS", "", lambda s: s.tracking.skip_domains == ()),
        ("MAILGLASS_PIXEL_SERVER__TRUSTED_PROXIES", "10.0.0.0/8", lambda s: s.pixel_server.trusted_proxies),
        ("MAILGLASS_LIMITS__MESSAGE_SIZE", "1000", lambda s: s.limits.message_size == 1000),
        ("MAILGLASS_PRIVACY__KEEP_HITS", "30d", lambda s: s.privacy.keep_hits == timedelta(days=30)),
        ("MAILGLASS_PRIVACY__NOTICE", "yes", lambda s: s.privacy.notice is True),
        ("MAILGLASS_PRIVACY__KEEP_SUBJECT", "Off", lambda s: s.privacy.keep_subject is False),
        ("MAILGLASS_LIMITS__CONNECTIONS", " 300 ", lambda s: s.limits.connections == 300),
        ("MAILGLASS_SHARED", "/anything", lambda s: True),
        ("MAILGLASS_POSTGRES", "postgresql://db.example.com", lambda s: True),
        ("MAILGLASS_FUZZ_SECONDS", "9", lambda s: True),
        ("MAILGLASS_FAILPOINT", "after-fsync", lambda s: True),
        ("MAILGLASS_FOO", "somebody else's", lambda s: True),
        ("MAILGLASS_LOG", "somebody else's", lambda s: s.log.level == "info"),
        *(
            (name, text, lambda s: s.upstream["default"].port == 587 and s.data_dir.name == "var")
            for name, text in {
                "MAILGLASS_PORT": "tcp://10.0.0.1:2525",
                "MAILGLASS_PORT_2525_TCP": "tcp://10.0.0.1:2525",
                "MAILGLASS_PORT_2525_TCP_ADDR": "10.0.0.1",
                "MAILGLASS_NAME": "/web/mailglass",
                "MAILGLASS_ENV_MAILGLASS_LISTENER__0__BINT": "the linked container's own",
                "MAILGLASS_SERVICE_HOST": "10.0.0.1",
                "MAILGLASS_SERVICE_PORT_SMTP": "2525",
                "MAILGLASS_DASHBOARD_URL": "https://example.com/",
                "MAILGLASS_LIMIT": "5",
                "MAILGLASS_PIXEL_SERVER_SERVICE_HOST": "10.0.0.1",
                "MAILGLASS_DASHBOARD_PORT": "tcp://10.0.0.1:8026",
                "MAILGLASS_UPSTREAM_DEFAULT_PORT": "tcp://10.0.0.1:25",
                "MAILGLASS_UPSTREAM_DEFAULT_PORT_25_TCP_PORT": "25",
            }.items()
        ),
    ],
)
def test_the_environment_wins_over_the_file(toml: Path, variable: str, text: str, found: object) -> None:
    toml.write_text('[upstream.default]\nsandbox = true\n[upstream.Office]\nhost = "mx.example.net"\n')
    assert found(load(toml, {variable: text}))  # type: ignore[operator]


@pytest.mark.parametrize(
    ("variable", "meant"),
    [
        pytest.param("DATADIR", "DATA_DIR", id="a setting of the top level"),
        pytest.param("DTAA_DIR", "DATA_DIR", id="two letters in each other's place"),
        pytest.param("TRACKING_PUBLIC_URL", "TRACKING__PUBLIC_URL", id="one underscore for two"),
        pytest.param("TRACKIN_PUBLIC_ULR", "TRACKING__PUBLIC_URL", id="and mistyped too"),
        pytest.param("PIXELSERVER_BIND", "PIXEL_SERVER__BIND", id="no underscore at all"),
        pytest.param("PUBLIC_URL", "TRACKING__PUBLIC_URL", id="a key that says enough without its table"),
        pytest.param("LISTENER_BIND", "LISTENER__0__BIND", id="the first listener"),
        pytest.param("UPSTREAM_OFFICE_HOST", "UPSTREAM__OFFICE__HOST", id="an upstream of the file"),
        pytest.param("UPSTREAM_DEFAULT_PORT", "UPSTREAM__DEFAULT__PORT", id="a number is no platform's address"),
    ],
)
def test_a_name_without_a_double_underscore_that_nearly_spells_a_setting_is_a_fault(
    toml: Path, variable: str, meant: str
) -> None:
    toml.write_text('[upstream.default]\nsandbox = true\n[upstream.Office]\nhost = "mx.example.net"\n')
    with pytest.raises(ConfigurationError) as caught:
        load(toml, {f"MAILGLASS_{variable}": "587"})
    assert str(caught.value) == f"MAILGLASS_{variable}: unknown setting; did you mean MAILGLASS_{meant}?"


@pytest.mark.parametrize("setting", ["RELAI__LISTEN", "UPSTREAM__DEFAULT__PROT", "FOO__BAR", "LOG__", "__"])
def test_a_name_with_a_double_underscore_that_is_no_setting_is_a_fault(toml: Path, setting: str) -> None:
    toml.write_text("")
    with pytest.raises(ConfigurationError, match=f"^MAILGLASS_{setting}: "):
        load(toml, {f"MAILGLASS_{setting}": "x"})


def test_an_upstream_can_come_from_the_environment_alone(toml: Path) -> None:
    toml.write_text("")
    loaded = load(toml, {"MAILGLASS_UPSTREAM__DEFAULT__HOST": "mx.example.com"})
    assert not loaded.sandboxed


@pytest.mark.parametrize(
    ("environment", "sandbox", "host"),
    [
        pytest.param({"DEFAULT__HOST": "mx.example.com"}, False, "mx.example.com", id="a host ends the sandbox"),
        pytest.param({"OFFICE__SANDBOX": "yes"}, True, "", id="a sandbox takes the place of the host"),
        pytest.param({"OFFICE__SANDBOX": "no"}, False, "mx.example.net", id="no sandbox leaves the host"),
        pytest.param({"DEFAULT__HOST": ""}, True, "", id="no host leaves the sandbox"),
    ],
)
def test_host_and_sandbox_of_the_environment_take_the_place_of_each_other_in_the_file(
    toml: Path, environment: dict[str, str], sandbox: bool, host: str
) -> None:
    toml.write_text('[upstream.default]\nsandbox = true\n[upstream.Office]\nhost = "mx.example.net"\n')
    loaded = load(toml, {f"MAILGLASS_UPSTREAM__{name}": text for name, text in environment.items()})
    changed = loaded.upstream["default" if "DEFAULT" in str(environment) else "Office"]
    assert (changed.sandbox, changed.host) == (sandbox, host)


@pytest.mark.parametrize("ending", ["", "\n", "\r\n"])
def test_a_password_is_read_from_its_file_without_the_line_end(toml: Path, ending: str) -> None:
    (toml.parent / "secret").write_bytes(b"hunter2 " + ending.encode())
    toml.write_text('[upstream.default]\nhost = "mx.example.com"\nlogin = "account"\nusername = "ann"\n')
    loaded = load(toml, {"MAILGLASS_UPSTREAM__DEFAULT__PASSWORD_FILE": "secret"})
    assert loaded.upstream["default"].password.get_secret_value() == "hunter2 "


def test_a_password_in_the_environment_takes_the_place_of_the_files_password_file(toml: Path) -> None:
    toml.write_text(
        '[upstream.default]\nhost = "mx.example.com"\nlogin = "account"\nusername = "ann"\npassword_file = "gone"\n'
    )
    loaded = load(toml, {"MAILGLASS_UPSTREAM__DEFAULT__PASSWORD": "hunter2"})
    assert loaded.upstream["default"].password.get_secret_value() == "hunter2"


def test_no_secret_shows_in_what_is_printed_of_the_settings(toml: Path) -> None:
    (toml.parent / "secret").write_text("hunter2\n")
    (toml.parent / "db").write_text("postgresql://ann:hunter2@db.example.com/m\n")
    toml.write_text(
        '[upstream.default]\nhost = "mx.example.com"\npassword_file = "secret"\n[ledger]\nurl_file = "db"\n'
    )
    loaded = load(toml, {})
    assert loaded.ledger.url == "postgresql://ann:hunter2@db.example.com/m"
    assert "hunter2" not in repr(loaded) + str(loaded)


def test_an_empty_secret_file_is_a_fault(toml: Path) -> None:
    (toml.parent / "secret").write_text("\n")
    toml.write_text('[upstream.default]\nhost = "mx.example.com"\npassword_file = "secret"\n')
    with pytest.raises(ConfigurationError, match=r"upstream\.default\.password_file: .* is empty"):
        load(toml, {})


def test_a_byte_order_mark_does_not_matter(toml: Path) -> None:
    toml.write_bytes(b'\xef\xbb\xbfdata_dir = "mail"\r\n')
    assert load(toml, {}).data_dir == toml.parent / "mail"


def test_a_missing_file_is_a_fault_and_no_traceback(toml: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"relay\.toml: No such file"):
        load(toml, {})


def test_a_certificate_in_a_folder_we_may_not_look_into_is_left_to_whoever_opens_it(toml: Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("root may look into every folder")
    closed = toml.parent / "live"
    closed.mkdir(mode=0o000)
    toml.write_text('[upstream.default]\nhost = "mx.example.com"\nca_file = "live/ca.pem"\n')
    assert load(toml, {}).upstream["default"].ca_file == closed / "ca.pem"


@pytest.mark.parametrize(
    "host",
    ["smtp.example.com", "smtp.example.com.", "my_mail", "münchen.example", "127.0.0.1", "2001:db8::1", "fe80::1%eth0"],
)
def test_a_name_or_an_address_is_a_host(host: str) -> None:
    settings = settings_from({"upstream": {"default": {"host": host}}}, {}, Path("/nowhere"))
    assert settings.upstream["default"].host == host


@pytest.mark.parametrize("host", ["mail.example.com", "mail.example.com:8443", "[::1]", "[::1]:8026"])
def test_an_allowed_host_may_name_its_port(host: str) -> None:
    assert settings_from({"dashboard": {"allowed_hosts": [host]}}, {}, Path("/nowhere")).dashboard.allowed_hosts == (
        host,
    )


@pytest.mark.parametrize(
    "recipient",
    [
        "ann@example.com",
        "<ann@example.com>",
        "@example.com",
        "a*b@example.com",
        '"a@b c"@example.com',
        "a@[IPv6:::1]",
        "a@[ipv6:::1]",
    ],
)
def test_every_address_can_be_one_that_is_never_tracked(recipient: str) -> None:
    tracking = settings_from({"tracking": {"never_recipients": [recipient]}}, {}, Path("/nowhere")).tracking
    assert tracking.never_recipients == (recipient,)


@pytest.mark.parametrize("recipient", ["Ann <ann@example.com>", "example.com", "*@example.com", "@"])
def test_what_would_match_nobody_is_no_address(recipient: str) -> None:
    with pytest.raises(ConfigurationError, match="is no address"):
        settings_from({"tracking": {"never_recipients": [recipient]}}, {}, Path("/nowhere"))


VALUES = st.recursive(
    st.none().map(lambda _: "") | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
SECTIONS = st.dictionaries(
    st.sampled_from([*Settings.model_fields, "nonsense"]),
    VALUES
    | st.dictionaries(st.sampled_from(["bind", "host", "url", "default", "keep_hits", "dialects", "x"]), VALUES)
    | st.lists(st.dictionaries(st.sampled_from(["bind", "security", "upstream", "y"]), VALUES), max_size=3),
)
VARIABLES = st.dictionaries(
    st.lists(st.sampled_from([*Settings.model_fields, "0", "7", "default", "bind", "host", "x"]), max_size=4).map(
        lambda steps: "MAILGLASS_" + "__".join(steps).upper()
    ),
    st.text(max_size=8),
    max_size=3,
)


@settings(max_examples=300, deadline=None)
@given(SECTIONS, VARIABLES)
def test_whatever_stands_in_the_file_gives_settings_or_faults_but_no_other_exception(
    data: dict[str, object], environment: dict[str, str]
) -> None:
    with suppress(ConfigurationError):
        assert settings_from(data, environment, Path("/nowhere")).data_dir.is_absolute()
