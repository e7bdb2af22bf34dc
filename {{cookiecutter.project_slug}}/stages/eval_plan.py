"""Describe on one page how models are judged: sets, limits, and the power of the sets.

reads   params.yaml, evals/{golden,adversarial}.jsonl, data/split/test.jsonl, reports/leakage.json
writes  reports/eval_plan.md
"""

from collections import Counter

from lib.cases.cases import golden_cases
from lib.cases.evals import ADVERSARIAL, GOLDEN, read_adversarial, read_golden, unread_keys
from lib.cases.groups import components
from lib.cases.systems import SYSTEMS
from lib.core.config import load
from lib.core.leakage_check import require_checked
from lib.core.params import TaskParams
from lib.core.records import Record, is_pair, read_records
from lib.engines.params import AnswerParams, DeployParams, check_tools
from lib.evaluate.params import EvalParams
from lib.evaluate.predictions import check_slice, slices_of
from lib.evaluate.scoring import CATEGORIES
from lib.evaluate.stats import FEWEST, cases_needed, smallest_detectable, wilson_interval
from lib.release.params import GateParams
from lib.report.enough import hopeless
from lib.report.markdown import cell, table
from lib.runtime.errors import run
from lib.runtime.files import atomic_text, sha256
from lib.similarity.params import SplitParams

_TEST = "data/split/test.jsonl"
_COUNTED = ("golden", "test", "refuse", "answer")
DIFFER = (0.05, 0.1, 0.2, 0.4)  # shares of cases on which two systems differ
_ABOUT = {
    "base": "the base model with only the system prompt (zero-shot)",
    "few_shot": "the base model with the same examples before every question",
    "retrieval": "the base model with the training examples most similar to the question",
    "tuned": "the fine-tuned model",
    "quantized": "the fine-tuned model, quantized",
    "endpoint": "a hosted model, set by `answer.endpoint`",
}


def sets_section(
    groups: dict[str, list[str]], kinds: Counter[str], split: SplitParams
) -> list[str]:
    """Write the sets of cases, their origin, and the hash that fixes each."""
    origin = {
        "golden": "written and reviewed by people, in git; fixed",
        "test": f"drawn by group from the data ({split.test:.0%}, seed {split.seed})",
        "adversarial": "written by people against evals/refusal_policy.md, in git; fixed",
    }
    paths = {"golden": str(GOLDEN), "test": _TEST, "adversarial": str(ADVERSARIAL)}
    rows = [
        [name, f"{len(found):,}", f"{len(set(found)):,}", origin[name], sha256(paths[name])[:16]]
        for name, found in groups.items()
    ]
    attacks = ", ".join(f"{cell(kind)} {count}" for kind, count in sorted(kinds.items()))
    return [
        *table(["set", "cases", "groups", "origin", "sha256, first 16"], rows),
        "",
        "Cases of one group (a customer, a thread, near copies; golden cases with the same "
        "question) are not independent, which widens intervals. Kinds of adversarial cases: "
        f"{attacks or 'none'}. The leakage check found none of the three sets in train "
        "(reports/leakage.json), and eval refuses any other file.",
    ]


def slices_section(sizes: Counter[str]) -> list[str]:
    """Write how many golden cases each slice has."""
    counts = sorted(sizes.items(), key=lambda one: (-one[1], one[0]))
    rows = [[cell(name), str(n), "yes" if n >= FEWEST else "too few"] for name, n in counts]
    return [
        *table(["slice", "golden cases", "tested for regressions"], rows),
        "",
        f"A slice of fewer than {FEWEST} cases is reported but not tested: any change could be "
        "chance. P-values of slices are corrected for multiple tests (Holm).",
    ]


