"""Personal data that belongs to nobody: reserved, documented or impossible values, valid checksums.

E-mail under example.* (RFC 2606), phones from the ranges that regulators keep for films, test card
numbers, the IBAN registry's examples, SSNs of an area never issued, documentation IPs (RFC 5737 and
3849), Bitcoin addresses of a hash of nothing, and Chinese numbers with made-up zero blocks or birth
dates of 1901. China keeps no range for fiction.
"""

from hashlib import blake2b, sha256

BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"


def luhn_ok(number: str) -> bool:
    """Whether the digits pass the Luhn check of payment cards."""
    digits = [int(c) for c in number if c.isdigit()]
    doubled = [d * 2 - 9 * (d > 4) for d in digits[-2::-2]]
    return (sum(digits[::-2]) + sum(doubled)) % 10 == 0


def iban_ok(iban: str) -> bool:
    """Whether the ISO 13616 remainder is 1."""
    plain = iban.replace(" ", "")
    return int("".join(str(int(c, 36)) for c in plain[4:] + plain[:4])) % 97 == 1


def bitcoin_address(text: str) -> str:
    """A pay-to-hash address whose hash is that of a text: nobody has a key for it."""
    payload = b"\0" + blake2b(text.encode(), digest_size=20).digest()
    payload += sha256(sha256(payload).digest()).digest()[:4]
    number, out = int.from_bytes(payload, "big"), ""
    while number:
        number, rest = divmod(number, 58)
        out = BASE58[rest] + out
    return "1" * (len(payload) - len(payload.lstrip(b"\0"))) + out


def bitcoin_ok(address: str) -> bool:
    """Whether the base58 checksum holds."""
    number = 0
    for letter in address:
        number = number * 58 + BASE58.index(letter)
    raw = number.to_bytes(25, "big")
    return sha256(sha256(raw[:-4]).digest()).digest()[:4] == raw[-4:]


def resident_check(first17: str) -> str:
    """The last character of a Chinese resident identity number (ISO 7064 mod 11-2)."""
    weighted = sum(int(digit) * 2 ** (17 - at) for at, digit in enumerate(first17))
    return "10X98765432"[weighted % 11]


def resident_ok(number: str) -> bool:
    """Whether the check character fits."""
    return resident_check(number[:17]) == number[17]


VALUES: dict[str, tuple[str, ...]] = {
    "email": (
        "mira.holt@example.com",
        "tom_okafor@example.org",
        "h.brandt@example.net",
        "lucia.vega@example.com",
        "wang.fang@example.org",
        "support-reply+81@example.net",
        "jonas.keller@example.org",
        "pilar_soto@example.net",
        "chen.yu@example.com",
        "grace.tan@example.org",
    ),
    "phone": (
        "+1 202 555 0143",
        "+44 20 7946 0958",
        "+49 30 23125 417",
        "+1 (312) 555-0186",
        "+44 161 496 0751",
        "+33 1 99 00 27 46",
        "+61 2 5550 4821",
        "+49 89 99998 163",
        "+46 8 465 004 27",
    ),
    "credit_card": (
        "4111 1111 1111 1111",
        "5555-5555-5555-4444",
        "378282246310005",
        "6011 1111 1111 1117",
        "4012888888881881",
        "5105 1051 0510 5100",
        "4242-4242-4242-4242",
        "4222 2222 2222 2220",
    ),
    "iban": (
        "GB82 WEST 1234 5698 7654 32",
        "DE89 3704 0044 0532 0130 00",
        "ES91 2100 0418 4502 0005 1332",
        "FR14 2004 1010 0505 0001 3M02 606",
        "NL91ABNA0417164300",
        "AT61 1904 3002 3457 3201",
        "CH93 0076 2011 6238 5295 7",
    ),
    "us_ssn": (
        "912-14-3087",
        "934-21-5560",
        "951-37-2204",
        "967-40-8813",
        "905-12-7746",
        "978-33-1902",
    ),
    "ip": (
        "192.0.2.44",
        "198.51.100.23",
        "203.0.113.175",
        "192.0.2.201",
        "2001:db8:85a3::8a2e:370:7334",
        "198.51.100.9",
        "203.0.113.61",
    ),
    "bitcoin": tuple(bitcoin_address(f"nobody {n}") for n in range(6)),
    "cn_mobile": (
        "13800000147",
        "15900000362",
        "18600000958",
        "17700000513",
        "13900000286",
        "19900000731",
    ),
    "cn_resident_id": tuple(
        first + resident_check(first)
        for first in (
            "11010519010312001",
            "31010619011124004",
            "44030419010607123",
            "51010719010215321",
            "33010219010930011",
            "42010619010518245",
        )
    ),
}
