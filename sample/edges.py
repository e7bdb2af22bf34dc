"""Tags of edge cases, told by the ticket itself; evals/golden.jsonl uses the same names."""

import re
from functools import cache

from sample.compose import CJK, Ticket, pools

DEVICES = ("router", "camera", "thermostat", "doorbell", "lock")
SHORT, SHORT_CJK = 45, 14  # characters


@cache
def named(device: str, language: str) -> re.Pattern[str]:
    """A device by any of its names; German and Spanish lines end with the gender."""
    lines = pools(language)[f"products.{device}"]
    nouns = [line if language in ("en", *CJK) else line.rsplit(" ", 1)[0] for line in lines]
    either = "|".join(map(re.escape, nouns))
    whole = either if language in CJK else rf"\b(?:{either})\b"
    return re.compile(whole, re.IGNORECASE)


def tags(ticket: Ticket) -> list[str]:
    """The edge cases a ticket is one of, in alphabetical order."""
    text, language = ticket.text, ticket.language
    found = {
        "emoji": any(sign in text for sign in pools(language)["emoji"]),
        "short": len(text) < (SHORT_CJK if language in CJK else SHORT),
        "shouting": bool(re.search("[!！]{3}", text)) and ticket.label.urgency == "normal",
        "two_products": sum(bool(named(one, language).search(text)) for one in DEVICES) > 1,
    }
    return [tag for tag, holds in sorted(found.items()) if holds]
