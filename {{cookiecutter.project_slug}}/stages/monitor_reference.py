"""Write the reference of this release, which `make monitor` compares production logs with.

reads   data/split/{train,val,test}.jsonl, predictions/SYSTEM.jsonl (SYSTEM: gate.system)
writes  reports/monitor/reference.json
"""

from lib.core.config import load
from lib.core.params import TaskParams
from lib.core.records import answer_of, is_pair, prompt_text, read_objects, read_records
from lib.monitoring.params import MonitorParams
from lib.monitoring.reference import REFERENCE, build_reference, write_reference
from lib.release.params import GateParams
from lib.runtime.errors import run


def prompts_of_split(split: str) -> list[str]:
    """List the prompts of the chats of a split, without pairs."""
    records = read_records(f"data/split/{split}.jsonl")
    return [prompt_text(record) for record in records if not is_pair(record)]


def task_labels(task: TaskParams) -> set[str]:
    """List the allowed answers of a label task, from the data where the task names none."""
    if task.output != "label":
        return set()
    return set(task.labels) or {
        answer_of(record)
        for record in read_records("data/split/train.jsonl")
        if not is_pair(record)
    }


def main() -> None:
    """Run the stage."""
    task, system = load("task", TaskParams), load("gate", GateParams).system
    answers = list(read_objects(f"predictions/{system}.jsonl"))
    held_out = prompts_of_split("val") + prompts_of_split("test")
    embedding = load("monitor", MonitorParams).embedding
    train, labels = prompts_of_split("train"), task_labels(task)
    reference = build_reference(system, train, held_out, answers, task, labels, embedding)
    write_reference(reference)
    print(f"monitor_reference: {REFERENCE}: {system}, {len(answers)} answers")


if __name__ == "__main__":
    run(main)
