"""Find unfilled text templates: `Dear [your name]`, `Hello {{ user.name }}`.

Only patterns that are very rare in normal text count. Code contains `{name}`, `${name}` and `%s`,
which count only after a greeting; anonymized texts contain `<NAME>`, `[FIRST_NAME]` and XXXX, which
never count.
"""

import re
from functools import lru_cache

# Not inside code (a fence or backticks), where people show templates.
CODE_SPAN = re.compile(r"(```|~~~).*?(?:\1|\Z)|`[^`\n]+`", re.DOTALL)

WHOSE = r"(?:ihre?|deine?|tu|su|votre|ton)"
WHAT = (
    r"(?:(?:vor|nach|firmen)?name|adresse|anschrift|firma|telefonnummer|nombre|apellidos?|dirección"
    r"|empresa|teléfono|nom|prénom|société)"
)
WHO = r"(?:customer|client|user|company|recipient|sender|product|agent|first|last|full)"
HELLO = (
    r"(?:dear|hello|hi|hey|hallo|guten tag|liebe[r]?|sehr geehrte[r]?|hola|estimad[oa]|bonjour"
    r"|chère?|您好|你好|尊敬的|亲爱的)"
    r"(?: (?:frau|herr|mr|mrs|ms|señora?|monsieur|madame))?[,，.]? ?"
)
OPEN, SHUT = r"(?<![A-Za-z0-9_)\]])\[", r"\](?![(\[])"  # not an index a[name] or a link [name](url)
TITLED = r"(?-i:(?![A-Z _-]+\]))"  # [FIRST_NAME] and [NAME] are written by anonymizers
HOLES = (
    r"(?<!\$)\{\{ ?\w[\w.]* ?(?:\| ?\w+ ?)*\}\}",
    r"<%= ?[\w.]+ ?%>",
    rf"{OPEN}(?:your|insert)[ _-][\w '-]{{1,30}}{SHUT}",
    rf"{OPEN}{WHOSE} {WHAT}\b[\w ]{{0,20}}{SHUT}",
    rf"{OPEN}{TITLED}{WHO}[ _-]name{SHUT}",
    r"[\[【](?:您|你|贵公司)的?(?:姓名|名字|名称|电话|地址|公司|邮箱)[\]】]",
    rf"^{HELLO}(?:\$?\{{\w+\}}|%s|__[A-Z_]+__|\[{TITLED}(?:\w+ )?(?:name|nombre|nom|姓名){SHUT})",
    r"\b(?:TODO|TBD|FIXME):? (?:write|add|insert|fill in) (?:the |an |your )?(?:answer|response)"
    r"(?= here|$)",
    r"\blorem ipsum\b",
)
UNFILLED = re.compile("|".join(HOLES), re.IGNORECASE | re.MULTILINE)
# Every pattern needs one of these signs or words (in any case). Most texts have none, which a quick
# test finds.
GREETING = re.compile(rf"^{HELLO}[{{$%_]", re.IGNORECASE | re.MULTILINE)
_WORDS = ("todo", "tbd", "xme", "lorem")  # not "fixme": lower() does not know all cases of an i
GREETED = re.compile(rf"^{HELLO}(?:\{{\{{|<%=|\$?\{{\w+\}}|%s|__[A-Z_]+__)", re.IGNORECASE | re.M)
# Requests that ask for a template.
ASKS_FOR_ONE = re.compile(
    r"\b(?:template|placeholder|letter|e-?mail|invitation|vorlage|platzhalter|brief|plantilla|carta"
    r"|correo|modèle|lettre|courriel|jinja|handlebars)\w*|模板|邮件|信件|占位",
    re.IGNORECASE,
)


def hole_in_row(asked: list[str], answers: list[str]) -> str:
    """Return an unfilled field of a row, unless templates are the row's subject; else "".

    A question may be about templates: a field in it counts only after a greeting, or where it is
    the whole text. One in an answer counts unless a template was asked for.
    """
    holes = [(text, hole) for text in asked if (hole := unfilled(text))]
    for text, hole in holes:
        if GREETED.search(text) or not re.search(r"\w", UNFILLED.sub("", text)):
            return hole
    found = next(filter(None, map(unfilled, answers)), "")
    if not found or holes or any(ASKS_FOR_ONE.search(text) for text in asked):
        return ""
    return found


SHORT = 200  # characters of a text that is cached


def may_be_unfilled(text: str) -> bool:
    """Test quickly whether a text may have an unfilled field, before the full search."""
    if "[" in text or "【" in text or "{{" in text or "<%" in text:
        return True
    if ("{" in text or "%s" in text or "__" in text) and GREETING.search(text):
        return True
    small = text.lower()
    return any(word in small for word in _WORDS)


def unfilled(text: str) -> str:
    """Return the first unfilled field of a template in a text, or an empty string.

    A text with `{%` is code in a template language and has none. Short texts are cached: many
    answers recur.
    """
    return remembered(text) if len(text) <= SHORT else first_hole(text)


def first_hole(text: str) -> str:
    """Find the first unfilled field as `unfilled` does, without a cache."""
    if not may_be_unfilled(text) or not UNFILLED.search(text) or "{%" in text:
        return ""
    hole = UNFILLED.search(CODE_SPAN.sub("", text))
    return hole[0] if hole else ""


remembered = lru_cache(maxsize=10_000)(first_hole)
