"""Rows that curate must drop, several kinds per format."""

import json

from sample.rawfiles import ALPACA, CHAT, SHAREGPT, TABLE, dumps

GOOD = '{"intent": "delivery", "product": "camera", "urgency": "normal"}'
TEXT = "The camera parcel number {n} was promised for Monday, where is it now?"


def user(content: object) -> dict[str, object]:
    """A user turn."""
    return {"role": "user", "content": content}


def assistant(content: object) -> dict[str, object]:
    """An assistant turn."""
    return {"role": "assistant", "content": content}


def chat(*turns: object) -> str:
    """A chat row."""
    return dumps({"messages": list(turns)})


def alpaca(instruction: object, output: object) -> str:
    """An alpaca row."""
    return dumps({"instruction": instruction, "input": "", "output": output})


def outside(**change: str) -> str:
    """An answer with a value outside the label set."""
    return dumps(json.loads(GOOD) | change)


def surrogate(row: str) -> str:
    """The row with half of a character, as an escape, in place of the tilde."""
    return row.replace("~", "\\ud83d")


def chat_rows() -> list[tuple[str, str]]:
    """Kind and row, for the chat file."""
    ask = [TEXT.format(n=n) for n in range(100, 120)]
    return [
        ("broken_json", chat(user(ask[0]), assistant(GOOD))[:-9]),
        ("broken_json", chat(user(ask[1]), assistant(GOOD)).replace('"role"', "role", 1)),
        ("not_an_object", dumps([user(ask[2]), assistant(GOOD)])),
        ("missing_messages", dumps({"ticket": ask[3], "label": GOOD})),
        ("missing_assistant", chat(user(ask[4]))),
        ("missing_assistant", chat(user(ask[5]), user("Hello? Anybody?"))),
        ("wrong_role_order", chat(assistant(GOOD), user(ask[6]))),
        ("wrong_role_order", chat(user(ask[7]), assistant(GOOD), assistant(GOOD))),
        ("unknown_role", chat({"role": "narrator", "content": ask[8]}, assistant(GOOD))),
        ("empty_text", chat(user(""), assistant(GOOD))),
        ("empty_text", chat(user(" \t "), assistant(GOOD))),
        ("empty_text", chat(user(ask[9]), assistant(""))),
        ("non_string_content", chat(user(48213), assistant(GOOD))),
        ("non_string_content", chat(user(ask[10]), assistant(json.loads(GOOD)))),
        ("label_outside_set", chat(user(ask[11]), assistant(outside(urgency="urgent")))),
        ("label_outside_set", chat(user(ask[12]), assistant(outside(product="toaster")))),
        ("answer_not_json", chat(user(ask[13]), assistant("It is about a delivery."))),
        ("answer_missing_field", chat(user(ask[14]), assistant('{"intent": "delivery"}'))),
        ("template_unfilled", chat(user("Dear {{first_name}}, " + ask[15]), assistant(GOOD))),
        ("unpaired_surrogate", surrogate(chat(user("~" + ask[16]), assistant(GOOD)))),
    ]


def alpaca_rows() -> list[tuple[str, str]]:
    """Kind and row, for the alpaca file."""
    ask = [TEXT.format(n=n) for n in range(200, 210)]
    return [
        ("missing_assistant", dumps({"instruction": ask[0], "input": ""})),
        ("empty_text", alpaca("", GOOD)),
        ("non_string_content", alpaca([ask[1]], GOOD)),
        ("label_outside_set", alpaca(ask[2], outside(intent="complaint"))),
        ("answer_not_json", alpaca(ask[3], GOOD + " I hope this helps!")),
        ("not_an_object", dumps(ask[4])),
    ]


def sharegpt_rows() -> list[tuple[str, str]]:
    """Kind and row, for the ShareGPT file."""
    ask = [TEXT.format(n=n) for n in range(300, 310)]
    human, bot = {"from": "human", "value": ask[0]}, {"from": "gpt", "value": GOOD}
    return [
        ("broken_json", dumps({"conversations": [human, bot]}) + "}"),
        ("wrong_role_order", dumps({"conversations": [bot, human | {"value": ask[1]}]})),
        ("missing_assistant", dumps({"conversations": [human | {"value": ask[2]}]})),
        ("missing_messages", dumps({"conversations": []})),
        ("unknown_role", dumps({"conversations": [human | {"from": "robot"}, bot]})),
    ]


def table_rows() -> list[tuple[str, str]]:
    """Kind and row, for the CSV file."""
    return [
        ("empty_text", ",delivery,camera,normal,zh,ZH-10001,"),
        ("label_outside_set", "摄像头还没有发货吗？,shipping,camera,normal,zh,ZH-10002,"),
        ("label_outside_set", "¿Cuándo llega el timbre?,delivery,doorbell,media,es,ES-10003,"),
        ("wrong_column_count", "路由器什么时候送到？,delivery,router"),
        ("wrong_column_count", "Hola, falta el paquete, gracias,delivery,none,low,es,ES-10004,"),
        ("missing_label", "¿Dónde está mi cerradura?,delivery,,normal,es,ES-10005,"),
    ]


def rows() -> list[tuple[str, str, str]]:
    """File, kind and row of every malformed row."""
    by_file = {
        CHAT: chat_rows(),
        ALPACA: alpaca_rows(),
        SHAREGPT: sharegpt_rows(),
        TABLE: table_rows(),
    }
    return [(file, kind, row) for file, made in by_file.items() for kind, row in made]
