"""Find stock phrases of models in ten languages: refusals, and statements about themselves.

Ordinary answers, too, say sorry or that something is impossible: "Sorry, I can't find your order".
So a refusal counts only at the start of an answer, about helping or answering or about just "that",
and not where it names a condition ("without your number I cannot").
"""

import re

OPENING = 300  # characters; such sentences begin an answer

# Nothing follows, or an offer to help otherwise.
_ENDS = r"(?=[.!。！]?\s*(?:$|is there\b|let me know\b|if you (?:have|need)\b|can I help\b))"
WITHOUT = r"(?![^.!?]*\b(?:without|until|unless|ohne|bevor|sin|sans|senza|sem|без)\b)"
ZH_SORRY = r"(?:(?:很|非常|十分)?(?:抱歉|对不起|遗憾)[,，。!！]?\s*(?:但是?)?)"
ZH_REQUEST = r"(?:这个|这类|您的|你的|该|此)(?:问题|请求|要求|话题)"

_REFUSALS = (
    # English
    r"(?:I(?:'m| am) sorry|I apologi[sz]e|sorry|unfortunately)?[,.;]? ?(?:but )?I"
    r"(?:'m| am)? ?(?:cannot|can't|can not|not able to|unable to|won't)"
    r" (?:\w+ )?(?:assist|help|fulfil+|comply|answer|provide|engage|respond)\b",
    r"(?:I(?:'m| am) (?:very |so )?(?:sorry|afraid)|I apologi[sz]e|sorry|unfortunately)?[,.;]? ?"
    r"(?:but )?I(?:'m| am)? ?(?:cannot|can't|can not|not able to|unable to|won't)(?: be able to)? "
    r"(?:do (?:that|this|it|so)(?: for you)?|(?:help|assist)(?: you)?(?: with (?:that|this))?"
    rf"|(?:answer|discuss) (?:that|this))(?: request| question)?{_ENDS}",
    r"I (?:must|have to) (?:respectfully )?decline (?:that|this|your|to answer)\b",
    # Chinese
    rf"{ZH_SORRY}我(?:无法|不能)(?:协助|帮助|提供|回答|满足|完成)",
    rf"{ZH_SORRY}?{ZH_REQUEST}[,，]?我?(?:无法|不能|没法)(?:协助|帮助|提供|回答|满足|完成)",
    rf"{ZH_SORRY}?我(?:无法|不能)(?:(?:回答|满足|完成){ZH_REQUEST}|(?:这样|这么)做{_ENDS})",
    # German
    r"(?:(?:es )?tut mir leid, (?:aber )?|leider )?"
    r"(?:ich kann|kann ich|(?:dabei|damit|das|hierbei) kann ich)\b(?:(?!ohne\b)[^.!?]){0,60}"
    r"\bnicht(?: (?:(?:weiter)?helfen|behilflich|unterstützen|beantworten|erfüllen)"
    rf"|(?: (?:tun|machen))?{_ENDS})",
    # Spanish
    r"(?:lo siento|lamentablemente|me temo que),? ?(?:pero )?no puedo (?:\w+ )?"
    rf"(?:ayudar|asistir|cumplir|responder|proporcionar|hacer (?:eso|esto){_ENDS})",
    # French
    r"(?:(?:je suis )?désolée?|malheureusement|je regrette)[,.]? ?(?:mais )?"
    r"je ne (?:peux pas |suis pas en mesure (?:de |d'))(?:vous |t'|te |y )?"
    r"(?:aider|assister|répondre)",
    r"en tant (?:que |qu')(?:une? )?(?:grand )?(?:modèle d|intelligence artificielle|IA\b)",
    # Italian
    r"(?:mi dispiace|purtroppo|spiacente),? ?(?:ma )?non (?:posso|sono in grado di) "
    r"(?:aiutar|assister|risponder)",
    r"(?:in quanto|come) (?:un )?(?:grande )?(?:modello linguistico|intelligenza artificiale)\b",
    # Portuguese
    r"(?:(?:me )?desculpe|sinto muito|lamento|infelizmente),? ?(?:mas )?(?:eu )?não posso "
    r"(?:\w+ )?(?:ajud|auxili|respond)",
    r"como (?:uma? )?(?:grande )?(?:modelo de linguagem|inteligência artificial|IA)\b",
    # Japanese
    r"(?:(?:大変)?申し訳(?:ありません|ございません|ない(?:です)?)|すみません|ごめんなさい)(?:が|けど)?[、,。]?"
    r"(?:(?:その|この)(?:ような)?)?(?:ご?(?:質問|リクエスト|依頼|要望|要求))?(?:に|を|は)*"
    r"(?:お答え|お手伝い|お応え|回答|対応|支援|サポート)(?:する)?(?:こと)?[はが]?"
    r"(?:でき|いたしかね|致しかね)",
    r"(?:私は)?(?:AI|人工知能|(?:大規模)?言語モデル)(?:アシスタント|言語モデル)?(?:として|なので|ですので)",
    # Korean
    r"(?:죄송하지만|죄송합니다만?|미안하지만)[,.]? ?(?:저는 )?"
    r"(?:(?:그|이|그런|이런|해당) (?:질문|요청|내용)(?:에는|에|은|는|을)? ?(?:대해 |대해서는 )?)?"
    r"(?:도와 ?드릴|도움을 드릴|답변할|답변드릴|답변을 드릴|대답할|응답할) 수 없",
    r"(?:저는 )?(?:AI|인공지능)(?: 언어)?(?: 모델)?(?:로서|이기 때문에|이므로)",
    # Russian
    r"(?:к сожалению|извините|простите|мне жаль),? ?(?:но )?я не (?:могу|смогу|в состоянии)"
    r" (?:(?:вам|тебе|с этим|в этом) ){0,2}(?:помочь|ответить|выполнить (?:это|этот|ваш))",
    r"как (?:большая )?(?:языковая модель|искусственный интеллект|ИИ)\b",
)
ITSELF = (
    r"\b(?:as|I am|I'm)(?: just| only)? an? (?:large |AI )*(?:language model|AI model|AI assistant)"
    r"\b",
    r"\b(?:as|I am|I'm)(?: just| only)? an (?:AI|artificial intelligence)(?=[,.;]| I\b)",
    r"\bmy (?:knowledge cut-?off|training data)\b",
    r"作为(?:一个|一款|一名)?(?:大型|大)?(?:AI|人工智能|语言模型)",
    r"我(?:只)?是(?:一个|一款|一名)?(?:大型|大)?(?:AI|人工智能|语言模型)",
    r"\bals (?:eine? )?(?:KI|künstliche Intelligenz|(?:gro(?:ß|ss)es )?Sprachmodell)\b",
    r"\b(?:ich bin|bin ich) (?:nur )?eine? (?:KI|künstliche Intelligenz|Sprachmodell)\b",
    r"\bcomo (?:una? )?(?:gran )?(?:modelo de (?:lenguaje|IA)|IA|inteligencia artificial)\b",
    r"\bsoy (?:solo |sólo )?una? (?:modelo de (?:lenguaje|IA)|IA|inteligencia artificial)\b",
    r"\bje suis (?:une intelligence artificielle|un (?:grand )?modèle de langage)\b",
    r"\b(?:sono un modello linguistico|sou um modelo de linguagem)\b",
    r"\bя(?: всего лишь| —| -)? (?:большая )?языковая модель\b",
)
REFUSAL = re.compile(f"(?:{'|'.join(_REFUSALS)}){WITHOUT}", re.IGNORECASE)
ABOUT_ITSELF = re.compile("|".join(ITSELF), re.IGNORECASE)


