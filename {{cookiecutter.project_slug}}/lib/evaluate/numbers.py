"""Find the number that a worked answer ends with, and its value.

Digits and the signs that join them form one number in one of the formats below, or none: parts of a
date, a range, a version or a sum are not compared, since an answer could share them by chance.
"""

import math
import re
import unicodedata
from fractions import Fraction

# Full-width, Arabic and typographic signs; all spaces become one kind.
SIGNS = {0xFEE0 + ord(sign): sign for sign in ",.-+/:$"} | str.maketrans(
    {
        **dict.fromkeys("\u2212\u2010\u2011\ufe63", "-"),
        **dict.fromkeys("\u00a0\u2007\u2009\u202f\u3000", " "),
        **{
            "\u00b7": "×",
            "\u22c5": "×",
            "\u2019": "'",
            "\u066b": ".",
            "\u066c": ",",
            "\u2044": "/",
            "\u2215": "/",
        },
    }
)
RAISED = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺", "0123456789-+")
LATEX = {r"\\[dt]?frac\{(\d+)\}\{(\d+)\}": r"\1/\2", r"\^\{([-+]?\d+)\}": r"^\1", r"\{,\}": ","} | {
    r"\\(?:times|cdot)(?![a-z])": "×"
}

LATIN = "A-Za-z\u00c0-\u024f"
EAST = {"千": 10**3, "万": 10**4, "萬": 10**4, "亿": 10**8, "億": 10**8, "만": 10**4, "억": 10**8}
SCALES = {"k": 10**3, "K": 10**3, "thousand": 10**3, "M": 10**6, "million": 10**6, "bn": 10**9} | {
    "billion": 10**9,
    "trillion": 10**12,
}
# 1,234.5 and 12,34,567; 1.234,5 and 1.234.567; 1 234,5 and 1'234.5; else one decimal sign or none.
# A comma before exactly three digits separates thousands (except 0,125); a single dot is decimal.
VALUE = re.compile(
    r"(?P<commas>[1-9]\d{0,2}(?:,\d{2,3})*,\d{3}(?:\.\d+)?)"
    r"|(?P<dots>[1-9]\d{0,2}(?:(?:\.\d{3})+,\d+|(?:\.\d{3}){2,}))"
    r"|(?P<gaps>[1-9]\d{0,2}([ '_])\d{3}(?:\4\d{3})*(?:[.,]\d+)?)"
    r"|\d*[.,]?\d+"
)
_PARTS = {"commas": ",", "dots": ".", "gaps": " '_"}  # between thousands
_POWER = re.compile(r"(?:(.+?) ?[x×*] ?)?10(?:\^|\*\*)([-+]?\d+)|(.+?)[eE]([-+]?\d+)")
RATIO = re.compile(r"(?:(\d+) )?(\d+) ?/ ?(0*[1-9]\d*)")
_COUNTED = re.compile(rf"(?:([\d.,]*\d)([{''.join(EAST)}]+))+\d*")

JOINT = (
    r"(?:[.,:'_√]|\^[-+]?| ?(?:\*\*|[-+/*×÷x~–—]) ?[-+]?"  # sums and ranges, also with spaces
    rf"|[{LATIN}]{{1,3}}[-+]?|分之|[{''.join(EAST)}]+"  # 2e3, 12h30, 3万5千
    r"|(?<!\d{4}) (?=\d{3}(?!\d))| (?=\d+ ?/ ?\d))"  # 1 234, 1 1/2
)
RUN = re.compile(
    rf"[{LATIN}][-_^]?\d[\w.,:/^-]*"  # GPT-4, m^2, v1.2: a word
    rf"|(?P<minus>(?<![{LATIN}\d)\]])-(?=[$€£¥₹]?\.?\d))?[$€£¥₹]?"
    rf"(?P<run>(?:(?<![\w.])\.)?\d+(?:{JOINT}\d+)*)"
    rf"(?P<east>[{''.join(EAST)}]+(?![克米瓦]))?"
    rf"(?: ?(?P<scale>{'|'.join(SCALES)})(?!\w))?"
)
_MOST = 300  # digits, also of a power; more is not a number but a model that repeats itself


def last_number(text: str) -> Fraction | None:
    """Return the value of the last number in a text; None if there is none in a known format.

    Digits of any script count; a following unit or percent sign is ignored.
    """
    found = [match for match in RUN.finditer(_plain(text)) if match["run"]]
    if not found:
        return None
    last = found[-1]
    if len(last["run"]) > _MOST:
        return None
    number = counted(last["run"] + last["east"]) if last["east"] else valued(last["run"])
    if number is None:
        return None
    return (-number if last["minus"] else number) * SCALES.get(last["scale"] or "", 1)


def _plain(text: str) -> str:
    """Convert digits and signs of other scripts, superscripts, fractions and LaTeX to ASCII."""
    text = re.sub("(\\d?)([¼½¾⅐-⅞])", split_fraction, text)
    text = re.sub("[⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺]+", lambda found: "^" + found[0].translate(RAISED), text)
    digits = "".join(str(unicodedata.decimal(sign, sign)) for sign in text)
    for pattern, simple in LATEX.items():
        digits = re.sub(pattern, simple, digits)
    return digits.translate(SIGNS)


def split_fraction(found: re.Match[str]) -> str:
    """Write ½ as 1/2 and 2½ as 2 1/2."""
    return (f"{found[1]} " if found[1] else "") + unicodedata.normalize("NFKD", found[2])


def valued(run: str) -> Fraction | None:
    """Return the value of a number in ASCII: a decimal, power of ten or ratio; else None."""
    if ratio := RATIO.fullmatch(run):
        return int(ratio[1] or 0) + Fraction(int(ratio[2]), int(ratio[3]))
    if found := VALUE.fullmatch(run):
        for sign in _PARTS.get(found.lastgroup or "", ""):
            run = run.replace(sign, "")
        return Fraction(run.replace(",", "."))
    if power := _POWER.fullmatch(run):
        number = VALUE.fullmatch(power[1] or power[3] or "1")
        exponent = int(power[2] or power[4])
        if number and abs(exponent) <= _MOST:
            return (valued(number[0]) or Fraction(0)) * Fraction(10) ** exponent
    return counted(run)


def counted(run: str) -> Fraction | None:
    """Return the value of a number with Chinese or Japanese units, such as 3万5千."""
    if not _COUNTED.fullmatch(run):
        return None
    total = Fraction(0)
    for digits, units in re.findall(rf"([\d.,]*\d)([{''.join(EAST)}]*)", run):
        number = valued(digits)
        if number is None:
            return None
        total += number * math.prod(EAST[unit] for unit in units)
    return total
