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
