"""Names of languages, splits of rows, ranked answers and labels that look like one."""

from typing import Any

import pytest
from pydantic import ValidationError

from lib.core.params import TaskParams
from lib.curate.labels import Labels
from lib.curate.language import language_code
from lib.curate.params import CurateParams
from lib.curate.row import Mapping
from lib.curate.shapes import to_draft
from lib.intake.cells import Reject

TEXT = TaskParams(system="", output="text")


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("English", "en"),
        ("chinese", "zh"),
        ("Chinese (Simplified)", "zh"),
        ("Brazilian Portuguese", "pt"),
        ("zh-Hans", "zh-Hans"),
        ("eng_Latn", "eng_Latn"),
        ("Chinese, Simplified", "zh"),
        ("中文（简体）", "zh"),
        ("Español", "es"),
        ("Haitian Creole", "ht"),
        ("en_US.UTF-8", "en_US"),
        ("unknown", ""),
        ("Klingon", None),
    ],
)
def test_names_of_languages_read_like_codes(name: str, code: str | None) -> None:
    assert language_code(name) == code


def test_declared_languages_may_be_names() -> None:
    given: Any = {"licenses": ["MIT"], "min_chars": 1, "max_tokens": 9}
    given["pii"] = {"entities": [], "regions": [], "score": 0.3}
    params = CurateParams(**given, languages=["English", "zh-Hans", "deu_Latn"])
    assert params.languages == ["en", "zh", "de"]
    with pytest.raises(ValidationError, match="'Klingon' is not one"):
        CurateParams(**given, languages=["Klingon"])


@pytest.mark.parametrize(
    ("split", "ours"), [("train", "train"), ("Validation", "val"), ("test", "test"), (None, None)]
)
def test_a_row_keeps_its_split(split: str | None, ours: str | None) -> None:
    row = {"prompt": "q", "completion": "a", "part": split}
    assert to_draft(row, Mapping({"split": "part"}), TEXT).split == ours


def reason_of(row: dict[str, Any], columns: Any = None) -> str:
    with pytest.raises(Reject) as reason:
        to_draft(row, Mapping(columns or {}), TEXT)
    return str(reason.value)


def test_a_split_that_is_none() -> None:
    row = {"prompt": "q", "completion": "a", "split": "fold 3"}
    assert reason_of(row, {"split": "split"}) == "unknown_split"


@pytest.mark.parametrize(
    ("row", "columns"),
    [
        ({"prompt": "q", "responses": ["a", "b"]}, {}),
        ({"prompt": "q", "responses": [{"text": "a", "score": 1}, {"text": "b", "score": 2}]}, {}),
        ({"instruction": "q", "completions": ["a", "b"]}, {"completion": "completions"}),
        ({"q": "q", "completions": ["a", "b"]}, {"prompt": "q", "completion": "completions"}),
        ({"prompt": "q", "response_a": "a", "response_b": "b"}, {}),
        ({"prompt": "q", "response1": "a", "response2": "b"}, {"completion": "response1"}),
    ],
)
def test_ranked_answers_are_named(row: dict[str, Any], columns: dict[str, str]) -> None:
    assert reason_of(row, columns) == "ranked"


def test_the_number_of_a_choice_is_no_answer() -> None:
    row = {"question": "Which?", "choices": ["one", "two"], "answer": 1}
    columns = {"prompt": "{question}\n{choices}", "completion": "answer"}
    assert reason_of(row, columns) == "answer_index"


def test_answers_in_order_make_pairs() -> None:
    row = {"prompt": "q", "responses": [{"text": "a"}, {"text": "b"}]}
    draft = to_draft(
        row, Mapping({"chosen": "responses.0.text", "rejected": "responses.1.text"}), TEXT
    )
    assert (draft.chosen, draft.rejected) == ("a", "b")


def test_labels_that_look_like_one() -> None:
    labels = Labels()
    labels.seen.update({"Refund": 2, "refund": 9, "1.5": 1, "1.50": 1, "true": 3, "yes": 1, "x": 1})
    said = "\n".join(labels.warnings())
    assert "'Refund' (2 rows), 'refund' (9 rows)" in said
    assert "'1.5'" in said
    assert "'yes'" in said
    assert "'x'" not in said


def test_labels_that_yaml_reads_as_another_type() -> None:
    with pytest.raises(ValidationError, match="YAML reads true as another type: 'true'"):
        TaskParams(system="", output="label", labels=[True, False])  # type: ignore[list-item]


def test_the_letter_of_a_choice_is_no_answer_unless_it_is_shown() -> None:
    row = {"q": "Which?", "choices": {"label": ["A", "B"], "text": ["x", "y"]}, "key": "B"}
    columns = {"prompt": "{q}\n{choices.text}", "completion": "key"}
    assert reason_of(row, columns) == "answer_index"
    columns["prompt"] = "{q}\n{choices.label}\n{choices.text}"
    assert to_draft(row, Mapping(columns), TEXT).chosen == "B"


def test_several_labels_of_one_text() -> None:
    row = {"text": "q", "label": ["a", "b"]}
    task = TaskParams(system="", output="label", labels=["a", "b"])
    with pytest.raises(Reject, match="unknown_label"):
        to_draft(row, Mapping({"prompt": "text", "completion": "label"}), task)


def test_thousands_are_no_decimals() -> None:
    labels = Labels()
    labels.seen.update({"1": 1, "1,000": 1, "1,5": 1, "1.5": 1})
    (line,) = labels.warnings()
    assert "'1,5' (1 rows), '1.5' (1 rows)" in line
