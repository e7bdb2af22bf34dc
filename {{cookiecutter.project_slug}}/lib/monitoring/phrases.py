"""Recognize phrases of prompt injection in English, Chinese, German and Spanish.

A known attempt matches one of these or resembles an adversarial case; a new one may not: the rate
is a signal, not a protection.
"""

import re

# Every phrase contains one of these words (lower case); a quick test, since `re` is slow.
WORDS = (
    *("ignor", "disregard", "forget", "override", "prompt", "developer", "system", "sistema"),
    *("pirate", "unrestricted", "jailbroken", "text above", "vergiss", "vergessen", "olvid"),
    *("忽略", "无视", "忘", "系统", "开发者", "规则作废"),
)
PHRASES = (
    r"\b(?:ignore|disregard|forget)\b.{0,30}\b(?:previous|prior|above|earlier|all|your)\b.{0,20}"
    r"\b(?:instructions?|prompts?|rules?|messages?)\b",
    r"\bforget your (?:rules|instructions)\b",
    r"\b(?:system|developer)[- ]?(?:override|prompt|message|mode)\b|\bsystemprompt\b",
    r"\bnew rule from your developer\b|\bprompt de sistema\b|规则作废",
    r"\b(?:you are|act as|pretend to be) (?:now )?(?:a pirate|an? unrestricted|jailbroken)\b",
    r"\b(?:repeat|print|reveal|show)\b.{0,30}\b(?:text above|your (?:system )?prompt)",
    r"(?:忽略|无视|忘记|忘掉).{0,12}(?:指令|指示|规则|提示|要求)",
    r"(?:系统|开发者)(?:提示词|提示|指令|模式)",
    r"\b(?:ignorieren?|vergiss|vergessen sie)\b.{0,30}\b(?:anweisung|anweisungen|regeln)\b",
    r"\b(?:ignora|ignore|olvida|olvide)\b.{0,30}\b(?:instrucciones|reglas|indicaciones)\b",
)
INJECTION = re.compile("|".join(PHRASES), re.IGNORECASE | re.DOTALL)


def is_injection(prompt: str) -> bool:
    """Tell whether a prompt contains one of the phrases."""
    small = prompt.lower()
    return any(word in small for word in WORDS) and bool(INJECTION.search(prompt))
