"""The README is short, and its map shows the folders that are there."""

import re
from pathlib import Path

from tests.stages.test_dvc_yaml import ROOMS, STAGES

TEXT = Path("README.md").read_text(encoding="utf-8")
MAP = TEXT.split("```text\n")[1].split("```")[0]
HAND_MADE = {"base", "data", "docs", "evals"}  # folders with no code of ours


def packages(folder: str) -> set[str]:
    """The Python packages directly in a folder."""
    return {path.parent.name for path in Path(folder).glob("*/__init__.py")}


def test_the_readme_is_short() -> None:
    assert len(TEXT.splitlines()) <= 140


def test_the_map_has_every_top_folder_and_no_other() -> None:
    assert set(re.findall(r"^(\w+)/ ", MAP, re.MULTILINE)) == packages(".") | HAND_MADE
    assert all(Path(folder).is_dir() for folder in HAND_MADE)


def test_the_map_has_every_room_from_the_bottom_up() -> None:
    rooms = re.findall(r"^  (\w+)/ ", MAP, re.MULTILINE)
    assert rooms == list(ROOMS)
    assert set(rooms) == packages("lib")


def test_the_map_names_files_that_are_there() -> None:
    here = ""
    for line in MAP.splitlines():
        if named := re.match(r"(  )?(\w+)/ ", line):
            here = f"lib/{named[2]}" if named[1] else named[2]
        for file in re.findall(r"\b\w+\.(?:py|jsonl|md)\b", line):
            assert list(Path(here).glob(file)) or file == "params.py", f"{here}: {file}"


def test_the_diagram_shows_every_stage_that_makes_a_result() -> None:
    diagram = TEXT.split("```mermaid\n")[1].split("```")[0]
    pages = {"data_spec", "eval_plan", "training_plan", "deployment_plan", "eval_page"}
    shown = set(STAGES) - pages - {"monitor_reference"}
    assert shown <= set(re.findall(r"\w+", diagram))


def test_every_link_between_documents_leads_somewhere() -> None:
    for page in [Path("README.md"), *Path("docs").glob("*.md"), Path("data/README.md")]:
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page}: {target}"
