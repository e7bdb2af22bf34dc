"""Keys and tokens are found in any language, and masked. None of these was ever valid."""

import pytest

from lib.pii.secrets import find_secrets, mask_secrets, which_hold_secrets

TOKEN = "ghp_" + "a1B2c3D4e5" * 3 + "F6g7H8"
OTHER = "AIza" + "SyA1b2C3d4E5f6G7h8I9j0K1l2M3n4O5p6Q"  # must begin a word
LINES = "\n".join("MIIEow" + letter * 58 for letter in "abcdefg")
WIDE = "".join(chr(ord(sign) + 0xFEE0) for sign in TOKEN)
BEGIN = "-----BEGIN RSA PRIVATE KEY-----"
KEY = f"-----BEGIN PRIVATE KEY-----\n{LINES}\n-----END PRIVATE KEY-----"


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        (f"my key {TOKEN}, help", "my key <SECRET>, help"),
        (f"密钥是{TOKEN}，请帮忙🙂", "密钥是<SECRET>，请帮忙🙂"),
        (f"{KEY}\nthat is it", "<SECRET>\nthat is it"),
        (f"key:\n{BEGIN}\n{LINES[:90]}", "key:\n<SECRET>"),
        (f"密钥：{BEGIN}\r\nProc-Type: 4,ENCRYPTED\r\n\r\n{LINES}\n请帮忙，谢谢", "密钥：<SECRET>"),
        (rf'{{"key": "{BEGIN}\nMIIEow{"a" * 58}\n', '{"key": "<SECRET>'),
        ("-----BEGIN PGP PRIVATE KEY BLOCK-----\n\n" + LINES, "<SECRET>"),
        (f"{BEGIN}\n{LINES[:90]}\n-----END RSA PRIVATE KEY-----\nok", "<SECRET>\nok"),
        (f"密钥：{WIDE}，请帮忙；{TOKEN}。", "密钥：<SECRET>，请帮忙；<SECRET>。"),
        (f"密钥：ｇｈｐ＿{TOKEN[4:]}，谢谢", "密钥：<SECRET>，谢谢"),
        (f"密钥 {TOKEN[:9]}\u200d{TOKEN[9:]}", "密钥 <SECRET>"),
        (f"🙂\ufe0f {TOKEN[:9]}\u034f{TOKEN[9:]}", "🙂 <SECRET>"),
        (rf'{{"note": "it is\n{OTHER}"}}', r'{"note": "it is\n<SECRET>"}'),
        (
            "postgres://admin:s3cr3tP4ssw0rd@db.internal/main",
            "postgres://admin:<SECRET>@db.internal/main",
        ),
    ],
)
def test_secrets_are_masked(text: str, masked: str) -> None:
    assert mask_secrets(text) == masked


@pytest.mark.parametrize(
    "text",
    [
        "order A-48213, serial CMP-3300-77F2-90, firmware 2.14.0-rc1",
        "sha256 e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "id 123e4567-e89b-12d3-a456-426614174000",
        "我的密码忘记了，怎么重置？",
        f"what does {BEGIN} mean? My file starts with it",
        f"-----BEGIN PUBLIC KEY-----\n{LINES}",
        f"-----BEGIN CERTIFICATE-----\n{LINES[:90]}",
        "订单号：ＡＢ１２３４５６，谢谢",
    ],
)
def test_what_only_looks_like_one_stays(text: str) -> None:
    assert find_secrets(text) == []


def test_many_texts_at_once_are_judged_like_each_by_itself() -> None:
    halves = [
        "my api key is",
        TOKEN[:20],
        TOKEN[20:],
        f"ends so: {BEGIN}",
        LINES[:90],
        "aws secret",
    ]
    whole = [
        f"my key {TOKEN}, help",
        f"密钥：{WIDE}。",
        KEY,
        rf'{{"note": "it is\n{OTHER}"}}',
        "ok",
    ]
    texts = [*halves, *whole, *reversed(halves), *["router broken 🙂"] * 40, *whole, *halves]
    assert which_hold_secrets(texts) == [bool(find_secrets(text)) for text in texts]
