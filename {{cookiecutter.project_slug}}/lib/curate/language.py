"""Find the language of a text with CLD2 (Compact Language Detector 2; Sites, 2013).

Of the detectors tried on 7,772 short texts (the template's benchmarks/RESULTS.md) it never named a
wrong language as reliable, recognized most foreign texts and cost least; it needs no download.
Where it is not sure, the language that the source names counts.
"""

from functools import cache

import pycld2

# Codes of CLD2 and others: the code of the same language, or of one that CLD2 cannot tell apart.
EQUIVALENT = {"iw": "he", "jw": "jv", "in": "id", "ji": "yi", "nb": "no", "nn": "no", "fil": "tl"}


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
    return EQUIVALENT.get(language, language)
