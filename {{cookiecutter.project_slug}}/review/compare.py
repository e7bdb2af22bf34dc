"""Write a pull request comment that compares this version with its merge base.

reads   the workspace, and the merge base of BASE and HEAD: git's files, and through DVC (cache or
        remote) predictions, data/curated.jsonl, reports/leakage.json, plots. None need be pulled.
writes  Markdown to standard output; GitHub takes 65,536 characters
"""

from typing import NamedTuple

from lib.cases.systems import SYSTEMS
from lib.core.config import load
from lib.evaluate.params import EvalParams
from lib.evaluate.predictions import Prediction, Systems, of_sets, same_cases
from lib.evaluate.stats import shown_p
from lib.release.params import GateParams
from lib.runtime.dvc_runs import refuse_while_at_work
from lib.runtime.errors import CommandLine, run
from review import answers, changes
from review.datadiff import data_compared
from review.lock import frozen_stages, stale_stages
from review.text import percent, points
from review.versions import Version, merge_base

MARK = "<!-- review.compare -->"  # by which workflows find the comment to update
_LONGEST = 60_000  # characters


class Comment(NamedTuple):
    """The lines at the top, and those of each section by title."""

    head: list[str]
    sections: dict[str, list[str]]


def verdict_lines(new: Systems, old: Systems, gate: GateParams, params: EvalParams) -> list[str]:
    """Write the verdict on the released system, and its safety."""
    system = gate.system
    now, before = (found.get(system, []) for found in (new, old))
    pairs = same_cases(of_sets(now, "golden"), of_sets(before, "golden"))
    found = answers.change(pairs, params, gate.min_effect)
    if found is None:
        return [f"## no verdict: no golden answers of `{system}` to compare"]
    one = found.difference
    verdict = f"{found.word}: {points(one.mean)} points on the golden set"
    if why := answers.incomparable(pairs, params.primary):
        verdict = f"no verdict: on the golden set {why}"
    lines = [
        f"## {verdict}",
        "",
        f"`{system}`: {percent(found.before)} before, {percent(found.now)} now; change "
        f"{points(one.mean)} points (95 % interval {points(one.low)} to {points(one.high)}, "
        f"p {shown_p(one.p)}); {one.won} of {one.cases} cases better, {one.lost} worse. "
        f"A difference matters from {points(gate.min_effect).lstrip('+')} points on.",
        "",
    ]
    for title, rate in answers.RATES.items():
        word = answers.safety_word(answers.safety_change(now, before, rate, params))
        lines.append(f"- Safety, {title}: {word}")
    return [*lines, f"- Safety, leaks: {answers.leaks_word(now, before)}"]


def warnings(new: Version, old: Version, primary: str) -> list[str]:
    """List what a reader must know before believing the numbers."""
    said = []
    if stale := stale_stages():
        said.append(
            f"**Stale**: `dvc repro` would run {', '.join(stale)}. The results below are not "
            "those of this code, data and params: run it, commit `dvc.lock`, `dvc push`."
        )
    if frozen := frozen_stages():
        said.append(f"**Frozen**: {', '.join(frozen)}. DVC never runs them, whatever has changed.")
    said += moved(new, old, primary)
    for version in (new, old):
        if not version.outs:
            said.append(f"**No results**: {version.name} has no `dvc.lock`; nothing is compared.")
        if version.unread:
            names = ", ".join(f"`{path}`" for path in dict.fromkeys(version.unread))
            said.append(f"Missing in cache and DVC remote, for {version.name}: {names}.")
    return said


def moved(new: Version, old: Version, primary: str) -> list[str]:
    """Say what is measured differently: changed cases or changed scoring."""
    said = []
    for name in ("golden", "adversarial"):
        if change := changes.cases_change(new, old, f"evals/{name}.jsonl"):
            said.append(
                f"**The {name} set has changed**: {change}. Answers are compared only on the "
                "cases that are the same in both versions."
            )
    if old.outs and (changed := changes.scoring_change(new, old)):
        names = ", ".join(f"`{name}`" for name in changed)
        said.append(
            f"**How answers are scored has changed**: {names}. A difference may come from the "
            f"scoring and not from the answers. Scores of both versions are `{primary}`, if the "
            "old answers have it."
        )
    return said


def systems_of(version: Version, primary: str) -> dict[str, list[Prediction]]:
    """Return every system's answers in a version, scored by the current primary metric."""
    found = {name: version.predictions(name) for name in SYSTEMS}
    return {name: [by_metric(row, primary) for row in rows] for name, rows in found.items() if rows}


def by_metric(row: Prediction, primary: str) -> Prediction:
    """Return the row with the score of a metric; unchanged if it has none."""
    scores = row.get("scores", {})
    return {**row, "score": scores[primary]} if primary in scores else row


def moved_test(now: list[Prediction], before: list[Prediction]) -> list[str]:
    """Say whether the test split has changed, judging by the answers."""
    both = [of_sets(rows, "test") for rows in (now, before)]
    same = len(same_cases(*both).new)
    if not all(both) or same == max(map(len, both)):
        return []
    return [
        f"**The test split has changed**: {same} cases are the same in both versions, of "
        f"{len(both[1])} before and {len(both[0])} now. Answers are compared only on those."
    ]


def comment(new: Version, old: Version) -> Comment:
    """Write the whole comment."""
    gate, params = load("gate", GateParams), load("eval", EvalParams)
    now, before = (systems_of(version, params.primary) for version in (new, old))
    pairs = same_cases(*(of_sets(f.get(gate.system, []), "golden", "test") for f in (now, before)))
    golden = same_cases(*(of_sets(found.get(gate.system, []), "golden") for found in (now, before)))
    sections = {
        "Scores": answers.scores_section(now, before, params, gate.min_effect),
        "Golden cases that flipped": answers.flips_section(golden, gate.system),
        "Slices": answers.slices_compared(pairs, params),
        "Safety": answers.safety_section(now, before, params),
        "Parameters": changes.params_section(new, old),
        "Data": data_compared(new, old),
        "Leakage check": changes.leakage_compared(new, old),
        "Speed and size": changes.bench_section(new, old),
        "Loss": changes.loss_section(new, old),
    }
    lines = [MARK, *verdict_lines(now, before, gate, params)]
    released = (found.get(gate.system, []) for found in (now, before))
    said = [*warnings(new, old, params.primary), *moved_test(*released)]
    lines += [line for one in said for line in ("", "> [!WARNING]", f"> {one}")] + [""]
    lines.append(f"Against the merge base {old.name}, by `python -m review.compare`.")
    return Comment(lines, sections)


def fitted(comment: Comment) -> str:
    """Drop sections that would exceed the maximum length of a comment."""
    text, left_out = "\n".join(comment.head) + "\n", []
    for title, body in comment.sections.items():
        section = "\n".join(["", f"### {title}", "", *body, ""])
        if len(text) + len(section) <= _LONGEST:
            text += section
        else:
            left_out.append(title)
    if left_out:
        text += f"\nLeft out because of the maximum length of a comment: {', '.join(left_out)}.\n"
    return text


def main() -> None:
    parser = CommandLine("review.compare", __doc__)
    about = "a branch or commit, such as origin/main; default: origin's default branch"
    parser.add_argument("base", metavar="BASE", nargs="?", default="", help=about)
    base = merge_base(parser.parse_args().base)
    refuse_while_at_work()
    print(fitted(comment(Version(), Version(base))), end="")


if __name__ == "__main__":
    run(main, arguments=True)
