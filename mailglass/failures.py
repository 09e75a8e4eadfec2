"""Expected failures of a command: what is told, and with which exit status. No traceback belongs to them."""

from __future__ import annotations


class Failed(Exception):
    """The command could not do its work; the text is one or more plain lines for whoever typed it."""

    status = 1


class WrongUse(Failed):
    """What was typed cannot be meant so, or asks for what is not there."""

    status = 2


class ConfigurationAtFault(Failed):
    """relay.toml, the environment or the key folder has to be set right first."""

    status = 78  # EX_CONFIG of sysexits.h
