"""Recognize e-mail, IP and MAC addresses.

Import this late and through lib.pii.redact: presidio costs more than a second.
"""

import ipaddress
import re
from collections.abc import Iterator
from typing import Any

import regex
from presidio_analyzer import EntityRecognizer, Pattern, RecognizerResult
from presidio_analyzer.predefined_recognizers import IpRecognizer, MacAddressRecognizer
from tldextract import TLDExtract

from lib.core.text import UNSPACED
from lib.pii.gates import DOT, HIDDEN_AT, SPOKEN_DOT

_SIGN = r"[\w.!#$%&'*+/=?^`{|}~-]"  # of an address before the @
# For `re` a combining accent or vowel sign ends a word; for `regex` it does not.
EMAIL = regex.compile(rf"(?<!{_SIGN})(?:{_SIGN}+)@((?:[^\W_](?:[\w-]*[^\W_])?\.)+[^\W\d_][\w-]*)")
# In scripts without spaces, `例子.中国谢谢`, a domain ends at a letter, elsewhere with a label.
_LAST_LETTER = re.compile(rf"(?<=\w)[{UNSPACED}]$")
_LAST_LABEL = re.compile(r"[-_.]*[^-_.]*$")
HIDDEN_DOT = r" ?[\[({] ?(?:dot|DOT|Dot|punkt|punto|\.) ?[\])}] ?"
HIDDEN = regex.compile(
    rf"(?<!{_SIGN})[\w.+-]+ ?{HIDDEN_AT} ?((?:[^\W_][\w-]*(?:\.|{HIDDEN_DOT}))+[^\W\d_][\w-]*)"
)
# With spaces around the @, or in words. `me @ example.com` says where somebody is: what stands
# before must have a sign of addresses, or the domain be one of mailboxes.
_SPOKEN = regex.compile(
    rf"(?<![\w.@])([^\W_](?:[\w.+-]*[^\W_])?)(?: @ ?|@ | (?:at|AT|arroba) )"
    rf"((?:[^\W_][\w-]*(?:\.|{SPOKEN_DOT}))+[^\W\d_][\w-]*)"
)
_SIGNS = re.compile(r"[\d._+-]")
_MAILBOXES = re.compile(
    r"(?:gmail|googlemail|yahoo|outlook|hotmail|live|icloud|proton|protonmail|gmx|web|t-online|aol"
    r"|qq|163|126|foxmail|mail|zoho|fastmail)\.",
    re.IGNORECASE,
)
PRIVATE_DOMAINS = {"corp", "example", "home", "internal", "invalid", "lan", "local", "test"}
PADDED = re.compile(r"\d{3}(?:\.\d{3}){3}(?<!\.000)")  # 192.168.001.005
VERSION = re.compile(  # also the second one in `sections 1.2.3.4 and 1.2.3.5`
    r"(?:(?:\b|(?<=[a-z_]))(?:versi[oó]ns?|ver|v|release|firmware|build|driver|kernel|patch|update|upgrade|"
    r"sections?|sec|clauses?|chapters?|tables?|figures?|fig|articles?|art|appendix|annex|paragraphs?|"
    r"para|rules?|steps?|oid|asn|abschnitt|kapitel|ziffer|absatz|tabelle|punkt|secci[oó]n|cap[ií]tulo|"
    r"apartado|cl[aá]usula|tabla|art[ií]culo)|[§版固章节条表][本件号]?号?)"
    r"(?:[\W_]|\b(?:no|is|was|from|to|ist|es)\b|\d+(?:\.\d+)+(?:\W|and|und|y|or|to|bis)+){0,12}$|"
    r"[<>=~^]= ?$|[a-z]@$",
    re.IGNORECASE,
)
ADDRESS = re.compile(r"\bip(?:v4)?\b|\b(?:host|address|server|client|gateway|dns)\W", re.IGNORECASE)
PRODUCT = re.compile(r"(?<![\w.])[A-Z]\w*/$")  # Chrome/113.0.0.0; host names are in lower case
ARCHIVE = re.compile(r"[\w-]*\.(?:jar|tar|t?gz|zip|exe|whl|dll|deb|rpm|msi|apk)\b")
AFTER_A_WORD = r"(?:(?<![\w:])|(?<=[0-9A-F]*[G-Z][0-9A-Z]*:))"  # `src:fe80::1`


