"""Random personal data with valid checksums, in the forms people write it, and numbers that only
look like it. Every function draws from the generator it is given."""

import uuid
from random import Random

from sample.pii import BASE58, bitcoin_address, iban_ok, luhn_ok, resident_check

BECH32 = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
# Bank code letters, if any, and length of the rest, by country (IBAN registry).
IBAN_FORMS = {
    "DE": ("", 18), "GB": ("WEST", 14), "FR": ("", 23), "ES": ("", 20), "IT": ("X", 22),
    "NL": ("ABNA", 10), "AT": ("", 16), "CH": ("", 17), "BE": ("", 12), "PL": ("", 24),
    "NO": ("", 11), "SE": ("", 20), "DK": ("", 14), "PT": ("", 21), "IE": ("AIBK", 14),
}  # fmt: skip
# Country code, national number with # for a digit, its groups; a 0 is dialled inside the country.
PHONES = [
    ("1", "2125550###", (3, 3, 4), False), ("44", "7700900###", (4, 6), True),
    ("44", "2079460###", (2, 4, 4), True), ("49", "15123456###", (3, 8), True),
    ("49", "30901820##", (2, 3, 5), True), ("33", "61234####", (1, 2, 2, 2, 2), True),
    ("34", "612345###", (3, 3, 3), False), ("39", "3123456###", (3, 3, 4), False),
    ("86", "2162881###", (2, 4, 4), True), ("81", "9012345###", (2, 4, 4), True),
    ("91", "9876543###", (5, 5), True), ("55", "11987654###", (2, 5, 4), False),
    ("61", "412345###", (3, 3, 3), True), ("7", "9123456###", (3, 3, 2, 2), False),
    ("82", "1012345###", (2, 4, 4), True), ("41", "791234###", (2, 3, 2, 2), True),
    ("43", "6641234###", (3, 3, 4), True), ("52", "5512345###", (2, 4, 4), False),
    ("90", "5321234###", (3, 3, 2, 2), True), ("65", "81234###", (4, 4), False),
]  # fmt: skip
# First digits of Visa, Mastercard, Amex, Diners, JCB, Discover, UnionPay, Mir, Maestro; how many.
CARDS = [
    ("4", (13, 16, 19)), ("52", (16,)), ("2305", (16,)), ("37", (15,)), ("36", (14,)),
    ("3530", (16,)), ("1800", (15,)), ("2131", (15,)), ("6011", (16,)), ("6222", (16, 17, 18, 19)),
    ("2201", (16,)), ("5018", (12, 13, 19)), ("6759", (12, 14, 15, 16, 17, 18)), ("58", (12, 16)),
]  # fmt: skip
SEPARATORS = (" ", "-", "\u00a0", ".", "_", "/", "  ", " - ", "\n", "\u2011")
DOMAINS = (
    "example.com", "example.org", "mail.example.co.uk", "beispiel.de", "müller-söhne.de",
    "xn--mller-kva.de", "correo.com.mx", "ejemplo.es", "firma.museum", "shop.io", "qq.com",
    "sub.dept.uni-köln.de", "example.com.cn", "163.com", "intranet.corp", "nas.local", "site.dev",
)  # fmt: skip
LOCALS = (
    "ana", "mira.holt", "tom_okafor", "h-brandt", "jörg.weiß", "lucía.niño", "o'neill", "x",
    "support+81", "NO-REPLY", "wang.fang88", "a.b.c.d", "12345678", "first.last%dept", "_bot_",
)  # fmt: skip


def digits(draw: Random, count: int) -> str:
    """So many random digits."""
    return "".join(draw.choice("0123456789") for _ in range(count))


def grouped(text: str, sizes: tuple[int, ...], between: str) -> str:
    """The text in groups of these sizes; what is left over is the last group."""
    groups, at = [], 0
    for size in sizes:
        groups += [text[at : at + size]] if text[at:] else []
        at += size
    return between.join([*groups, text[at:]] if text[at:] else groups)


def full_width(text: str) -> str:
    """ASCII as a Chinese keyboard may write it."""
    return "".join(chr(ord(sign) + 0xFEE0) if "!" <= sign <= "~" else sign for sign in text)


def email(draw: Random) -> str:
    """An address, some in upper case."""
    address = f"{draw.choice(LOCALS)}@{draw.choice(DOMAINS)}"
    return address.upper() if draw.random() < 0.1 else address