def is_boilerplate(answer: str) -> bool:
    """Tell whether an answer begins with a refusal or with a model's words about itself."""
    opening = answer[:OPENING].replace("\u2019", "'")
    return bool(REFUSAL.match(opening) or ABOUT_ITSELF.search(opening))


# Where a sentence adds something, and what may accompany a refusal.
GOES_ON = re.compile(
    r"[;:；：]|\b(?:but|because|since|until|unless|than|though|aber|weil|sondern|bis|pero|porque|hasta|"
    r"mais|car|parce|ma|perché|mas|porque|но|потому)\b|但|因为|直到|が、|지만",
    re.IGNORECASE,
)
OFFER = re.compile(
    r"(?:is there (?:any|some)thing|(?:please )?let me know|if (?:you|there)|feel free"
    r"|how (?:can|may)|can I help|what else|please (?:ask|try)"
    r"|I(?: do|'m| am| can|\b.{0,10})n[o']t\b|my purpose)",
    re.IGNORECASE,
)
SORRY = re.compile(
    r"(?:I(?:'m| am) (?:very |so )?)?(?:sorry|afraid)[.!]?|I apologi[sz]e[.!]?", re.IGNORECASE
)
SENTENCE = re.compile(r"(?<=[.!?])\s+|(?<=[。！？])|\n+")


def only_boilerplate(answer: str) -> str:
    """Return the refusal or statement about the model that is all of an answer; else ""."""
    said = [part for part in SENTENCE.split(answer.replace("\u2019", "'").strip()) if part.strip()]
    if not said or not all(map(is_empty_talk, said)):
        return ""
    return next((part for part in said if stock_phrase(part)), "")


def stock_phrase(sentence: str) -> re.Match[str] | None:
    """Find a refusal, or a model's words about itself, at the start of a sentence."""
    return REFUSAL.match(sentence) or ABOUT_ITSELF.match(sentence)


def is_empty_talk(sentence: str) -> bool:
    """Tell whether a sentence refuses, is about the model itself, or offers other help."""
    found = stock_phrase(sentence)
    if not found:
        return bool(OFFER.match(sentence)) or SORRY.fullmatch(sentence) is not None
    return not GOES_ON.search(sentence[found.end() :])
