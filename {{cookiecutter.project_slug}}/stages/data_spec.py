"""Describe the data on one page for a review, from artifacts so that it is always current.

reads   params.yaml, data/README.md, data/raw, metrics/{curate,dedup,split}.json,
        reports/leakage.json, data/split/train.jsonl
writes  reports/data_spec.md, reports/data_spec/*.svg
"""

import json
from pathlib import Path
from typing import Any

from lib.core.config import load
from lib.core.leakage_check import LeakageCheck, read_leakage_check
from lib.core.records import read_records
from lib.curate.params import CurateParams, DataParams, Source
from lib.curate.sources import find_files
from lib.report.charts import stacked_bars
from lib.report.markdown import cell, sections, table
from lib.runtime.errors import UserError, run
from lib.runtime.files import atomic_folder, atomic_text, read_json, sha256
from lib.similarity.params import DedupParams, SplitParams

README = Path("data/README.md")
PICTURES = Path("reports/data_spec")
_SPLITS = ("train", "val", "test")
STAGES = ("curate", "dedup", "split")
SLICES = {"scenarios": "scenario", "languages": "language", "tags": "edge-case tag"}
_NAMED = 3  # sources listed for a reason; metrics/*.json have them all
_BARS = 40  # values in a chart, the most frequent ones


def largest_first(counts: dict[str, int]) -> list[tuple[str, int]]:
    """Sort names and counts, largest first, equal counts in alphabetical order."""
    return sorted(counts.items(), key=lambda one: (-one[1], one[0]))


def spec_glance(stages: dict[str, dict[str, Any]], check: LeakageCheck) -> list[str]:
    """Write what a reviewer asks first."""
    first, last = stages["curate"]["rows_in"], stages["split"]["rows_kept"]
    licenses = sorted({one for name in _SPLITS for one in stages["split"][name]["licenses"]})
    rows = [
        ["rows read", f"{first:,} from {len(stages['curate']['sources'])} files"],
        ["rows kept", f"{last:,} ({last / first:.1%}); all others are counted below"],
        ["split", ", ".join(f"{name} {stages['split'][name]['rows']:,}" for name in _SPLITS)],
        ["licenses of the rows kept", ", ".join(licenses)],
        ["personal data", f"{sum(stages['curate']['pii'].values()):,} spans masked"],
        ["train rows that leak held-out rows", f"{check.leaks}, checked below"],
    ]
    return table(["what", "answer"], rows)


def _files_of(data: DataParams) -> list[tuple[Source, str]]:
    """Yield each file with its source."""
    return [
        (source, path.as_posix()) for source, paths in find_files(data.sources) for path in paths
    ]


def sources_section(
    data: DataParams, curate: CurateParams, stages: dict[str, dict[str, Any]]
) -> list[str]:
    """Write where the rows come from, their licenses, and how many are kept."""
    rows = []
    for source, file in _files_of(data):
        read = stages["curate"]["sources"][file]["rows_in"]
        kept = stages["split"]["sources"].get(file, {"rows_kept": 0})["rows_kept"]
        terms = [source.license, source.consent.replace("_", " "), source.split or "drawn"]
        rows.append([cell(file), *terms, f"{read:,}", f"{kept:,}"])
    return [
        *table(["file", "license", "consent", "split", "rows read", "rows kept"], rows),
        "",
        f"Allowed licenses: {', '.join(curate.licenses)}. Consent: given by the authors, or not "
        "needed (no person's words, or published under such a license).",
    ]


def unused_section(data: DataParams, curate: dict[str, Any]) -> list[str]:
    """Write which columns nothing reads, and which are ignored by `ignore`."""
    rows = [
        [cell(file), cell(name), f"{count:,}"]
        for file, names in curate["unused"].items()
        for name, count in largest_first(names)
    ]
    ignored = {name: None for source in data.sources for name in source.ignore}
    said = f"Ignored by `ignore`: {', '.join(map(cell, ignored)) or 'nothing'}."
    if not rows:
        return [f"All columns with values are read. {said}"]
    return [*table(["file", "column", "kept rows with it"], rows), "", said]


