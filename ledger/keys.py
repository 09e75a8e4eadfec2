"""The folder of signing keys: made, read, rotated. What a key signs is tokens.py's affair.

One file a key, ``<id>.key`` with 64 hexadecimal digits, mode 0600 in a folder of mode 0700. A key is never changed
or removed by mailglass: links in delivered mail must work for ever. A folder or a file that others may read is
refused, since whoever has a key can make our links lead anywhere.
"""

from __future__ import annotations

import logging
import os
import re
import secrets
import stat
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from ledger.tokens import KeyRing

KEY_BYTES = 32  # as long as the output of the hash (RFC 2104 section 3)
HIGHEST_KEY_ID = 2**16 - 1  # tokens write it in two bytes
LOOK_AGAIN_SECONDS = 1.0

_PEOPLE_KEY = "people.secret"
_KEY_FILE = re.compile(r"([0-9]{1,5})\.key", re.ASCII)
_OTHERS = stat.S_IRWXG | stat.S_IRWXO

log = logging.getLogger("mailglass.keys")


class KeyFolderFault(OSError):
    """The key folder cannot be used as it is; the text says what to do. At the command line: exit status 78."""


@dataclass(frozen=True, slots=True)
class KeyInfo:
    """One key for people: its id, when its file was made, and whether it signs new tokens."""

    id: int
    created_at: datetime
    signs: bool