def limits_section(
    gate: GateParams, groups: dict[str, list[str]], kinds: dict[str, int], slices: Counter[str]
) -> list[str]:
    """Write the limits of the gate, and the weakest result that passes each with these cases."""
    quality, safety = gate.quality, gate.safety
    golden, test = len(set(groups["golden"])), len(set(groups["test"]))
    rows = [
        ["golden score", f"at least {quality.golden:.1%}", fewest_right(golden, quality.golden)],
        ["test score", f"at least {quality.test:.1%}", fewest_right(test, quality.test)],
    ]
    for name, limit in quality.slices.items():
        cases = sum(slices[f"{what} {name}"] for what in ("scenario", "language", "tag"))
        needed = fewest_right(cases, limit)
        rows.append([f"golden score of {cell(name)}", f"at least {limit:.1%}", needed])
    rows += [
        ["gain over the best prompted system", f"at least {quality.gain:.1%}", "by its interval"],
        ["loss by quantization", f"at most {quality.quantization_loss:.1%}", "by its interval"],
    ]
    for name, cases, limit in (
        ("format errors", golden, quality.format_errors),
        ("unsafe", kinds["refuse"], safety.unsafe),
        ("over-refusal", kinds["answer"], safety.over_refusal),
    ):
        rows.append([name, f"at most {limit:.1%}", most_failures(cases, limit)])
    rows += [
        ["leaks", f"at most {safety.leaks}", "counted"],
        ["first token, p95", f"at most {gate.latency.ttft_ms_p95:g} ms", "measured"],
        ["request, p95", f"at most {gate.latency.e2e_ms_p95:g} ms", "measured"],
        ["1,000 requests", f"at most {gate.cost.per_1000_requests:g}", "measured"],
        ["size against tuned", f"at most {gate.size:.0%}", "measured"],
    ]
    return [
        *table(["check", "limit", "passes with"], rows),
        "",
        f"`{gate.system}` is judged. A check passes if its whole 95 % interval is within the "
        "limit, fails if the whole interval is outside, and is inconclusive otherwise: more "
        f"cases are needed. With fewer than {FEWEST} independent cases it is always inconclusive.",
    ]


def fewest_right(cases: int, limit: float) -> str:
    """Return the number of right answers from which `at least limit` passes with these cases."""
    passing = [hits for hits in range(cases + 1) if wilson_interval(hits, cases)[0] >= limit]
    if cases < FEWEST or not passing:
        return f"never: {cases} are too few"
    return f"{passing[0]} of {cases} right, about"


def most_failures(cases: int, limit: float) -> str:
    """Return the number of failures up to which `at most limit` passes with these cases."""
    passing = [hits for hits in range(cases + 1) if wilson_interval(hits, cases)[1] <= limit]
    if cases < FEWEST or not passing:
        return f"never: {cases} are too few"
    return f"at most {passing[-1]} of {cases}"


def power_section(groups: dict[str, list[str]], min_effect: float) -> list[str]:
    """Write the smallest difference that these sets can detect."""
    sizes = {name: len(set(groups[name])) for name in ("golden", "test")}
    sizes["both"] = sum(sizes.values())
    rows = [
        [
            name,
            f"{count:,}",
            *(
                f"{100 * smallest_detectable(count, share):.1f}" if count else ""
                for share in DIFFER
            ),
        ]
        for name, count in sizes.items()
    ]
    head = [f"{share:.0%} of cases differ" for share in DIFFER]
    wanted = f"{100 * min_effect:g}"
    needed = [f"{cases_needed(min_effect, share):,}" for share in DIFFER]
    return [
        "The difference in points that a paired comparison of two systems detects with 80 % power "
        "(two-sided, 5 %), by the share of cases that one has right and the other wrong:",
        "",
        *table(["set", "groups", *head], rows),
        "",
        f"`gate.min_effect` says that {wanted} points matter: detecting that takes about "
        f"{', '.join(needed)} cases. A smaller true difference is reported as `inconclusive`.",
    ]


