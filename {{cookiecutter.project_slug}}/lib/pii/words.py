"""Tell from the words around a number what it is: a phone number, an order, a version, a count.

Texts come from `as_plain`, which replaces the last Chinese or Japanese character before a number by
a space: `电话1234567` becomes `电 1234567`. Words of those languages also match without that
character.
"""

import re

NEAR = 60  # characters before a number that are searched


def _words(text: str) -> str:
    """Join words (regular expressions) to one pattern; `_` in them matches a space, - or _."""
    return "|".join(text.split()).replace("_", "[ _-]")


def unspaced(text: str) -> str:
    """Join words of scripts without spaces (Chinese, Thai) to one pattern.

    The last character may have become a space.
    """
    return "|".join(rf"{word[:-1]}[{word[-1]} ]" for word in text.split())


# Before a phone number, language by language.
PHONE = _words("""
    ph (?:tele|smart|cell)?phones?(?:_?(?:numbers?|no|nr))? tel(?:_?(?:no|nr|num))? mobiles?
    cell(?:ular)?s? (?:tele?)?fax(?:es|nummer)? whats_?app viber wechat landline hotline helpline
    pager voicemail call(?:ed|ing)? ring dial(?:l?ed|l?ing)? phoned reach(?:ed)? sms texted
    text(?=_(?:me|us|him|her|them|at|to)_) contact(?:ed)?(?=_(?:me|us|him|her|them|at|on|no|num)|:)
    contact_(?:info|details)(?=_?:) contacto(?=_?:) answer(?:ing)?(?=_(?:at|on)_)
    messages?(?:_(?:me|us))?_(?:at|on)(?:_my)?(?:_registered)?
    (?:my|our|his|her|their|your|registered|contact|call_?back)_(?:number|no\\.)

    t[eé]l[eéè](?:f|ph)\\w* handy(?:s|nummer|nr)? mobil\\w{0,8} rufnummer durchwahl festnetz\\w*
    erreichbar erreichen anrufen rückruf\\w* r(?:uf|ief)(?:en|t|e)? meine_nummer unter_der_nummer
    bel(?:len)? mijn_nummer ringe? tlf

    t[eé]le? telf tfn?o m[oó]vil(?:es)? celular(?:es)? cel ll[aá]m[ae]\\w* tel[eé]m[oó]vel
    lig(?:ue|a|ar) meu_n[uú]mero mi_n[uú]mero portable appel(?:er|ez|le)\\w* joignable mon_numéro
    cellulare chiam\\w+ mio_numero kom[oó]rk\\w* zadzwoń cep ara(?:yın)? gọi điện_thoại telepon hp

    телефон\\w* тел моб\\w* звони\\w* факс τηλ\\w* κινητ\\w* هاتف جوال تلفون फोन फ़ोन मोबाइल
    전화\\w* 휴대폰\\w* 연락처\\w*
""")
PHONE_UNSPACED = unspaced("""
    电话 電話 电话号码 電話番号 手机 手機 手机号 手机号码 座机 固话 传真 联系方式 联系我 拨打 致电
    来电 打给我 打我 热线 携帯 携帯電話 ファックス โทร โทรศัพท์ เบอร์ มือถือ
""")
LINK = r"(?:wa\.me/|(?:tel|sms|callto|fax|whatsapp):(?://)?(?:send\?phone=)?)\+?"
BETWEEN_WORDS = _words("""
    numbers? no nr num n[uú]m[eé]ro is was are at on to me us him her them back the my our this new
    now also directly anytime home work office mobile cell private day evening ist lautet unter auf
    der die mich uns sie an kom privat al a el en es su mi le au lo la est il di do da op e
""")
ANNOUNCED = re.compile(
    rf"(?:{LINK}|(?:(?<![^\W\d_])(?:{PHONE})|{PHONE_UNSPACED}|(?<=[a-z])(?<!re)call|"
    r"(?<=[a-z])phone|(?<=[a-z])mobile)"  # userPhone
    rf"(?:[\s:\uff1a.=#'\"*()_>\\/-]++|\b(?:{BETWEEN_WORDS})\b|[是为為号號码碼はを]){{0,8}})$",
    re.IGNORECASE,
)
# After a phone number: `785 8949 (mobile)`, `-Fax`, `is my phone`.
PLACE = _words("office fax mobile cell phone tel desk landline büro handy mobil m[oó]vil oficina")
OWNED = _words("\\w*phone mobile cell number tel\\w* handy\\w* nummer m[oó]vil n[uú]m[eé]ro")
ANNOUNCED_AFTER = re.compile(
    rf"[-\s\\,]{{0,2}}[(\[]?(?:{PLACE})\b|(?:-|[\s,]*[(\[])(?:home|work|privat|casa)\b|"
    rf",? (?:is|ist|es|est) (?:my|our|the|meine?|unsere|mi|mon) (?:new |neue )?(?:{OWNED})",
    re.IGNORECASE,
)
# Before a number of something else: an item, a document, a count, a time.
OTHER_WORDS = _words("""
    orders? tickets? invoices? cases? serials? s/?n part p/n sku items? models? builds? versions?
    firmware release revision commit u?uid g?uid ids? ref(?:erence)? tracking parcel shipment
    waybill awb fedex ups dhl usps dpd gls isbn issn ean upc gtin asin imei imsi iccid meid vin
    account acct (?:customer|client|member(?:ship)?)_(?:number|no|id) policy claim contract
    licen[cs]e passport tax vat siren siret duns docket patent pmid doi rfc batch lot barcode code
    pin otp zip postcode registration registry product article catalog(?:ue)? transaction txn
    booking reservation confirmation request job process pid port bug issue

    epoch timestamp time unix expires? created(?:_at)? updated(?:_at)? bytes? size length offset
    population total sum count counter revenue budget salary price cost amount balance seed hash
    checksum lat lon lng latitude longitude coordinates? distance weight score views downloads rows

    bestell\\w* auftrag\\w* rechnung\\w* kunden?_?(?:nummer|nr) kd artikel\\w* art serien\\w*
    sendung\\w* vorgang\\w* vertrag\\w* konto\\w* einwohner summe betrag preis umsatz steuer\\w*
    aktenzeichen pedido factura n[uú]mero_de_(?:serie|pedido|cliente|factura|orden) serie
    seguimiento env[ií]o referencia poblaci[oó]n importe precio commande facture colis заказ\\w*
""")
OTHER_UNSPACED = unspaced("""
    订单 订单号 单号 快递 运单 运单号 编号 序列号 工单 工单号 发票 发票号 金额 总计 人口 版本
    注文番号
""")
_OTHER = re.compile(
    rf"(?:#|№|(?<![^\W\d_])(?:{OTHER_WORDS})|{OTHER_UNSPACED}|(?<=[a-z])(?:id|number|no|code))"
    r"(?:[\s#:\uff1a._=\"'-]++|[为是号]|"
    r"\b(?:n[ro]|num|number|nummer|code|ids?|sn|is|was|of|at|ist|lautet|es|de)\b){0,6}$",
    re.IGNORECASE,
)
# Before eleven digits that are not a Chinese mobile; `订单` alone may precede one.
CN_OTHER = re.compile(
    rf"(?:{unspaced('订单号 快递单号 单号 运单号 序列号 编号 发票号')})[\s:\uff1a是为]*$"
)
# After a number that is a quantity.
UNITS = _words("""
    [kmgt]?i?b bytes? bits? ms µs ns seconds? km kg rows users people views tokens downloads
    inhabitants einwohner habitantes usd eur dollars? euros? 元 人 次
""")
COUNTED = re.compile(
    rf"\s?(?:{UNITS})\b|\s?[€$%£¥]|\s[*×÷=+]\s|\s[<>/]\s\d|\s?=\s?\d|,\d\d\b", re.IGNORECASE
)
# Before a number: the sign of a sum or price, or part of a longer number or a time.
SUM = re.compile(
    r"[*×÷^$€£¥] ?$|\b(?:EUR|USD|GBP|CHF|INR|CNY|RMB|JPY) ?$|\d ?[=<>+/] ?$|\d - $|\d[:,.]$|[A-Z]-$"
)
CARD = re.compile(
    _words("""
        card credit debit visa maestro master amex karte kredit tarjeta cr[eé]dito carte carta
        cart[aã]o 卡 карт カード 카드
    """),
    re.IGNORECASE,
)


def before(pattern: re.Pattern[str], text: str, start: int) -> bool:
    """Tell whether a pattern that ends in `$` matches right before a position in the text."""
    return bool(pattern.search(text, max(0, start - NEAR), start))


def is_other(text: str, start: int, end: int) -> bool:
    """Tell whether nearby words say that a number is an identifier, a count or in a formula."""
    return before(_OTHER, text, start) or before(SUM, text, start) or bool(COUNTED.match(text, end))


def is_announced(text: str, start: int, end: int) -> bool:
    """Tell whether nearby words say that a number is a phone number."""
    return before(ANNOUNCED, text, start) or bool(ANNOUNCED_AFTER.match(text, end))
