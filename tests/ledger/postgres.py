"""A PostgreSQL server of the tests' own, on a Unix socket in a temporary folder, without disk safety."""

from __future__ import annotations

import os
import pwd
import subprocess
from itertools import count
from pathlib import Path

_numbers = count(1)


class PostgresServer:
    def __init__(self, programs: Path, folder: Path) -> None:
        self._programs = programs
        self._folder = folder
        # PostgreSQL refuses to run as root.
        self._user = "postgres" if os.getuid() == 0 else None

    @staticmethod
    def find_programs() -> Path | None:
        """Where initdb lies; None when there is none, or nobody to run it as."""
        try:
            if os.getuid() == 0:
                pwd.getpwnam("postgres")
        except KeyError:
            return None
        found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
        return found[-1].parent if found else None

    def start(self) -> None:
        if self._user is not None:
            self._folder.chmod(0o755)
            os.chown(self._folder, pwd.getpwnam(self._user).pw_uid, -1)
        data = self._folder / "data"
        self._run("initdb", "-D", str(data), "-A", "trust", "-U", "mailglass", "-E", "UTF8", "--no-sync")
        options = f"-k {self._folder} -c listen_addresses='' -c fsync=off -c max_connections=40"
        self._run("pg_ctl", "-D", str(data), "-w", "-l", str(self._folder / "log"), "-o", options, "start")

    def stop(self) -> None:
        self._run("pg_ctl", "-D", str(self._folder / "data"), "-m", "immediate", "stop")

    def new_database(self) -> str:
        """The URL of an empty database."""
        name = f"ledger{next(_numbers)}"
        self._run("createdb", "-h", str(self._folder), "-U", "mailglass", name)
        return f"postgresql://mailglass@/{name}?host={self._folder}"

    def _run(self, program: str, *arguments: str) -> None:
        command = [str(self._programs / program), *arguments]
        with (self._folder / "programs.log").open("ab") as out:  # not a pipe: the server keeps it open
            done = subprocess.run(command, user=self._user, cwd="/", stdout=out, stderr=out)
        if done.returncode:
            raise OSError((self._folder / "programs.log").read_text()[-2000:])