def load_keys(folder: Path) -> KeyRing:
    """All keys of the folder; the folder and a first key are made when there is none.

    Raises KeyFolderFault when others may read folder or key, when a key file is damaged, and when the disk refuses.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        ring = _read(folder)
        if ring is None:
            _write_key(folder, "1.key")
            ring = _read(folder)
    except KeyFolderFault:
        raise
    except OSError as fault:
        raise KeyFolderFault(f"cannot use the key folder {folder}: {fault.strerror or fault}") from fault
    if ring is None:
        raise KeyFolderFault(f"the key folder {folder} was emptied while it was being read")
    return ring


def find_keys(folder: Path) -> KeyRing | None:
    """The keys that are there; None when there is none yet. Makes nothing. Raises KeyFolderFault as load_keys does."""
    try:
        return _read(folder) if folder.exists() else None
    except KeyFolderFault:
        raise
    except OSError as fault:
        raise KeyFolderFault(f"cannot use the key folder {folder}: {fault.strerror or fault}") from fault


def faults_of(folder: Path) -> list[str]:
    """All that is wrong with the folder, for whoever sets it right; ``find_keys`` tells of the first alone."""
    faults: dict[str, None] = {}

    def ask(question: Callable[[Path], object], path: Path) -> None:
        try:
            question(path)
        except KeyFolderFault as fault:
            faults[str(fault)] = None
        except OSError as fault:
            faults[f"cannot use {path}: {fault.strerror or fault}"] = None

    def ask_of_each(folder: Path) -> None:
        for name in sorted(os.listdir(folder)):
            if _KEY_FILE.fullmatch(name) or name == _PEOPLE_KEY:
                ask(_read_key, folder / name)

    if folder.exists():
        ask(lambda path: _refuse_if_others_may(path, path.stat(), "0700"), folder)
        ask(ask_of_each, folder)
        ask(_read, folder)  # ids that no token can name
    return list(faults)


def load_people_key(folder: Path) -> bytes:
    """The key with which addresses become keys of people (ledger/people.py); made when there is none. It is never
    rotated: without it nobody could be recognised who once said no. Raises KeyFolderFault."""
    load_keys(folder)
    path = folder / _PEOPLE_KEY
    try:
        if not path.exists():
            _write_key(folder, _PEOPLE_KEY)
        return _read_key(path)
    except KeyFolderFault:
        raise
    except OSError as fault:
        raise KeyFolderFault(f"cannot use {path}: {fault.strerror or fault}") from fault


def rotate(folder: Path) -> int:
    """Adds a key that signs from now on and returns its id; the old ones keep verifying. Raises KeyFolderFault."""
    key_id = load_keys(folder).current_id + 1
    while True:
        if key_id > HIGHEST_KEY_ID:
            raise KeyFolderFault(f"{folder} already has key {HIGHEST_KEY_ID}, the highest that tokens can name")
        try:
            if _write_key(folder, f"{key_id}.key"):
                return key_id
        except OSError as fault:
            raise KeyFolderFault(f"cannot write a key into {folder}: {fault.strerror or fault}") from fault
        key_id += 1  # another process rotated at the same moment


def list_keys(folder: Path) -> list[KeyInfo]:
    """The keys by id; none where none was made yet. Makes nothing. Raises KeyFolderFault as load_keys does."""
    ring = find_keys(folder)
    if ring is None:
        return []
    return [
        KeyInfo(key_id, datetime.fromtimestamp((folder / name).stat().st_mtime, UTC), key_id == ring.current_id)
        for key_id, name in _key_names(folder)
    ]


class LiveKeyRing:
    """The key ring of a running process. A rotated key verifies here within a second, and signs a second after that.

    Processes look into the folder at different moments. By waiting once more before it signs, each can be sure that
    all of them know the key: no mail arrives with links that the pixel server beside it calls unknown.
    """

    def __init__(self, folder: Path, clock: Callable[[], float] = time.monotonic) -> None:
        """Raises KeyFolderFault as load_keys does. ``clock`` counts seconds."""
        self._folder = folder
        self._clock = clock
        self._ring = load_keys(folder)
        self._names = _key_names(folder)
        self._next_look = clock() + LOOK_AGAIN_SECONDS

    def current(self) -> KeyRing:
        """The ring as of at most a second ago. A folder that has become unusable leaves the last good ring."""
        if self._clock() >= self._next_look:
            self._next_look = self._clock() + LOOK_AGAIN_SECONDS
            self._look()
        return self._ring

    def _look(self) -> None:
        # Whatever key is known by now was found at least one look ago, so it may sign.
        self._ring = KeyRing(self._ring.keys)
        try:
            # Names are compared and not the folder's time: two changes can fall into one tick of the file system.
            names = _key_names(self._folder)
            if names != self._names:
                # A key that has gone from the folder still verifies until the process ends.
                known = self._ring
                self._ring = KeyRing({**known.keys, **load_keys(self._folder).keys}, known.current_id)
                self._names = names
        except OSError as fault:
            log.warning("keys-unreadable kept=%s error=%s", self._ring.current_id, type(fault).__name__)


def _key_names(folder: Path) -> list[tuple[int, str]]:
    matches = (_KEY_FILE.fullmatch(name) for name in os.listdir(folder))
    return sorted((int(match[1]), match[0]) for match in matches if match)


def _read(folder: Path) -> KeyRing | None:
    _refuse_if_others_may(folder, folder.stat(), "0700")
    keys: dict[int, bytes] = {}
    for key_id, name in _key_names(folder):
        if not 1 <= key_id <= HIGHEST_KEY_ID or key_id in keys:
            raise KeyFolderFault(f"{folder / name} has an id that no token can name, or that another file has too")
        keys[key_id] = _read_key(folder / name)
    return KeyRing(keys) if keys else None


def _read_key(path: Path) -> bytes:
    with path.open("rb") as file:
        # Asked of the opened file, so that nothing can be swapped between the question and the reading.
        _refuse_if_others_may(path, os.fstat(file.fileno()), "0600")
        text = file.read(4 * KEY_BYTES)
    try:
        key = bytes.fromhex(text.decode("ascii"))
    except ValueError:
        key = b""
    if len(key) != KEY_BYTES:
        raise KeyFolderFault(f"{path} is damaged: it should hold {2 * KEY_BYTES} hexadecimal digits")
    return key


def _refuse_if_others_may(path: Path, status: os.stat_result, mode: str) -> None:
    if status.st_mode & _OTHERS:
        raise KeyFolderFault(
            f"{path} may be read or changed by other users (mode {stat.S_IMODE(status.st_mode):04o}); "
            f"whoever has a key can forge links. Set it right with: chmod {mode} {path}"
        )


def _write_key(folder: Path, name: str) -> bool:
    """Whether the key was written; False when there already is one of that name. Durable when it returns."""
    draft = folder / f".{name}.{secrets.token_hex(8)}.draft"
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with open(descriptor, "wb") as file:
            file.write(secrets.token_hex(KEY_BYTES).encode("ascii") + b"\n")
            file.flush()
            os.fsync(file.fileno())
        # A link and not a rename: it fails when the name exists, and nobody ever sees half a key.
        os.link(draft, folder / name)
    except FileExistsError:
        return False
    finally:
        draft.unlink()
    _fsync_folder(folder)
    return True


def _fsync_folder(folder: Path) -> None:
    # Without it the name of the new file may be lost with the power (reported against etcd as #6368).
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
