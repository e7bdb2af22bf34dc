"""Seeded toy logs: requests and answers drawn from given pairs, with drifts planted on demand."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

START = datetime(2026, 11, 16, 8, tzinfo=UTC)
REFUSAL = '{"intent": "out_of_scope", "product": "none", "urgency": "low"}'
PROSE = "The customer would like some help with the device."
ANSWER = '{"intent": "question", "product": "none", "urgency": "normal"}'
# A product line that the sample does not know, in its four languages.
PARTS = {
    "en": (
        ["My new vacuum robot", "The mopping robot from the spring catalogue", "Our lawn mower"],
        [
            "keeps circling under the sofa",
            "refuses to climb the charging ramp",
            "eats carpet fringes",
        ],
        ["and the brushes are tangled with hair.", "while the dustbin warning blinks purple."],
    ),
    "de": (
        ["Mein neuer Saugroboter", "Der Wischroboter", "Unser Rasenmäher"],
        ["dreht Kreise unter dem Sofa", "findet die Laderampe nicht", "frisst Teppichfransen"],
        ["und die Bürsten sind voller Haare.", "während der Staubbehälter violett blinkt."],
    ),
    "es": (
        ["Mi nuevo robot aspirador", "El robot friegasuelos", "Nuestro cortacésped"],
        ["gira debajo del sofá", "no sube la rampa de carga", "se come los flecos de la alfombra"],
        ["y los cepillos están enredados.", "mientras el depósito de polvo parpadea."],
    ),
    "zh": (
        ["我新买的扫地机器人", "春季目录里的拖地机", "我们的割草机"],
        ["一直在沙发底下转圈", "爬不上充电坡道", "把地毯的流苏都吃进去了"],
        ["，刷子上缠满了头发。", "，集尘盒闪着紫色的灯。"],
    ),
}
PORTUGUESE = (
    ["A minha câmara", "O roteador da sala", "A fechadura da entrada", "O termostato novo"],
    ["deixou de funcionar ontem à noite", "não se liga à rede", "ainda não chegou a minha casa"],
    [
        "e preciso de ajuda com urgência.",
        "por favor devolvam o dinheiro.",
        "obrigado pela atenção.",
    ],
)


def sentence(parts: tuple[list[str], ...], random: Random) -> str:
    """One of each part, put together."""
    gap = "" if parts is PARTS["zh"] else " "
    return gap.join(random.choice(part) for part in parts)


def new_scenario(random: Random) -> str:
    """A ticket on devices that the training data does not have."""
    language = random.choices(list(PARTS), [45, 15, 15, 25])[0]
    return sentence(PARTS[language], random)


def portuguese(random: Random) -> str:
    """A ticket on known devices in a language that the training data does not have."""
    return sentence(PORTUGUESE, random)


def row(at: int, prompt: str, answer: str, **changes: Any) -> dict[str, Any]:
    """A line of our log format; `changes` replace its keys."""
    message = {"role": "assistant", "content": answer}
    return {
        "time": (START + timedelta(seconds=37 * at)).isoformat(),
        "request_id": f"req-{at:06d}",
        "model": "model",
        "request": {"messages": [{"role": "user", "content": prompt}]},
        "response": {
            "choices": [{"message": message, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": len(prompt) // 4, "completion_tokens": len(answer) // 4},
        },
        "latency_ms": 80.0,
        "ttft_ms": 10.0,
    } | changes


def draw(
    pairs: list[tuple[str, str]],
    count: int,
    seed: int,
    *,
    scenario: float = 0.0,
    language: float = 0.0,
    prose: float = 0.0,
    refused: float = 0.0,
) -> list[dict[str, Any]]:
    """So many requests of (prompt, answer) pairs; shares of them are replaced by a drift."""
    random, rows = Random(seed), []
    for at in range(count):
        prompt, answer = random.choice(pairs)
        if random.random() < scenario:
            prompt, answer = new_scenario(random), ANSWER
        if random.random() < language:
            prompt = portuguese(random)
        if random.random() < prose:
            answer = PROSE
        if random.random() < refused:
            answer = REFUSAL
        rows.append(row(at, prompt, answer))
    return rows


def write_log(path: Path, rows: list[dict[str, Any]]) -> Path:
    """The rows as a log file."""
    lines = [json.dumps(one, ensure_ascii=False) + "\n" for one in rows]
    path.write_text("".join(lines), encoding="utf-8")
    return path