class EmailRecognizer(EntityRecognizer):
    """Recognizes e-mail addresses whose domain can exist, by tldextract's public suffixes.

    Presidio's own recognizer takes `ana@example.org.Thanks` and `_ana@example.org_` as a whole,
    finds no such domain and drops both; here labels are removed from the end until the domain is
    valid.
    """

    suffixes = TLDExtract(suffix_list_urls=(), cache_dir=None)

    def __init__(self) -> None:
        super().__init__(supported_entities=["EMAIL_ADDRESS"])

    def load(self) -> None:
        """Load nothing."""

    def analyze(
        self, text: str, entities: list[str], nlp_artifacts: Any = None
    ) -> list[RecognizerResult]:
        """Return a result for each address in a text."""
        found = []
        for match in EMAIL.finditer(text):
            domain = self.domain(match[1])
            end = match.start(1) + len(domain)
            if domain and not is_login(text, match.start(), match.start(1) - 1, end):
                found.append(RecognizerResult("EMAIL_ADDRESS", match.start(), end, 1.0))
        for match in HIDDEN.finditer(text):
            domain = regex.sub(HIDDEN_DOT, ".", match[1])
            if self.domain(domain) == domain:
                found.append(RecognizerResult("EMAIL_ADDRESS", *match.span(), 1.0))
        found += [
            RecognizerResult("EMAIL_ADDRESS", start, end, 1.0) for start, end in self.spoken(text)
        ]
        return found

    def spoken(self, text: str) -> Iterator[tuple[int, int]]:
        """Yield start and end of addresses with spaces around the @, or in words."""
        for match in _SPOKEN.finditer(text):
            domain = regex.sub(SPOKEN_DOT, ".", match[2])
            whole = self.domain(domain)
            in_words = domain != match[2]
            if not whole or not (_SIGNS.search(match[1]) or _MAILBOXES.match(domain)):
                continue
            if in_words and whole == domain:
                yield match.span()
            elif not in_words and "@" in match[0]:
                yield match.start(), match.start(2) + len(whole)

    def domain(self, text: str) -> str:
        """Return the longest prefix of a text that is a domain, public or of a company."""
        while "." in text:
            last = text.rsplit(".", 1)[-1].lower()
            if self.suffixes(text).fqdn or last in PRIVATE_DOMAINS:
                return text
            text = (_LAST_LETTER if _LAST_LETTER.search(text) else _LAST_LABEL).sub("", text)
        return ""


def is_login(text: str, start: int, at: int, end: int) -> bool:
    """Tell whether an address is `user:password@host` in a URL, or git's `git@host`."""
    if re.search(r"://[^\s/@:]*:$", text[max(0, start - 80) : start]):
        return True
    return text[start:at] == "git" and bool(re.match(r"[:/]", text[end:]))


def is_version(address: str) -> bool:
    """Tell whether four numbers are more likely a version or section than an IPv4 address.

    That is one digit each, few digits with a 0 (8.0.36.1), or a network without its mask (0 at the
    end).
    """
    parts = re.sub(DOT, ".", address).split(".")
    if len(parts) != 4 or not all(map(str.isdigit, parts)):
        return False
    small = max(map(len, parts)) == 1 or (len(parts[0]) == 1 and "0" in parts)
    return small or parts[-1] == "0"


def is_nobodys(address: str) -> bool:
    """Tell whether an address is loopback, unspecified or a network mask."""
    one = ipaddress.ip_interface(address).ip
    four = one if one.version == 4 else one.ipv4_mapped
    return one.is_loopback or bool(four and (four.is_loopback or four.packed[0] in {0, 255}))


class AddressRecognizer(IpRecognizer):
    """Recognizes IP addresses, also after a colon.

    Not `version 1.2.3.4`, not part of +41.79.123.40.79, and not `bad::cafe`, which is C++."""

    PATTERNS = [
        Pattern(one.name, one.regex.replace(r"(?<![\w:])", AFTER_A_WORD).replace(r"\.", DOT), 0.6)
        for one in IpRecognizer.PATTERNS
        if one.score >= 0.6
    ]

    def analyze(
        self, text: str, entities: list[str], nlp_artifacts: Any = None, regex_flags: Any = None
    ) -> list[RecognizerResult]:
        """Return presidio's results without versions, names and parts of longer numbers."""
        found = super().analyze(text, entities, nlp_artifacts, regex_flags)
        return [one for one in found if self.whole(text, one.start, one.end)]

    def invalidate_result(self, pattern_text: str) -> bool:
        """Reject what is not the address of a machine: loopback, a mask, the network 0.

        Parts of three digits may begin with 0, which Python refuses; but a number that ends in .000
        is an amount."""
        pattern_text = re.sub(DOT, ".", pattern_text)
        if PADDED.match(pattern_text):
            pattern_text = re.sub(r"\b0+(?=\d)", "", pattern_text)
        return bool(super().invalidate_result(pattern_text)) or is_nobodys(pattern_text)

    @staticmethod
    def whole(text: str, start: int, end: int) -> bool:
        """Tell whether text[start:end] has a digit and is not part of something longer."""
        return bool(
            re.search(r"\d", text[start:end])
            and not VERSION.search(text, max(0, start - 40), start)
            and not PRODUCT.search(text, max(0, start - 40), start)
            and not ARCHIVE.match(text, end)
            and (not is_version(text[start:end]) or ADDRESS.search(text, max(0, start - 20), start))
            and not re.search(r"\d\.$|\+$", text[max(0, start - 2) : start])
            and not re.match(r"\.\d", text[end:])
        )


class HardwareAddressRecognizer(MacAddressRecognizer):
    """Recognizes MAC addresses that contain a digit, as all but one in 100,000 do.

    `be-ad-ed` and the like are words."""

    def invalidate_result(self, pattern_text: str) -> bool:
        """Reject a match without a digit."""
        return super().invalidate_result(pattern_text) or not re.search(r"\d", pattern_text)