def card(draw: Random) -> str:
    """A card of 12 to 19 digits, of every issuer and between many signs."""
    prefix, lengths = draw.choice(CARDS)
    length = draw.choice(lengths)
    body = prefix + digits(draw, length - len(prefix) - 1)
    number = next(body + last for last in "0123456789" if luhn_ok(body + last))
    sizes = {15: (4, 6, 5), 14: (4, 6, 4)}.get(length, (4, 4, 4, 4))
    return grouped(number, sizes, draw.choice(["", "", " ", *SEPARATORS]))


def iban(draw: Random) -> str:
    """As printed, as typed, in lower case."""
    country = draw.choice(sorted(IBAN_FORMS))
    bank, length = IBAN_FORMS[country]
    body = bank + digits(draw, length)
    number = next(
        f"{country}{n:02}{body}" for n in range(2, 99) if iban_ok(f"{country}{n:02}{body}")
    )
    number = grouped(number, (4,) * 9, draw.choice(["", "", " ", *SEPARATORS[:-2]]))
    number = number.replace(" ", "\n", 1) if draw.random() < 0.05 else number
    return number.lower() if draw.random() < 0.25 else number


def ssn(draw: Random) -> str:
    """An issued area, no group of zeros."""
    area = draw.choice([area for area in range(1, 900) if area != 666])
    between = draw.choice(["-", "-", "-", " ", ".", "_", "/", " - ", "\u2011"])
    return f"{area:03}{between}{draw.randrange(1, 100):02}{between}{draw.randrange(1, 10000):04}"


OCTETS = [octet for octet in range(1, 255) if octet != 127]  # loopback is nobody's


def ip(draw: Random) -> str:
    """Version 4 with and without a mask, version 6 in full, short, with a zone, mapped."""
    four = ".".join(str(draw.choice(OCTETS)) for _ in range(4))
    six = [f"{draw.randrange(1, 65536):x}" for _ in range(8)]
    full = ":".join(six)
    return draw.choice(
        [four, four, four, f"{four}/24", four.replace(".", "[.]"), full, full.upper(),
         f"2001:db8::{six[0]}:{six[1]}", f"fe80::{six[2]}:{six[3]}%eth0", f"::ffff:{four}"]
    )  # fmt: skip


def mac(draw: Random) -> str:
    """With colons, hyphens or as Cisco has it."""
    pairs = [f"{draw.randrange(256):02x}" for _ in range(6)]
    plain = "".join(pairs)
    forms = [":".join(pairs), "-".join(pairs).upper(), grouped(plain, (4, 4, 4), ".")]
    return draw.choice(forms)


def crypto(draw: Random) -> str:
    """Bitcoin of both kinds, Ethereum."""
    kind = draw.randrange(3)
    if kind == 0:
        return bitcoin_address(digits(draw, 12))
    if kind == 1:
        return bech32([0, *(draw.randrange(32) for _ in range(32))])
    return f"0x{draw.getrandbits(160):040x}"


def bech32(values: list[int]) -> str:
    """An address of the Bitcoin main net (BIP 173): version 0 and 32 times five bits."""
    padded = [3, 3, 0, 2, 3, *values, 0, 0, 0, 0, 0, 0]  # "bc" as the checksum sees it
    generator = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)
    check = 1
    for value in padded:
        top, check = check >> 25, (check & 0x1FFFFFF) << 5 ^ value
        for bit in range(5):
            check ^= generator[bit] if top >> bit & 1 else 0
    check ^= 1
    sums = [check >> 5 * (5 - place) & 31 for place in range(6)]
    return "bc1" + "".join(BECH32[value] for value in [*values, *sums])


def international_phone(draw: Random) -> str:
    """With + or 00 and a country's code, in the ways of twenty countries."""
    code, pattern, sizes, trunk = draw.choice(PHONES)
    number = "".join(digits(draw, 1) if sign == "#" else sign for sign in pattern)
    plus = draw.choice(["+", "+", "+", "00"])
    between = draw.choice([" ", " ", "-", "", ".", "\u00a0"])
    if draw.random() < 0.1:
        return f"{plus}{code} {number[: sizes[0]]}/{number[sizes[0] :]}"
    if plus == "+" and trunk and draw.random() < 0.25:
        return f"+{code} (0){grouped(number, sizes, ' ')}"
    if plus == "+" and draw.random() < 0.2:
        return f"+{code} ({number[: sizes[0]]}) {grouped(number[sizes[0] :], sizes[1:], '-')}"
    if plus == "+" and draw.random() < 0.1:
        return full_width(f"+{code}{number}")
    return between.join([plus + code, grouped(number, sizes, between)])


