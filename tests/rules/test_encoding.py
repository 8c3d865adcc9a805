"""The encoding modifiers against Python's codecs."""

from __future__ import annotations

from base64 import b64encode

import pytest
from sigma.modifiers import SigmaBase64Modifier, modifier_mapping
from sigma.rule import SigmaDetectionItem

from sigmagen.rules.encoding import use_encodings

TEXTS = ["a", "ab", "abc", "é", "用户", "a*b?", "\\"]


def values(key: str, text: str) -> list[str]:
    written = text.replace("\\", "\\\\").replace("*", "\\*").replace("?", "\\?")
    with use_encodings():
        (value,) = SigmaDetectionItem.from_mapping(key, written).value
    return ["".join(map(str, part.s)) for part in getattr(value, "values", [value])]


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize(
    ("modifiers", "prefix", "encoding"),
    [
        ("", b"", "utf-8"),
        ("wide|", b"", "utf-16-le"),
        ("utf16le|", b"", "utf-16-le"),
        ("utf16be|", b"", "utf-16-be"),
        ("utf16|", b"\xff\xfe", "utf-16-le"),
    ],
)
def test_base64_equals_encoder_output(modifiers: str, prefix: bytes, encoding: str, text: str) -> None:
    data = prefix + text.encode(encoding)
    assert values(f"f|{modifiers}base64", text) == [b64encode(data).decode()]
    for before in range(7):
        whole = b64encode(b"\xa5" * before + data + b"\x5a" * 4).decode()
        assert any(part in whole for part in values(f"f|{modifiers}base64offset", text))


def test_pysigma_modifiers_are_restored() -> None:
    with use_encodings():
        assert modifier_mapping["base64"] is not SigmaBase64Modifier
    assert modifier_mapping["base64"] is SigmaBase64Modifier
    assert "utf16le" not in modifier_mapping
