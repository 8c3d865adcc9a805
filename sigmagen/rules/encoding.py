"""The encoding modifiers as Sigma's specification defines them, replacing pySigma's.

pySigma 1.5 does not know `utf16le`, takes UTF-16 for ASCII only, writes the byte order mark of `utf16` as UTF-8,
encodes the backslash of an escaped wildcard, and counts characters instead of bytes for `base64offset`. A rule would
search for text that no encoder produces.
"""

from __future__ import annotations

from base64 import b64encode
from codecs import BOM_UTF16_LE
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

from sigma.exceptions import SigmaValueError
from sigma.modifiers import SigmaValueModifier, modifier_mapping
from sigma.types import SigmaExpansion, SigmaString

from sigmagen.rules.matching import Cased, EndsWith, RegularExpression, StartsWith, WindowsDash

NOT_TEXT = "\0"
"""Prefix of bytes that no other modifier has turned into text yet."""


class EncodedString(SigmaString):
    """Bytes for base64 to encode. As text they have a mark, since no field contains them."""

    data: bytes = b""

    @classmethod
    def of(cls, data: bytes) -> EncodedString:
        """Return the string for these bytes."""
        encoded = cls()
        encoded.data = data
        encoded.s = (NOT_TEXT + data.decode("latin-1"),)  # type: ignore[assignment]
        return encoded


def _bytes(value: SigmaString, encoding: str, source: Any) -> bytes:
    if isinstance(value, EncodedString):
        return value.data
    if not all(isinstance(part, str) for part in value.s):
        raise SigmaValueError("text with wildcards can't be encoded", source=source)
    return "".join(str(part) for part in value.s).encode(encoding)


class Utf16(SigmaValueModifier[SigmaString, SigmaString]):
    """UTF-16, little endian, with its byte order mark."""

    encoding: ClassVar[str] = "utf-16-le"
    mark: ClassVar[bytes] = BOM_UTF16_LE

    def modify(self, val: SigmaString) -> SigmaString:
        return EncodedString.of(self.mark + _bytes(val, self.encoding, self.source))


class Utf16LittleEndian(Utf16):
    """UTF-16, little endian."""

    mark: ClassVar[bytes] = b""


class Utf16BigEndian(Utf16LittleEndian):
    """UTF-16, big endian."""

    encoding: ClassVar[str] = "utf-16-be"


class Base64(SigmaValueModifier[SigmaString, SigmaString]):
    """Base64 of the whole text."""

    def modify(self, val: SigmaString) -> SigmaString:
        return SigmaString.from_str(b64encode(_bytes(val, "utf-8", self.source)).decode())


class Base64Offset(SigmaValueModifier[SigmaString, SigmaExpansion]):
    """Base64 of the text inside a longer one: for each of three offsets, the characters that only the text decides."""

    def modify(self, val: SigmaString) -> SigmaExpansion:
        data = _bytes(val, "utf-8", self.source)
        found = []
        for offset in range(3):
            text = b64encode(bytes(offset) + data).decode().rstrip("=")
            first = (8 * offset + 5) // 6
            found.append(SigmaString.from_str(text[first : 8 * (offset + len(data)) // 6]))
        return SigmaExpansion(list(found))


_MODIFIERS: dict[str, Any] = {
    "re": RegularExpression,
    "startswith": StartsWith,
    "endswith": EndsWith,
    "cased": Cased,
    "windash": WindowsDash,
    "utf16": Utf16,
    "utf16le": Utf16LittleEndian,
    "wide": Utf16LittleEndian,
    "utf16be": Utf16BigEndian,
    "base64": Base64,
    "base64offset": Base64Offset,
}


@contextmanager
def use_encodings() -> Iterator[None]:
    """Use these modifiers in pySigma inside the context; its own are restored afterwards."""
    before = dict(modifier_mapping)
    modifier_mapping.update(_MODIFIERS)
    try:
        yield
    finally:
        modifier_mapping.clear()
        modifier_mapping.update(before)
