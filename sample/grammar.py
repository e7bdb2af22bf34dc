"""Noun forms for phrase slots: articles and pronouns that agree with the product's name.

A product line in phrases/<language>.txt is the noun, and in German and Spanish `noun gender`.
"""

GERMAN = {
    "m": "der den dem des ein einen einem mein meinen meinem neue neuen er ihn dieser",
    "f": "die die der der eine eine einer meine meine meiner neue neue sie sie diese",
    "n": "das das dem des ein ein einem mein mein meinem neue neue es es dieses",
}
SPANISH = {
    "m": "el del al un nuevo lo este otro o mismo",
    "f": "la de_la a_la una nueva la esta otra a misma",
}


def forms(language: str, noun: str, prefix: str) -> dict[str, str]:
    """Slots for a noun: {p} is the noun itself, {p_den} and so on the words that agree with it."""
    table = {"de": GERMAN, "es": SPANISH}.get(language)
    if table is None:
        return {prefix: noun}
    name, gender = noun.rsplit(" ", 1)
    slots = {prefix: name}
    for key, word in zip(table["m"].split(), table[gender].split(), strict=True):
        slots[f"{prefix}_{key}"] = word.replace("_", " ")
    return slots
