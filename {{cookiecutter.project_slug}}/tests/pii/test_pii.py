"""Personal data goes, the rest of the text stays."""

import random
import subprocess
import sys
from typing import Any, get_args

import pytest
from pydantic import ValidationError

from lib.pii.params import NAME_KINDS, Entity, PiiParams
from lib.pii.plain import as_plain
from lib.pii.redact import Finder, Redactor, join_spans
from lib.runtime.errors import UserError

ENTITIES = [entity for entity in get_args(Entity) if entity not in NAME_KINDS]
ALL = PiiParams(entities=ENTITIES, regions=["US", "DE", "ES", "CN"], score=0.35)
FINDER = Finder(ALL)
KEY = "0123456789abcdef of a test"

PERSONAL = {
    "手机 138.1234.5678": "手机 <CN_MOBILE_NUMBER_1>",
    "ID11010519491231002X": "ID<CN_RESIDENT_ID_1>",
    "about my order, 030 12345678 is my phone": "about my order, <PHONE_NUMBER_1> is my phone",
    "订单，010-12345678": "订单，<PHONE_NUMBER_1>",
    "write to ana@example.com.": "write to <EMAIL_ADDRESS_1>.",
    "bob@corp.internal knows": "<EMAIL_ADDRESS_1> knows",
    "ana@example.org.Thanks, _bo@example.com_": "<EMAIL_ADDRESS_1>.Thanks, <EMAIL_ADDRESS_2>_",
    "jörg@müller.de!": "<EMAIL_ADDRESS_1>!",
    "邮箱ａｎａ＠ｅｘａｍｐｌｅ．ｃｏｍ。": "邮箱<EMAIL_ADDRESS_1>。",
    "call +49 30 901820": "call <PHONE_NUMBER_1>",
    "card 4111-1111-1111-1111": "card <CREDIT_CARD_1>",
    "卡号4111111111111111，谢谢": "卡号<CREDIT_CARD_1>，谢谢",
    "5555 5555 5555 4444 12/27": "<CREDIT_CARD_1> 12/27",
    "2223 0031 2200 3222 or 3782-822463-10005": "<CREDIT_CARD_1> or <CREDIT_CARD_2>",
    "at61 1904 3002 3457 3201 bald": "<IBAN_CODE_1> bald",
    "PT50000201231234567890154": "<IBAN_CODE_1>",
    "\u212aZ86 125\u212a ZT50 0410 0100": "<IBAN_CODE_1>",  # Kelvin signs look like K
    "IBAN DE89 3704 0044 0532 0130 00": "IBAN <IBAN_CODE_1>",
    "Tel. 030 901820 oder (030) 9018-20": "Tel. <PHONE_NUMBER_1> oder <PHONE_NUMBER_1>",
    "call (212) 555-0187": "call <PHONE_NUMBER_1>",
    "call +49 (0)30 901820 or 001-748-088-2851": "call <PHONE_NUMBER_1> or <PHONE_NUMBER_2>",
    "fax +1-962-819-8200": "fax <PHONE_NUMBER_1>",
    "166-684-7899x12, (790)091-7442-Fax": "<PHONE_NUMBER_1>, <PHONE_NUMBER_2>-Fax",
    "tel +41.79.123.40.79": "tel <PHONE_NUMBER_1>",
    "SSN 536-22-8726": "SSN <US_SSN_1>",
    "from 203.0.113.7 today": "from <IP_ADDRESS_1> today",
    "1.23.4.5, 12.3.4.5": "<IP_ADDRESS_1>, <IP_ADDRESS_2>",
    "192.168.001.005, 010.000.000.001/24": "<IP_ADDRESS_1>, <IP_ADDRESS_2>",
    "from 2001:db8::8a2e:370:7334": "from <IP_ADDRESS_1>",
    "地址：2001:db8::1, src:fe80::1%eth0": "地址：<IP_ADDRESS_1>, src:<IP_ADDRESS_2>",
    "mac 00:1A:2B:3C:4D:5E": "mac <MAC_ADDRESS_1>",
    "pay 1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2": "pay <CRYPTO_1>",
    "to 0x52908400098527886E0F7030069857D2E4169EE7": "to <CRYPTO_1>",
    "13812345678.0, it costs 13812345678.50": "<CN_MOBILE_NUMBER_1>.0, it costs 13812345678.50",
    "手机１３８１２３４５６７８": "手机<CN_MOBILE_NUMBER_1>",
    "jose\u0301@example.com, mu\u0308ller@exa\u0308mple.de": "<EMAIL_ADDRESS_1>, <EMAIL_ADDRESS_2>",
    "josé@example.com or jose\u0301@example.com": "<EMAIL_ADDRESS_1> or <EMAIL_ADDRESS_1>",
    "जॉन@example.com लिखें": "<EMAIL_ADDRESS_1> लिखें",
    "ถึง สมชาย@example.com ครับ": "ถึง <EMAIL_ADDRESS_1> ครับ",
    "ที่อยู่@example.co.thครับ": "<EMAIL_ADDRESS_1>ครับ",
    "请写 用户@例子.中国 或 ana@例子.cn": "请写 <EMAIL_ADDRESS_1> 或 <EMAIL_ADDRESS_2>",
    "邮箱ana@例子.中国谢谢, bo@みんな.jpまで": "邮箱<EMAIL_ADDRESS_1>谢谢, <EMAIL_ADDRESS_2>まで",
    "@张三.请看, ana@example.com请回复": "@张三.请看, <EMAIL_ADDRESS_1>请回复",
    "给 张伟@example.com 写信": "给 <EMAIL_ADDRESS_1> 写信",
    "(+86)138-1234-5678": "<CN_MOBILE_NUMBER_1>",
    "110105 19491231 002x": "<CN_RESIDENT_ID_1>",
    "电话13812345678找我": "电话<CN_MOBILE_NUMBER_1>找我",
    "身份证11010519491231002X。": "身份证<CN_RESIDENT_ID_1>。",
}
HIDDEN = {  # by escapes: presidio alone does not see these
    r'{"n": "to\n536-22-8726\nana@example.com"}': r'{"n": "to\n<US_SSN_1>\n<EMAIL_ADDRESS_1>"}',
    r"\u5317\u4eac\u0031\u00338\u200b12345678": r"\u5317\u4eac<CN_MOBILE_NUMBER_1>",
    r'"{\"at\": \"\\n192.168.0.7\"}"': r'"{\"at\": \"\\n<IP_ADDRESS_1>\"}"',
    "ana%40example.com, ana&#64;example.com": "<EMAIL_ADDRESS_1>, <EMAIL_ADDRESS_1>",
    "tel=%2B41%2079%20123%2040%2079&x=1": "tel=<PHONE_NUMBER_1>&x=1",
    r"ana\_lopez@example\.com, ana_lopez@example.com": "<EMAIL_ADDRESS_1>, <EMAIL_ADDRESS_1>",
    r'"ana\\_lopez\@example.com"': '"<EMAIL_ADDRESS_1>"',
    r"\+49 30 901820 or \(212\) 555\-0187": "<PHONE_NUMBER_1> or <PHONE_NUMBER_2>",
    "ana&commat;example&period;com, &lt;ana@example.com&gt;": (
        "<EMAIL_ADDRESS_1>, &lt;<EMAIL_ADDRESS_1>&gt;"
    ),
    "138&nbsp;1234&nbsp;5678 &amp; 138&#8203;12345678": (
        "<CN_MOBILE_NUMBER_1> &amp; <CN_MOBILE_NUMBER_1>"
    ),
}