def national_phone(draw: Random) -> str:
    """As dialled inside Germany, Britain, Spain, the United States."""
    form = draw.choice(
        ["030 9018####", "0151 2345####", "(089) 2180-####", "0171/234####", "020 7946 ####",
         "07700 900###", "612 34 5# ##", "(212) 555-####", "312-555-####"]
    )  # fmt: skip
    return "".join(digits(draw, 1) if sign == "#" else sign for sign in form)


def cn_mobile(draw: Random) -> str:
    """Plain, grouped, with the country's code, in full-width digits."""
    number = f"1{draw.choice(['38', '39', '50', '59', '77', '86', '99'])}{digits(draw, 8)}"
    split = grouped(number, (3, 4, 4), draw.choice([" ", "-"]))
    forms = [number, number, split, f"+86 {number}", f"+86{number}", f"0086{number}"]
    return draw.choice([*forms, f"(+86){number}", f"86-{number}", full_width(number)])


def cn_resident(draw: Random) -> str:
    """A real area's code, a date of birth, the check character in either case."""
    born = f"{draw.randrange(1940, 2015)}{draw.randrange(1, 13):02}{draw.randrange(1, 29):02}"
    first = draw.choice(["110105", "310106", "440304", "510107", "330102"]) + born + digits(draw, 3)
    number = first + resident_check(first)
    forms = [number, number, number.lower(), full_width(number), grouped(number, (6, 8, 4), " ")]
    return draw.choice(forms)


VALUES = {
    "EMAIL_ADDRESS": email,
    "CREDIT_CARD": card,
    "IBAN_CODE": iban,
    "US_SSN": ssn,
    "IP_ADDRESS": ip,
    "MAC_ADDRESS": mac,
    "CRYPTO": crypto,
    "PHONE_NUMBER": international_phone,
    "CN_MOBILE_NUMBER": cn_mobile,
    "CN_RESIDENT_ID": cn_resident,
}


def harmless(draw: Random) -> str:
    """One that is no personal data, though a careless pattern takes it for some. Checksums are
    left to chance, as life does."""
    number = digits(draw, 24)
    year, month, day = draw.randrange(1990, 2030), draw.randrange(1, 13), draw.randrange(1, 29)
    return draw.choice(
        [
            f"HW-{number[:5]}", f"#{number[:10]}", f"ORD{number[:8]}", f"2024{number[:8]}",
            f"1Z999AA1{number[:10]}", f"JD0146{number[:14]}", f"SF1{number[:12]}",
            f"9400 1{number[:3]} {number[3:7]} {number[7:11]} {number[11:15]} {number[15:17]}",
            f"400{number[:10]}", f"978-3-16-{number[:6]}-0", f"17{number[:11]}", f"17{number[:8]}",
            f"{year}-{month:02}-{day:02}", f"{day:02}.{month:02}.{year}", f"{month}/{day}/{year}",
            f"{year}-{month:02}-{day:02}T10:{number[:2]}:33.{number[:3]}Z", "10:30:15",
            f"{year}年{month}月{day}日", f"v1.{day}.{month}", f"version {day}.{month}.0.{day}",
            f"版本 {month}.{day}.1.0", f"Firmware-Version: 3.{month}.{day}.7", "10.0.19045.3803",
            f"lodash@4.{day}.21", f"icon@{day}x.png", f"@user{number[:4]}", "react@latest",
            f"${number[:1]},{number[1:4]},{number[4:7]}.50", f"{day} 000 000 €", f"+{day},5 %",
            f"+{day}0000", f"52.{number[:4]}, 13.{number[4:8]}", f"{day}+{month}={day + month}",
            f"std::vec{day}::Map", "bad::cafe", "a::b", "C++17 2017-12-01", "16:9", "1:1000:5000",
            str(uuid.UUID(int=draw.getrandbits(128))), f"{draw.getrandbits(160):040x}",
            f"{draw.getrandbits(256):064x}", f"DE00{number[:18]}",
            f"XX12 {number[:4]} {number[4:8]}",
            f"4{number[:11]}", f"Art.-Nr. {number[:3]}.{number[3:6]}.{number[6:9]}",
            f"91{number[:6]}MA{number[6:14]}X", f"11010520301332{number[:3]}1", f"ISO 9001:{year}",
            f"{number[:5]}-{number[5:9]}", f"S/N 5CD{number[:7]}", f"Kd-Nr. {number[:8]}",
            "1" + "".join(draw.choice(BASE58) for _ in range(29)), f"AB12CD34{number[:8]}",
            f"4{number[:3]}-{number[3:5]}-{number[5:11]}", f"{number[:6]}.{number[6:12]}",
        ]
    )  # fmt: skip
