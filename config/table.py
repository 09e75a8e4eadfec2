"""What every TOML table of relay.toml is made of: the kinds of values, and that unknown keys are faults.

Which tables and settings there are stands in settings.py. Pure.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Strict, ValidationInfo, model_validator

from config.units import parse_duration, parse_size


def _not_at_once(span: timedelta) -> timedelta:
    if not span:
        raise ValueError("must be longer than 0s")
    return span


# As TOML has them: in the file "no" in quotes is text, and text is not guessed at. (The environment has text alone;
# environment.py reads it.)
Switch = Annotated[bool, Strict()]
Whole = Annotated[int, Strict()]
Size = Annotated[int, BeforeValidator(parse_size)]
Duration = Annotated[timedelta, BeforeValidator(parse_duration)]
Wait = Annotated[Duration, AfterValidator(_not_at_once)]
Network = IPv4Network | IPv6Network
Given = Mapping[str, Any]

# In the validation context: contradictions are left to the caller, who wants them beside all other faults.
CONTRADICTIONS_LATER = "contradictions-later"


def _empty_means_none(value: object) -> object:
    return None if value == "" else value


def _shells_alone_know(path: Path) -> Path:
    if path.parts[:1] and path.parts[0].startswith("~"):
        raise ValueError(f'"{path}": write the whole path; ~ would become a folder of that name')
    return path


Folder = Annotated[Path, AfterValidator(_shells_alone_know)]
OptionalFile = Annotated[Path | None, BeforeValidator(_empty_means_none)]


class Table(BaseModel):
    """One TOML table: unknown keys are faults, values do not change."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    @classmethod
    def contradictions(cls, given: Given) -> Iterator[tuple[str, str]]:
        """Key and fault for values that are fine alone but not together. ``given`` lacks the keys that are not fine."""
        yield from ()

    @model_validator(mode="after")
    def _does_not_contradict_itself(self, info: ValidationInfo) -> Self:
        if not (info.context or {}).get(CONTRADICTIONS_LATER):
            faults = [f"{key}: {fault}" if key else fault for key, fault in self.contradictions(dict(self))]
            if faults:
                raise ValueError("; ".join(faults))
        return self