HARMLESS = [
    "order HW-48213 of 2024-05-17",
    "firmware 1.2.3, model C-2000",
    "icon@2x.png and lodash@4.17.21",
    "身份证110105194912310021",  # wrong check digit
    "it costs 129.99 for 24 months",
    "48 + 24 = 72, so 72 / 2 = 36",
    "1000 - 200 = 800, 27000-16000",
    "meet me at 10:30, room 4",
    "version 10.0.0.5",
    "release 001.002.003.004, 100.000.000.000 Euro, 1.02.03.04",
    "固件版本 4.26.1.0",
    "bad::cafe and a::b",
    "UPS 1Z999AA16806610027",
    "EAN 4006381333931",
    "order #7044147933",
    "订单7044147933",
    "invoice no. 030 12345678",
    "am 03.04.2023 um 10",
    "ZIP 01609-0668",
    "DE00 6908 8762 7770 7763 16",
    "MT84 MALT 0110 0001 2345 MTLC AST0 01\u017f",  # an old s, which is an S without regard to case
    "$4,180,066.50 10",
    r"\frac{1}{2} \ne 100%40 &#64; C:\new\table",
    "1Zabc, lodash@latest, ana@localhost",
    "100%20 off &nosuch; &#0; A&B; 5%2",
    r"snake\_case\_name, 2 \* 3, \@ana, \(x\)",
    "关注我们@微博，@张三",
]


@pytest.mark.parametrize(("text", "expected"), (PERSONAL | HIDDEN).items())
def test_found(text: str, expected: str) -> None:
    assert Redactor(FINDER).redact(text) == expected


@pytest.mark.parametrize("text", HARMLESS)
def test_left_alone(text: str) -> None:
    assert Redactor(FINDER).redact(text) == text


def ungated(text: str) -> list[tuple[int, int, str]]:
    """Spans when every recognizer is asked."""
    plain = as_plain(text)
    return list(join_spans([one for entity in ENTITIES for one in FINDER.ask(entity, plain)]))


@pytest.mark.parametrize("text", [*PERSONAL, *HARMLESS, "a ticket without any number"])
def test_gate_loses_nothing(text: str) -> None:
    assert list(FINDER.find(text)) == ungated(text)


@pytest.mark.parametrize("unseen", ["\u200b", "\u00ad", "\x00", "\ufeff"])
def test_unseen_signs_hide_nothing(unseen: str) -> None:
    text = unseen.join("电话13812345678, ana@example.com!")
    expected = f"电{unseen}话{unseen}<CN_MOBILE_NUMBER_1>{unseen},{unseen} {unseen}"
    assert Redactor(FINDER).redact(text) == f"{expected}<EMAIL_ADDRESS_1>{unseen}!"


