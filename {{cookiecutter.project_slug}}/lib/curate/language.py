"""The language of a text, by CLD2, where it is sure.

Of the detectors tried on 7,772 short texts (the template's benchmarks/RESULTS.md) it was never sure
of a wrong language, knew most foreign texts and cost least; it needs no download. A text it is not
sure about is taken for what its source says.
"""

from functools import cache

import pycld2

# CLD2's code: codes that mean the same language, or one that it cannot tell from it.
EQUIVALENT = {"iw": "he", "jw": "jv", "in": "id", "ji": "yi", "nb": "no", "nn": "no", "fil": "tl"}


def sure_language(text: str) -> str:
    """Its ISO 639-1 code (`zh` for every written Chinese), or an empty string."""
    try:
        sure, _, found = pycld2.detect(text, isPlainText=True)
    except pycld2.error:  # characters that it does not take
        return ""
    return primary_language(found[0][1]) if sure else ""


@cache
def primary_language(code: str) -> str:
    """The language of a code that may name a script or country: `zh-Hans` is `zh`."""
    language = code.replace("_", "-").split("-")[0].lower()
    return EQUIVALENT.get(language, language)
