"""One end of all answers and entities of HTML are said, and change nothing."""

from collections import Counter

from lib.curate.habits import Habits, habit_lines


def counted(*answers: str) -> Counter[str]:
    habits = Habits()
    for answer in answers:
        habits.see(answer, [answer])
    return habits.counts()


def test_a_mark_at_the_end_of_all_answers_is_said() -> None:
    marked = counted("It is. END", "No. END", "Two of them. END", "At 3 END")
    (line,) = habit_lines("a.jsonl", marked)
    assert "4 of 4 answers end with 'END'" in line
    assert not habit_lines("a.jsonl", counted("It is. END", "No.", "Two of them.", "At 3"))


def test_labels_and_empty_answers_have_no_end() -> None:
    assert not habit_lines("a.jsonl", counted(*["refund"] * 9, "", "setup"))


def test_entities_of_html_are_said_unless_shown_as_code() -> None:
    (line,) = habit_lines("a.jsonl", counted("It doesn&#39;t.", "No.", "Write `&amp;`."))
    assert line.startswith("a.jsonl: 1 rows contain HTML entities")


def asked(*rows: tuple[str, str]) -> list[str]:
    habits = Habits()
    for question, answer in rows:
        habits.see(answer, [], question)
    return habit_lines("a.jsonl", habits.counts())


def test_a_mark_behind_all_questions_is_said() -> None:
    (line,) = asked(*((f"Is it {n}?\n\n### Response:", f"No, {n}.") for n in range(4)))
    assert "4 of 4 questions end with '### Response:'" in line
    assert "end with '->'" in asked(*((f"Is it {n}? ->", f"No, {n}.") for n in range(4)))[0]
    assert not asked(*((f"Is it {n}?", f"No, {n}.") for n in range(4)))


def test_a_mark_before_all_answers_is_said() -> None:
    (line,) = asked(*((f"Is it {n}?", f"### No, {n}.") for n in range(4)))
    assert "answers begin with '###'" in line


def test_answers_that_repeat_their_question_are_said() -> None:
    questions = [f"How long may I keep ladder number {n}?" for n in range(4)]
    (line,) = asked(*((one, f"{one} Until {at}.") for at, one in enumerate(questions)))
    assert "begin with their whole question" in line


def test_answers_that_are_lists_in_json_are_said() -> None:
    (line,) = asked(*((f"Is it {n}?", f'["no", "{n}"]') for n in range(4)))
    assert "are a JSON list of strings" in line


def test_one_question_for_all_answers_is_said() -> None:
    (line,) = asked(*(("Answer the neighbour.", f"No, {n}.") for n in range(4)))
    assert "4 of 4 questions are the same, 'Answer the neighbour.'" in line


def test_a_template_that_nobody_filled_is_said() -> None:
    assert (
        "contain '{question}'" in asked(*((f"{n}: {{question}}", f"No, {n}.") for n in range(4)))[0]
    )
    assert not asked(*((f"Is {{a}} {n} \\frac{{x}}{{y}}?", f"No, {n}.") for n in range(4)))


def test_line_ends_that_were_written_out_are_said() -> None:
    assert "contain '\\n'" in asked(*((f"Is it {n}?\\nPlease.", f"No, {n}.") for n in range(4)))[0]
    assert (
        "contain '_x000D_'" in asked(*((f"Is it {n}?", f"No, {n}_x000D_ x") for n in range(4)))[0]
    )
    assert not asked(*((f"Is \\nu = {n}?", f"No, {n}.") for n in range(4)))


def test_answers_in_quotation_marks_are_said() -> None:
    (line,) = asked(*((f"Is it {n}?", f'"No, {n}"') for n in range(4)))
    assert "stand in quotation marks" in line
