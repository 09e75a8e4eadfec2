"""Coverage-guided fuzzing of rewriting: ``python -m tests.soak.fuzz_rewriting [-max_total_time=3600]``.

The fuzzer's bytes are taken as a message, and as the HTML of messages in each transfer encoding. Every promise that
needs no sound MIME structure is held; the arguments are libFuzzer's. Needs atheris (the extra ``soak``).
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["relay.rewriting"]):
    from relay.rewriting import rewrite as _instrumented  # noqa: F401 - imported so that its modules are counted
    from tests.rewriting.corpus import files, messages_of, wrapped
    from tests.rewriting.oracles import check_message


def try_input(raw: bytes) -> None:
    """One input: its first byte chooses what is made of the others."""
    if not raw:
        return
    choice, rest = raw[0] % 4, raw[1:]
    if choice == 0:
        check_message(rest, trees=False)
        return
    for _, message in wrapped(rest):
        check_message(message, trees=choice == 3 and b"\0" not in rest)


def seeds() -> list[bytes]:
    """Small files of the corpus, as first inputs."""
    found = []
    for kind in ("eml", "html"):
        for path in files(kind):
            if path.stat().st_size < 4000:
                found += [bytes([0 if kind == "eml" else 1]) + raw for _, raw in list(messages_of(path))[:1]]
    return found


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        for number, raw in enumerate(seeds()):
            Path(folder, str(number)).write_bytes(raw)
        atheris.Setup([*sys.argv, folder], try_input)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
