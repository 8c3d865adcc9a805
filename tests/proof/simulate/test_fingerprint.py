"""The fingerprints, on texts that regex engines and encoders like to disagree about."""

from __future__ import annotations

import doctest
from hashlib import sha256

import pytest

from sigmagen.mapping import fingerprint


def digest(text: str) -> str:
    return sha256(text.encode()).hexdigest()


def test_the_docstrings_are_right() -> None:
    assert doctest.testmod(fingerprint).failed == 0


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("item 4411", "item 0"),
        ("a1b22c333", "a0b0c0"),
        ("Arabic \u0663\u0664, full-width \uff11\uff12 and 12", "Arabic \u0663\u0664, full-width \uff11\uff12 and 0"),
        ("superscript ² and ½", "superscript ² and ½"),
        ("no\u00a0break\u00a0space", "no\u00a0break\u00a0space"),
        ("line\u2028separator\u2029and\u0085next", "line\u2028separator\u2029and\u0085next"),
        ("vertical\x0btab and form\x0cfeed", "vertical\x0btab and form\x0cfeed"),
        ("tabs\t\tlines\r\n\n and   spaces", "tabs lines and spaces"),
        ("\n leading and trailing \t", " leading and trailing "),
        ('say "one 2 three"', 'say ""'),
        ('say "over\ntwo lines" now', 'say "" now'),
        ('unbalanced "quote 12', 'unbalanced "quote 0'),
        ('three " quotes " here "', 'three "" here "'),
        ('back \\"slash\\" 7', 'back \\"" 0'),
        ('""', '""'),
        ("\N{GRINNING FACE} 10 \N{FAMILY}", "\N{GRINNING FACE} 0 \N{FAMILY}"),
        ("把句子 42 翻译成英文", "把句子 0 翻译成英文"),
        ("“curly 5 quotes”", "“curly 0 quotes”"),
    ],
)
def test_the_template_masks_only_ascii_digits_straight_quotes_and_four_kinds_of_white_space(
    text: str, masked: str
) -> None:
    assert fingerprint.template(text) == masked
    assert fingerprint.template_hash(text) == digest(masked)
    assert fingerprint.head_hash(text) == digest(masked[:64])
    assert fingerprint.prompt_hash(text) == digest(text)
    assert fingerprint.system_hash(text) == digest(text)


def test_the_head_counts_code_points_of_the_template_not_bytes_or_utf16_units() -> None:
    text = "\N{GRINNING FACE}" * 63 + "1234" + "tail"
    assert fingerprint.head_hash(text) == digest("\N{GRINNING FACE}" * 63 + "0")


@pytest.mark.parametrize("text", [None, ""])
def test_no_text_has_no_hash(text: str | None) -> None:
    assert fingerprint.prompt_hash(text) is None
    assert fingerprint.template_hash(text) is None
    assert fingerprint.head_hash(text) is None
    assert fingerprint.system_hash(text) is None
    assert fingerprint.logit_bias_hash(text) is None


def test_a_lone_surrogate_does_not_stop_the_work() -> None:
    assert fingerprint.prompt_hash("\ud83d") == digest("?")


@pytest.mark.parametrize(
    "bias",
    [
        {"7": 5, "50256": -100},
        {"50256": -100, "7": 5},
        '{"50256":-100,"7":5}',
        '{ "7" : 5,\n\t"50256" : -100 }\r\n',
    ],
)
def test_the_bias_hash_ignores_order_and_white_space(bias: dict[str, int] | str) -> None:
    assert fingerprint.logit_bias_hash(bias) == digest("50256:-100,7:5")


def test_the_bias_hash_sees_keys_and_values() -> None:
    hashes = {fingerprint.logit_bias_hash(bias) for bias in ({"7": 5}, {"7": -5}, {"8": 5}, {"7": 5.5}, {"é": 5})}
    assert len(hashes) == 5
    assert None not in hashes


@pytest.mark.parametrize("bias", [{}, "{}", " { } ", "null", None])
def test_an_empty_bias_has_no_hash(bias: dict[str, int] | str | None) -> None:
    assert fingerprint.logit_bias_hash(bias) is None


@pytest.mark.parametrize(
    ("arn", "role"),
    [
        ("arn:aws:sts::111122223333:assumed-role/app/session-4", "arn:aws:sts::111122223333:assumed-role/app"),
        ("arn:aws-us-gov:sts::111122223333:assumed-role/a/b/c", "arn:aws-us-gov:sts::111122223333:assumed-role/a"),
        ("arn:aws:sts::111122223333:assumed-role/app", "arn:aws:sts::111122223333:assumed-role/app"),
        ("arn:aws:iam::111122223333:user/path/name", "arn:aws:iam::111122223333:user/path/name"),
        ("", ""),
        (None, None),
    ],
)
def test_a_session_stands_for_its_role(arn: str | None, role: str | None) -> None:
    assert fingerprint.role_of(arn) == role
