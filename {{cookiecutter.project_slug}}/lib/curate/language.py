"""Find the language of a text with CLD2 (Compact Language Detector 2; Sites, 2013).

Of the detectors tried on 7,772 short texts (the template's benchmarks/RESULTS.md) it never reported
a wrong language as reliable, recognized most foreign texts and was the fastest; it needs no
download. Where it is not sure, the language that the source names counts.
"""

import re
from functools import cache

import pycld2

# Codes of CLD2 and others, to the code of the same language, or of one CLD2 cannot distinguish.
EQUIVALENT = {
    **{"iw": "he", "jw": "jv", "in": "id", "ji": "yi", "nb": "no", "nn": "no", "fil": "tl"},
    "sco": "en",  # Scots: CLD2 reports some plain English as it, with confidence
    **{"yue": "zh", "ckb": "ku", "gsw": "de"},
}

# ISO 639-1: the codes of ISO 639-2 and 639-3 (eng, and of FLORES eng_Latn). `und` is unknown.
LONGER = """
af afr, am amh, ar ara arb, az aze azj, be bel, bg bul, bn ben, bs bos, ca cat, cs ces cze,
cy cym wel, da dan, de deu ger, el ell gre, en eng, es spa, et est ekk, eu eus baq,
fa fas per pes, fi fin, fr fra fre, ga gle, gl glg, gu guj, he heb, hi hin, hr hrv, hu hun,
hy hye arm, id ind, is isl ice, it ita, ja jpn, ka kat geo, kk kaz, km khm, kn kan, ko kor,
lo lao, lt lit, lv lav lvs, mk mkd mac, ml mal, mn mon khk, mr mar, ms msa may zsm, my mya bur,
ne nep npi, nl nld dut, no nor nob nno, pa pan, pl pol, pt por, ro ron rum, ru rus, si sin,
sk slk slo, sl slv, sq sqi alb als, sr srp, sv swe, sw swa swh, ta tam, te tel, th tha,
tl tgl fil, tr tur, uk ukr, ur urd, uz uzb uzn, vi vie, zh zho chi cmn
"""
SAME = {"und": ""} | {
    longer: short
    for short, *others in (line.split() for line in LONGER.split(","))
    for longer in others
}


def sure_language(text: str) -> str:
    """Return the ISO 639-1 code of a text's language, or an empty string where CLD2 is not sure.

    Chinese is `zh` in any script.
    """
    try:
        sure, _, found = pycld2.detect(text, isPlainText=True)
    except pycld2.error:  # characters that it rejects
        return ""
    return primary_language(found[0][1]) if sure else ""


@cache
def primary_language(code: str) -> str:
    """Reduce a language code to its language: `zh-Hans` is `zh`."""
    language = code.replace("_", "-").split("-")[0].lower()
    return SAME.get(language, EQUIVALENT.get(language, language))


# Names that CLD2 does not have: in other words, and in the languages themselves.
NAMED = """
mandarin zh, cantonese zh, farsi fa, castilian es, filipino tl, tagalog tl, bangla bn, myanmar my,
sinhala si, odia or, 中文 zh, 汉语 zh, 简体中文 zh, 繁體中文 zh, 繁体中文 zh, deutsch de,
español es, français fr, italiano it, português pt, русский ru, українська uk, 日本語 ja,
한국어 ko, العربية ar, हिन्दी hi, nederlands nl, polski pl, türkçe tr, svenska sv, ไทย th,
čeština cs, ελληνικά el, עברית he
"""
CODE = re.compile(r"[A-Za-z]{2,3}([-_][A-Za-z0-9]{2,8})*")  # en, zh-Hans, eng_Latn


def language_code(text: str) -> str | None:
    """Return the code for a language code or the name of a language.

    `Chinese (Simplified)` gives zh, `Brazilian Portuguese` pt, `unknown` an empty string, and
    anything else None.
    """
    text = text.strip()
    if text.casefold() in ("unknown", "none", "null", "nan", "n/a"):
        return ""
    text = text.partition(".")[0]  # a locale: en_US.UTF-8
    if CODE.fullmatch(text):
        return text
    plain = re.sub(r"[(（].*?[)）]", " ", text).casefold()
    words = re.sub(r"[,;/|]", " ", plain).split()
    found = (language_names().get(word) for word in (" ".join(words), *words[::-1]))
    return next(filter(None, found), None)


@cache
def language_names() -> dict[str, str]:
    """Map CLD2's English language names to codes."""
    names = {name.casefold().replace("_", " "): code for name, code in reversed(pycld2.LANGUAGES)}
    return {
        name: primary_language(code)
        for name, code in names.items()
        if not name.startswith("x ") and code != "un"
    } | dict(one.split() for one in NAMED.split(","))
