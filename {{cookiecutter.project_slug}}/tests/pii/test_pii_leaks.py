"""Personal data planted wherever a raw file can hold any: no stage may let it out, be it in an
output, a metric, a message or a log."""

import json
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from lib.runtime.errors import run
from stages import curate, dedup, split
from tests.toy import PARAMS, lay_out, lay_tokenizer

ENTITIES = ["EMAIL_ADDRESS", "CN_MOBILE_NUMBER", "PHONE_NUMBER", "CREDIT_CARD"]
PII = {"entities": ENTITIES, "regions": ["US"], "score": 0.35}
PLANTS = (
    "ana{}@example.com",
    "1381234{}",
    "+49 30 9018{}",
    "ana{}＠example．com",
    "138\u200b1234\u200b{}",
    "138-1234-{}",
    "138\u180e1234\ufe0f{}",
)


class Planter:
    """Hands out values that are all different, and remembers them."""

    def __init__(self) -> None:
        self.numbers = count(1000)

    def value(self) -> str:
        """Several values in one text."""
        return " ; ".join(form.format(next(self.numbers)) for form in PLANTS)

    def one(self, form: str = "ana{}@example.com") -> str:
        """One value."""
        return form.format(next(self.numbers))

    def found_in(self, text: str) -> list[int]:
        """Numbers of the values that stand in a text."""
        planted = range(1000, next(self.numbers))
        return [number for number in planted if f"ana{number}" in text or f"34{number}" in text
                or f"34-{number}" in text or f"18{number}" in text or f"\u200b{number}" in text
                or f"\\u200b{number}" in text
                or f"\ufe0f{number}" in text or f"\\ufe0f{number}" in text]  # fmt: skip


@pytest.fixture
def plant(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Planter:
    """A project that looks for what is planted."""
    monkeypatch.chdir(tmp_path)
    old = PARAMS[PARAMS.index("  pii: {") : PARAMS.index("dedup:")]
    lay_out(tmp_path, PARAMS.replace(old, f"  pii: {json.dumps(PII)}\n"))
    lay_tokenizer(tmp_path)
    Path("data/raw").mkdir(parents=True)
    return Planter()


def everything_written(captured: Any) -> str:
    """All files but the raw ones, standard output and error."""
    files = [path for path in Path().rglob("*") if path.is_file() and path.parent.name != "raw"]
    return "\n".join([*(path.read_text("utf-8") for path in files), captured.out, captured.err])


def ask(asked: str, answer: str = "refund", **more: Any) -> dict[str, Any]:
    return {"prompt": asked, "completion": answer, **more}


def soiled_rows(plant: Planter) -> list[Any]:
    """Rows with values in every field, kept ones and dropped ones of many reasons."""
    value, one = plant.value, plant.one
    pair = {"prompt": "what now?", "chosen": "refund", "rejected": value()}
    return [
        ask("fine"),
        ask(f"first {value()}"),
        ask("group", group=value()),
        ask("tags", tags=[one(), one("1381234{}")]),
        ask("more tags", tags=f"vip,{one()}"),
        ask("language", language=one("en-138-1234-{}")),
        ask("another language", language=value()),
        ask("license", license=one()),
        ask("scenario", scenario=value()),
        ask("answer", value()),
        ask("number", "pizza", phone=int(one("1381234{}")), real=float(one("1381234{}"))),
        ask("key", "pizza", **{one(): {one("1381234{}"): [one()]}}),
        ask("", note=value()),
        ask(f"damaged \udce9 {value()}"),
        ask(f"control \x00 {value()} " + "\x00".join(one())),
        ask(f"unfilled {{{{name}}}} {value()}"),
        ask(f"conflict {one()}", "refund"),
        ask(f"long {value()} " + "so " * 400),
        {"messages": [{"role": one(), "content": value()}]},
        {"messages": [{"role": "user", "content": [{"text": value()}]}, value()]},
        {"conversations": [{"from": "gpt", "value": value()}]},
        {"instruction": value(), "input": value(), "output": value()},
        {"what": value()},
        pair,
        {**pair, "prompt": {"body": f"as\n{value()}"}, "rejected": json.dumps([f"as\n{value()}"])},
        {**pair, "prompt": "in JSON in JSON", "rejected": json.dumps(json.dumps(f"\n{value()}"))},
        {**pair, "rejected": [{"role": "user", "content": value()}]},
        value(),
        f'{{"prompt": "{value()}',
        "{" + json.dumps(value()),
        "{" + json.dumps(json.dumps(ask(value()))),
        json.dumps(ask(f"escaped {value()}")).replace("3", "\\u0033"),
        "{" + json.dumps(value()).replace("3", "\\u0033"),
        f"[{json.dumps(value())}]",
    ]


def write(name: str, *lines: Any) -> None:
    texts = [line if isinstance(line, str) else json.dumps(line) for line in lines]
    Path("data/raw", name).write_text("\n".join(texts), "utf-8", "surrogatepass")


def test_no_stage_lets_a_value_out(plant: Planter, capfd: pytest.CaptureFixture[str]) -> None:
    write("rows.jsonl", *soiled_rows(plant))
    list_rows = [ask("in a list"), plant.value(), [plant.value()], ask("q", plant.value())]
    write("list.json", "[" + ",\n".join(map(json.dumps, list_rows)) + "]")
    header = f"prompt,completion,{plant.one()}"
    quoted = plant.value().replace(" ", "")
    write("table.csv", header, f"q,refund,{quoted}", f"{quoted},refund", f'"{quoted}",a,b,c', "a")
    conflicts = [ask(f"same {plant.one()}", answer) for answer in ("refund", "setup")]
    conflicts[1]["prompt"] = conflicts[0]["prompt"]
    write("conflicts.jsonl", ask("calm"), *conflicts)
    for stage in (curate, dedup, split):
        stage.main()
    written = everything_written(capfd.readouterr())
    assert written.count("<EMAIL_ADDRESS_1>") > 20
    assert plant.found_in(written) == []


@pytest.mark.parametrize(
    ("name", "lines", "said"),
    [
        ("header.csv", ["{0},{0}", "{1},{2}"], "column 2 has the name"),
        ("quote.csv", ["a,{0}", '"{1},{2}'], "cannot be read further"),
        ("broken.json", ['[{{"prompt": "{0}"', "{1}"], "ends too early"),
        ("useless.jsonl", ['{{"{0}": "{1}"}}', "{2}"], "none of its"),
        ("cut.parquet", ["PAR1{0} {1}", "{2}"], "parquet"),
    ],
)
def test_messages_name_no_value(
    name: str, lines: list[str], said: str, plant: Planter, capfd: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    values = [plant.one(), plant.one(), plant.one("1381234{}")]
    write(name, *(line.format(*values) for line in lines))
    with pytest.raises(SystemExit):
        run(curate.main, arguments=True)  # those of pytest
    written = everything_written(capfd.readouterr())
    assert said in written
    assert plant.found_in(written) == []


def test_key_is_written_nowhere(
    plant: Planter, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    key = "correct horse battery staple"
    monkeypatch.setenv("PII_KEY", key)
    params = Path("params.yaml").read_text("utf-8")
    Path("params.yaml").write_text(
        params.replace('"score"', '"key_env": PII_KEY, "score"'), "utf-8"
    )
    write("rows.jsonl", ask(f"one {plant.one()}"), ask("two", "pizza", note=plant.one()))
    curate.main()
    first = {path: path.read_bytes() for path in Path("data").glob("*.jsonl")}
    curate.main()
    assert first == {path: path.read_bytes() for path in Path("data").glob("*.jsonl")}
    assert key not in everything_written(capfd.readouterr())
