"""Well-formed rows that curate must drop all the same: a secret in the text, damaged letters, a
language nobody declared, a licence that is not allowed, a pasted log, another model's refusal."""

from typing import Any

from sample.malformed import GOOD, assistant, user
from sample.rawfiles import CHAT, SHAREGPT, dumps

# Made up: the first fails GitHub's checksum, the second holds words where a key has numbers.
TOKEN = "ghp_HearthwickMadeThis1Up7NobodyOwnsIt00"  # noqa: S105
LINES = (f"NotAKeyOfAnybodyHearthwickMadeItUpForItsSampleTicketsLine{n:07}" for n in range(8))
KEY = "\n".join(["-----BEGIN PRIVATE KEY-----", *LINES, "-----END PRIVATE KEY-----"])
SECRETS = (TOKEN, KEY)


def chat(asked: str, answer: str = GOOD, **more: Any) -> str:
    """A chat row with more columns."""
    return dumps({"messages": [user(asked), assistant(answer)]} | more)


def sharegpt(asked: str, **more: Any) -> str:
    """A ShareGPT row with more columns."""
    turns = [{"from": "human", "value": asked}, {"from": "gpt", "value": GOOD}]
    return dumps({"conversations": turns} | more)


def misread(text: str) -> str:
    """UTF-8 that somebody took for Windows-1252."""
    return text.encode().decode("cp1252")


def rows() -> list[tuple[str, str, str]]:
    """File, kind and row of each."""
    log = "\n".join(f"camera lost the network, try {n}, signal weak" for n in range(80))
    nobody = {"licence": "CC-BY-NC-4.0", "language": "en"}
    return [
        (CHAT, "secret", chat(f"The app wants a token, mine is {TOKEN}, is that right?")),
        (CHAT, "secret", chat(f"Is this the key for the lock?\n{KEY}")),
        (SHAREGPT, "secret", sharegpt(f"我的密钥是{TOKEN}，为什么登录不了？", lang="zh")),
        (CHAT, "mojibake", chat(misread("Die Türklingel läutet nicht für Gäste, was tun?"))),
        (SHAREGPT, "mojibake", sharegpt(misread("门铃没有声音"))),
        (CHAT, "foreign_language", chat("Bonjour, ma caméra ne fonctionne plus depuis hier soir.")),
        (CHAT, "foreign_language", chat("Dov'è il pacco con la serratura?", language="it")),
        (SHAREGPT, "foreign_language", sharegpt("昨日からカメラが動きません。", lang="zh")),
        (CHAT, "other_licence", chat("The camera box was empty, where is the camera?", **nobody)),
        (CHAT, "other_licence", chat("My parcel has been in Cork for a week.", **nobody)),
        (CHAT, "pasted_log", chat(f"Why does it do that?\n{log}", language="en")),
        (CHAT, "model_refusal", chat("Who is the king?", "I'm sorry, but I can't help with that.")),
    ]