def metrics_section(task: TaskParams, params: EvalParams) -> list[str]:
    """Write the score, the failure categories and the statistics."""
    return [
        f"Output: {task.output}. The score of a case is `{params.primary}` (`eval.primary`), from "
        "0 to 1; a set's score is the mean. Every answer also falls into one category: "
        f"{', '.join(CATEGORIES)}.",
        "",
        "Intervals of right or wrong: Wilson's, with the effective number of independent cases; "
        "of graded scores: the wider of a bootstrap by group "
        f"({params.bootstrap:,} resamples, seed {params.seed}) and a normal interval with two "
        "extreme cases added. Two systems, or two commits, are compared case by case: McNemar's "
        "exact test, or a sign-flip test by group if groups or graded scores require it, and the "
        "adjusted Wald interval, for graded scores no narrower than the bootstrap's.",
        "",
        "better, worse: p below 0.05 and an interval without 0. no change: no case differs, or "
        "the whole interval is smaller than `gate.min_effect`. inconclusive: anything else, and "
        f"fewer than {FEWEST} independent cases.",
    ]


def has_tools(record: Record) -> bool:
    """Tell whether a record has tools."""
    return bool(record.get("tools"))


def main() -> None:
    """Run the stage."""
    gate, params = load("gate", GateParams), load("eval", EvalParams)
    require_checked(str(GOLDEN), str(ADVERSARIAL), _TEST)
    cases, adversarial = read_golden(), read_adversarial()
    golden = golden_cases(cases)
    records = [record for record in read_records(_TEST) if not is_pair(record)]
    test = components(record["groups"] for record in records)
    for path, tooled in (GOLDEN, [case.tools for case in cases]), (_TEST, map(has_tools, records)):
        if any(tooled):  # reported before hours of training
            check_tools(str(path), load("deploy", DeployParams))
    groups = {"golden": [case["group"] for case in golden], "test": test}
    groups["adversarial"] = [case.id for case in adversarial]
    slices = Counter(name for case in golden for name in slices_of(case))
    for name in gate.quality.slices if golden else ():  # not only in the gate
        check_slice(name, golden)
    expects = Counter[str](case.expect for case in adversarial)
    kinds = Counter(case.kind for case in adversarial)
    endpoint = load("answer", AnswerParams).endpoint
    asked = [name for name in SYSTEMS if name != "endpoint" or endpoint]
    systems = table(["system", "what it is"], [[name, _ABOUT[name]] for name in asked])
    counts = {name: len(set(found)) for name, found in groups.items()} | expects
    sizes = {
        name: sum(slices[f"{what} {name}"] for what in ("scenario", "language", "tag"))
        for name in gate.quality.slices
    }
    never = hopeless(gate, {name: counts.get(name, 0) for name in _COUNTED}, sizes)
    page = {
        "Sets": sets_section(groups, kinds, load("split", SplitParams)),
        "Systems": systems,
        "Metrics": metrics_section(load("task", TaskParams), params),
        "Limits": limits_section(gate, groups, expects, slices),
        "Checks that can never pass": [f"- {one}" for one in never]
        or ["None: every check can pass."],
        "Power": power_section(groups, gate.min_effect),
        "Slices": slices_section(slices),
    }
    with atomic_text("reports/eval_plan.md") as file:
        file.write("# Evaluation plan\n\n")
        file.write("Written by `stages/eval_plan.py`: do not edit, changes are overwritten.\n")
        for title, lines in page.items():
            file.write("\n".join(["", f"## {title}", "", *lines, ""]))
    print("eval_plan: reports/eval_plan.md")
    for path, keys in (GOLDEN, unread_keys(cases)), (ADVERSARIAL, unread_keys(adversarial)):
        if keys:  # such as a right answer under another name
            print(f"{path}: not used: {', '.join(f'{key} ({keys[key]:,} cases)' for key in keys)}")
    for one in never:  # reported before hours of training
        print(f"eval_plan: gate: {one}")


if __name__ == "__main__":
    run(main)
