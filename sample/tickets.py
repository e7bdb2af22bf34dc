"""Write the sample data of the template: raw tickets, preferences, golden and adversarial cases.

writes  <project>/data/raw/*, <project>/data/manifest.json, <project>/evals/*.jsonl

Run `python -m sample.tickets` from the root of the template. The same bytes come out each time.
"""

from collections import Counter
from pathlib import Path
from random import Random

from sample import evals, manifest, plants, preferences
from sample.compose import Ticket
from sample.grow import grow
from sample.rawfiles import FILES, Entry, Layout, entry
from sample.shingles import Index

SEED = "hearthwick-1"
NGRAM = 3  # clean texts are kept apart by three-grams, which is stricter than by five-grams
PROJECT = Path(__file__).parent.parent / "{{cookiecutter.project_slug}}"


def clean_entries(seen: Index) -> list[Entry]:
    """The clean tickets, dealt to the files; a customer's tickets may lie in different files."""
    totals: Counter[str] = Counter()
    for counts in FILES.values():
        totals.update(counts)
    pile: dict[str, list[Ticket]] = {
        language: grow(total, language, SEED, seen) for language, total in totals.items()
    }
    return [
        entry(file, pile[language].pop())
        for file, counts in FILES.items()
        for language, count in counts.items()
        for _ in range(count)
    ]


def build() -> dict[str, str]:
    """Every file by its path inside the project."""
    golden, adversarial = evals.golden(), evals.adversarial()
    seen = Index(NGRAM)
    for case in golden + adversarial:
        seen.add(case["messages"][0]["content"])
    rng = Random(SEED)
    clean = clean_entries(seen)
    planted = plants.plant(clean, golden, rng)
    layout = Layout(clean + planted.entries, planted.unsound, SEED)
    pairs = preferences.build(SEED, seen)
    facts = manifest.describe(layout, clean, planted, pairs, golden, adversarial)
    files = {f"data/raw/{file}": layout.content(file) for file in FILES}
    files["data/raw/preferences.jsonl"] = pairs.content()
    files["data/manifest.json"] = manifest.dumps(facts)
    files["evals/golden.jsonl"] = evals.lines(golden)
    files["evals/adversarial.jsonl"] = evals.lines(adversarial)
    return files


def main() -> None:
    """Write what `build` made."""
    for name, content in build().items():
        path = PROJECT / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
