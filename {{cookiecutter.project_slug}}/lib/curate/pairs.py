"""Read preference pairs: a better and a worse answer to the same question."""

from collections.abc import Callable

from lib.core.params import TaskParams
from lib.curate.chats import asked
from lib.curate.draft import Draft, from_turns
from lib.curate.row import Row
from lib.intake.cells import Reject
from lib.intake.exchange import read_answer
from lib.intake.turns import read_turns, spoken


def from_pair(cells: Row, task: TaskParams) -> Draft:
    """Build a draft from a preference pair.

    Either side is text, one turn, or turns that end with the answer. Raises Reject unless the turns
    before the answer are the same on both sides, and equal the prompt where that has its own
    column.
    """
    cells.unread.pair = True
    sides = [cells.get("chosen"), cells.get("rejected")]
    good, bad = (read_answer(side, cells.unread, task.output == "json") for side in sides)
    turns = cells.get("messages")  # often it holds the better chat as well
    ours = next((name for name in ("prompt", "instruction") if cells.there(name, vacant=True)), "")
    known = bool(ours)
    before = asked(cells, ours) if ours else []
    if not known and len(good) == 1 and turns is not None:
        before, known = read_turns(turns, cells.unread), True
        before = before[:-1] if before[-1:] == good else before
    before = before if known else good[:-1]
    if not before and len(bad) == 1:
        raise Reject("no_prompt")
    for own in (good[:-1], bad[:-1]):
        if spoken(own) != spoken(before) and (own or not known):
            raise Reject("prompts_differ")
    if bad[-1]["role"] != "assistant":
        raise Reject("roles_out_of_order")
    draft = from_turns([*before, good[-1]])
    draft.put("rejected", bad[-1])
    return draft


def beside_rejected(read: Callable[[Row, TaskParams], Draft]) -> Callable[[Row, TaskParams], Draft]:
    """Return a reader of rows that have another shape, plus a column with the rejected answer."""

    def reader(cells: Row, task: TaskParams) -> Draft:
        cells.unread.pair = True
        draft = read(cells, task)
        if draft.lone:
            raise Reject("unread_mapping", "label", "a pair has none")
        bad = read_answer(cells.get("rejected"), cells.unread, task.output == "json")
        if len(bad) > 1 and spoken(bad[:-1]) != draft.prompt:
            raise Reject("prompts_differ")
        if bad[-1]["role"] != "assistant":
            raise Reject("roles_out_of_order")
        draft.put("rejected", bad[-1])
        return draft

    return reader