def drops_section(stages: dict[str, dict[str, Any]]) -> list[str]:
    """Write every reason for dropped rows, its stage, and the sources with most of them."""
    rows = []
    for stage, metrics in stages.items():
        for reason, count in largest_first(metrics["dropped"]):
            hit = {
                file.removeprefix("data/raw/"): account["dropped"].get(reason, 0)
                for file, account in metrics["sources"].items()
            }
            most = [f"{cell(name)} {number:,}" for name, number in largest_first(hit) if number]
            more = f" and {len(most) - _NAMED} more" if len(most) > _NAMED else ""
            rows.append([stage, cell(reason), f"{count:,}", ", ".join(most[:_NAMED]) + more])
    changed = stages["curate"]["changed"]
    kept = ", ".join(f"{name} {count:,}" for name, count in largest_first(changed))
    return [
        *table(["stage", "reason", "rows", "from"], rows),
        "",
        "Row by row: `data/rejected.jsonl` (curate), `data/duplicates.jsonl` (dedup). "
        f"Kept, but changed: {kept or 'none'}.",
    ]


def pii_section(params: CurateParams, curate: dict[str, Any]) -> list[str]:
    """Write which personal data was searched for and how much was found."""
    counts = dict.fromkeys(params.pii.entities, 0) | curate["pii"]
    rows = [[name, f"{count:,}"] for name, count in largest_first(counts)]
    names = (
        "Names and postal addresses are not searched for: that needs a model (`curate.pii.ner`)."
    )
    if params.pii.ner:
        names = f"Names are searched for with the model {params.pii.ner}."
    return [*table(["kind", "spans masked"], rows), "", names]


def duplicates_section(params: DedupParams, dedup: dict[str, Any]) -> list[str]:
    """Write how many rows were dropped as copies, and by which thresholds."""
    return [
        f"{sum(dedup['dropped'].values()):,} rows were dropped. Rows are copies when prompt and "
        f"answer have a Jaccard similarity of {params.threshold} or more ({params.ngram}-grams of "
        f"words); one of two copies stays. A row with a similarity of {params.evals_threshold} or "
        "more to a case in `evals/`, or that quotes one, is always dropped. Pairs of rows with "
        "similar prompts "
        f"and different answers, both kept: {dedup['conflicting_pairs']:,}.",
        *shared_text(dedup),
    ]


def shared_text(dedup: dict[str, Any]) -> list[str]:
    """Write the text that many prompts of a source share, which comparisons ignore."""
    if not dedup["shared_text"]:
        return []
    rows = [
        [
            cell(source),
            f"{one['words']:.0%}",
            f"{one['sharing']:,} of {one['prompts']:,}",
            cell(one["text"]),
        ]
        for source, one in dedup["shared_text"].items()
    ]
    return [
        "",
        "Text that many prompts of a source share was ignored, here and in the split:",
        "",
        *table(["source", "share of all words", "prompts with it", "the commonest"], rows),
    ]


def slice_section(key: str, split: dict[str, Any], folder: Path) -> list[str]:
    """Write a chart and a table of the rows by scenario, language or tag."""
    names = {name for part in _SPLITS for name in split[part][key]}
    found = {name: [split[part][key].get(name, 0) for part in _SPLITS] for name in names}
    if not found:
        return ["No row has one."]
    ranked = [name for name, _ in largest_first({name: sum(found[name]) for name in names})]
    title = f"Rows by {SLICES[key]}"
    title += f", the {_BARS} most frequent of {len(ranked)}" if len(ranked) > _BARS else ""
    bars = {name or "(none)": found[name] for name in ranked[:_BARS]}
    with atomic_text(folder / f"{key}.svg") as file:
        file.write(stacked_bars(title, list(_SPLITS), bars))
    rows = []
    for name in ranked:
        counts = [f"{count:,}" for count in found[name]]
        rows.append([cell(name) or "(none)", *counts, f"{found[name][2] / sum(found[name]):.1%}"])
    picture = f"![{title}]({PICTURES.name}/{key}.svg)"
    return [picture, "", *table([SLICES[key], *_SPLITS, "share in test"], rows)]