def test_gate_loses_nothing_in_noise() -> None:
    draw = random.Random(3)
    signs = [
        "0",
        "00",
        "1",
        "13",
        "4",
        "86",
        "90",
        "+",
        "+49",
        "(0)",
        "-",
        " ",
        ".",
        "/",
        ":",
        "::",
    ]
    signs += [
        "@",
        "a.de",
        "DE",
        "GB",
        "0x",
        "bc1",
        "f",
        "X",
        "１",
        "＋",
        "电",
        "–",
        "x",
        "ext",
        "٣",
    ]
    signs += [
        "_",
        "\n",
        "[.]",
        " [at] ",
        "[dot]",
        "call ",
        "Tel. ",
        "SSN ",
        "DE ",
        " - ",
        "12",
        "·",
    ]
    texts = ["".join(draw.choices(signs, k=draw.randrange(5, 30))) for _ in range(400)]
    texts += ["".join(draw.choices("0123456789 -.+x", k=draw.randrange(7, 40))) for _ in range(400)]
    assert [list(FINDER.find(text)) for text in texts] == [ungated(text) for text in texts]
    assert any(FINDER.find(text) for text in texts)


def test_spans_are_those_of_presidio_s_engine() -> None:
    from presidio_analyzer import AnalyzerEngine
    from presidio_analyzer.nlp_engine import NoOpNlpEngine
    from presidio_analyzer.recognizer_registry import RecognizerRegistry

    from lib.pii.recognizers import build_recognizers

    parts = [one for entity in ENTITIES for one in build_recognizers(entity, ALL.regions)]
    registry = RecognizerRegistry(recognizers=parts, supported_languages=["en"])
    nlp = NoOpNlpEngine(models=[{"lang_code": "en", "model_name": "none"}])
    engine = AnalyzerEngine(registry=registry, nlp_engine=nlp, supported_languages=["en"])
    for text in [*PERSONAL, *HARMLESS]:
        found = engine.analyze(as_plain(text), "en", ENTITIES, score_threshold=ALL.score)
        assert FINDER.find(text) == tuple(join_spans(found))


@pytest.mark.parametrize("zero", [0x660, 0x6F0, 0x966, 0x9E6, 0xE50, 0x1040, 0xFF10, 0x1D7CE])
def test_digits_of_every_script_are_read(zero: int) -> None:
    def written(text: str) -> str:
        return "".join(chr(zero + int(sign)) if sign.isdigit() else sign for sign in text)

    text = f"{written('4111 1111 1111 1111')}, {written('+66 81 234 5678')}"
    assert Redactor(FINDER).redact(text) == "<CREDIT_CARD_1>, <PHONE_NUMBER_1>"


def test_all_that_python_knows_as_a_digit_is_read() -> None:
    digits = [sign for sign in map(chr, range(sys.maxunicode + 1)) if sign.isdecimal()]
    assert as_plain("".join(digits)) == "".join(str(int(sign)) for sign in digits)


def test_plain_text_is_as_long() -> None:
    text = "电话：＋８６\u3000138\u00a01234\u20115678 😀 ٣"
    assert as_plain(text) == "电话：+86 138 1234-5678 😀 3"


def test_long_texts_are_not_remembered() -> None:
    finder = Finder(ALL)
    for text in ("a short text", "a long text " * 100):
        finder.find(text)
    assert finder._remembered.cache_info().currsize == 1


@pytest.mark.parametrize("given", [{"ner": "models/ner"}, {"entities": ["PERSON"]}])
def test_names_and_their_model_come_together(given: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="with `ner` and at least one of"):
        PiiParams.model_validate({"entities": [], "regions": [], "score": 0.35} | given)


def test_overlapping_spans_melt() -> None:
    class Result:
        def __init__(self, start: int, end: int, entity_type: str, score: float) -> None:
            self.start, self.end, self.entity_type, self.score = start, end, entity_type, score

    found = [Result(0, 5, "A", 0.4), Result(3, 9, "B", 0.9), Result(9, 12, "C", 0.4)]
    assert list(join_spans(found)) == [(0, 9, "B"), (9, 12, "C")]


def test_nothing_looked_for_when_no_entity_is_named() -> None:
    finder = Finder(PiiParams(entities=[], regions=[], score=0.35))
    assert Redactor(finder).redact("ana@example.com") == "ana@example.com"


def test_unknown_region_is_named() -> None:
    params = PiiParams(entities=["PHONE_NUMBER"], regions=["QQ"], score=0.35)
    with pytest.raises(UserError, match=r"curate\.pii\.regions: 'QQ' is not a country code"):
        Finder(params)


def test_presidio_starts_without_torch_and_transformers() -> None:
    code = (
        "import sys; from lib.pii.redact import load_recognizers; load_recognizers('CRYPTO', ());"
        "sys.exit(any(name in sys.modules for name in ('torch', 'transformers')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
