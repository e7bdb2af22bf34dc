"""Refusals and models that speak of themselves are told from answers."""

import pytest

from lib.intake.boilerplate import is_boilerplate


@pytest.mark.parametrize(
    "answer",
    [
        "As an AI language model, I do not have feelings.",
        "I\u2019m sorry, but I can\u2019t assist with that request.",
        "Unfortunately, I am unable to help with this.",
        "作为一个人工智能语言模型，我没有感情。",
        "抱歉，我无法提供这方面的帮助。",
        "Als KI-Sprachmodell habe ich keine Meinung.",
        "Es tut mir leid, aber dabei kann ich Ihnen nicht helfen.",
        "Como modelo de lenguaje, no tengo opiniones.",
        "Lo siento, pero no puedo ayudar con eso.",
    ],
)
def test_no_answers(answer: str) -> None:
    assert is_boilerplate(answer)


@pytest.mark.parametrize(
    "answer",
    [
        "I'm sorry to hear that. Please hold the button for ten seconds.",
        "I cannot see a payment from you yet; it can take three days.",
        "Sorry, I will send a new camera today.",
        "很抱歉给您带来不便，请重启路由器。",
        "Es tut mir leid, dass die Kamera nicht geht. Wir tauschen sie um.",
        "Lo siento mucho, le enviamos otra cámara.",
        "Our AI camera tells cats from dogs. As an AI camera it needs light.",
    ],
)
def test_answers(answer: str) -> None:
    assert not is_boilerplate(answer)