def split_section(params: SplitParams, split: dict[str, Any]) -> list[str]:
    """Write the sizes of the splits, and how they were drawn."""
    rows = [
        [name, f"{split[name]['rows'] - split[name]['pairs']:,}", f"{split[name]['pairs']:,}"]
        for name in _SPLITS
    ]
    weights = ", ".join(f"{name} {times}" for name, times in params.balance.weights.items())
    return [
        *table(["split", "chats", "preference pairs"], rows),
        "",
        f"{split['groups']:,} groups, each in one split, drawn by a hash of its name (seed "
        f"{params.seed}, val {params.val:.0%}, test {params.test:.0%}); near copies follow each "
        f"other. Cap of a scenario in train: {params.balance.cap or 'none'}. Weights: "
        f"{weights or 'none'} ({split['repeats']:,} rows of train are repeats).",
    ]


def leakage_section(check: LeakageCheck) -> list[str]:
    """Write what train was compared with, and what was found."""
    removed = ", ".join(f"{count} {kind}" for kind, count in check.removed.items())
    rows = [[cell(name), f"{one.rows:,}"] for name, one in check.compared.items()]
    return [
        "After the split, an exact search compared every row of train with every row of the other "
        f"files: the same text, a Jaccard similarity of {check.threshold} or more "
        f"({check.ngram}-grams of words), {check.contained:.0%} of a prompt's 13-grams in "
        f"one row, the same group. Found: **{check.leaks}**. Removed from train before "
        f"(`on_leak: drop_train`): {removed or 'none'}.",
        "",
        *table(["compared", "rows"], rows),
        "",
        "Train, eval and quantize refuse a file whose hash is not in `reports/leakage.json`.",
    ]


def schema_section(written: str) -> list[str]:
    """Write the table of fields from data/README.md, and the first record of train."""
    first = next(read_records("data/split/train.jsonl"))
    example = json.dumps(first, ensure_ascii=False, indent=2)
    return [written, "", "The first record of train:", "", "```json", example, "```"]


def read_readme() -> dict[str, str]:
    """Read the sections of data/README.md that the spec quotes."""
    try:
        found = sections(README.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(
            f"{README}: not found; it is written by hand: `git checkout -- {README}` restores it"
        ) from None
    except UnicodeDecodeError as error:
        raise UserError(f"{README}: is not UTF-8 ({error.reason}); save it as UTF-8") from None
    for heading in ("One record", "Labeling guidelines"):
        if heading not in found:
            raise UserError(
                f"{README}: the heading '## {heading}' is missing; the data spec needs that section"
            )
    return found


def spec_hashes(data: DataParams, check: LeakageCheck) -> list[str]:
    """Format hashes as `sha256sum --check` reads them."""
    raw = {file: sha256(file) for _, file in _files_of(data)}
    compared = {path: one.sha256 for path, one in check.compared.items()}
    return ["```", *(f"{value}  {path}" for path, value in (raw | compared).items()), "```"]


def main() -> None:
    """Run the stage."""
    data, curate = load("data", DataParams), load("curate", CurateParams)
    stages = {name: read_json(f"metrics/{name}.json") for name in STAGES}
    check, written = read_leakage_check(), read_readme()
    with atomic_folder(PICTURES) as folder:
        slices = {key: slice_section(key, stages["split"], folder) for key in SLICES}
    page = {
        "At a glance": spec_glance(stages, check),
        "Sources": sources_section(data, curate, stages),
        "What was not used": unused_section(data, stages["curate"]),
        "What was dropped": drops_section(stages),
        "Personal data": pii_section(curate, stages["curate"]),
        "Duplicates": duplicates_section(load("dedup", DedupParams), stages["dedup"]),
        "Scenarios": slices["scenarios"],
        "Languages": slices["languages"],
        "Edge-case tags": slices["tags"],
        "Split": split_section(load("split", SplitParams), stages["split"]),
        "Leakage check": leakage_section(check),
        "Schema": schema_section(written["One record"]),
        "Labeling rules": [written["Labeling guidelines"]],
        "Origin": [written[""].partition("\n")[2].strip()],
        "Hashes (sha256)": spec_hashes(data, check),
    }
    with atomic_text("reports/data_spec.md") as file:
        file.write(
            "# Data spec\n\nWritten by `stages/data_spec.py`: do not edit, changes are "
            "overwritten.\n"
        )
        for title, lines in page.items():
            file.write("\n".join(["", f"## {title}", "", *lines, ""]))
    print("data_spec: reports/data_spec.md")


if __name__ == "__main__":
    run(main)
