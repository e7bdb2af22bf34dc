"""Answers that are no answers: what other models say when they refuse, and what they say of
themselves. In English, Chinese, German and Spanish."""

import re

OPENING = 300  # characters; such sentences begin an answer
PHRASES = (
    r"\b(?:as|I am|I'm)(?: just| only)? an? (?:large |AI )*(?:language model|AI model|AI assistant)"
    r"\b",
    r"\b(?:as|I am|I'm)(?: just| only)? an (?:AI|artificial intelligence)(?=[,.;]| I\b)",
    r"^(?:I(?:'m| am) sorry|I apologi[sz]e|sorry|unfortunately)?[,.;]? ?(?:but )?I"
    r"(?:'m| am)? ?(?:cannot|can't|can not|not able to|unable to|won't)"
    r" (?:\w+ )?(?:assist|help|fulfil+|comply|answer|provide|engage|respond)\b",
    r"\bmy (?:knowledge cut-?off|training data)\b",
    r"作为(?:一个|一款|一名)?(?:大型|大)?(?:AI|人工智能|语言模型)",
    r"我(?:只)?是(?:一个|一款|一名)?(?:大型|大)?(?:AI|人工智能|语言模型)",
    r"^(?:很|非常|十分)?(?:抱歉|对不起|遗憾)[,，。!！]?\s*(?:但是?)?我(?:无法|不能)(?:协助|帮助|提供|回答|满足|完成)",
    r"\bals (?:eine? )?(?:KI|künstliche Intelligenz|(?:gro(?:ß|ss)es )?Sprachmodell)\b",
    r"\b(?:ich bin|bin ich) (?:nur )?eine? (?:KI|künstliche Intelligenz|Sprachmodell)\b",
    r"^(?:es )?tut mir leid, (?:aber )?(?:ich kann|dabei kann ich|das kann ich)\b.{0,60}\bnicht\b",
    r"\bcomo (?:una? )?(?:gran )?(?:modelo de (?:lenguaje|IA)|IA|inteligencia artificial)\b",
    r"\bsoy (?:solo |sólo )?una? (?:modelo de (?:lenguaje|IA)|IA|inteligencia artificial)\b",
    r"^lo siento, (?:pero )?no puedo (?:\w+ )?(?:ayudar|asistir|cumplir|responder|proporcionar)",
)
BOILERPLATE = re.compile("|".join(PHRASES), re.IGNORECASE)


def is_boilerplate(answer: str) -> bool:
    """Whether an answer begins as a refusal or with a model's words about itself."""
    return bool(BOILERPLATE.search(answer[:OPENING].replace("\u2019", "'")))
