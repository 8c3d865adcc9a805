"""Where a deployment's secrets come from: the environment, or the system's keyring; never an argument."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec

from sigmagen.connect import setting
from sigmagen.problems import EXIT_USAGE, Problem, SigmagenError

__all__ = ["required", "secret", "setting"]

SERVICE = "sigmagen"


def secret(name: str) -> str | None:
    """A secret from the environment, or from the keyring under the same name, if the `keyring` package is there."""
    if value := setting(name):
        return value
    if find_spec("keyring") is None:
        return None
    keyring, errors = import_module("keyring"), import_module("keyring.errors")
    try:
        stored: str | None = keyring.get_password(SERVICE, name)
    except errors.KeyringError:
        return None
    return stored


def required(name: str, value: str | None, what: str) -> str:
    """The value. Raises SigmagenError that names the variable where there is none."""
    if value:
        return value
    hint = f"set {name}" + (f", or: keyring set {SERVICE} {name}" if not name.endswith("_URL") else "")
    raise SigmagenError(Problem("no-credentials", f"{what} is not known", hint=hint), EXIT_USAGE)
