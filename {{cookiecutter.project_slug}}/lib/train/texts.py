"""Encode everything a run trains on, and summarize it."""

from dataclasses import dataclass, replace

from lib.core.records import Record
from lib.model.chat import Example
from lib.train.encode import Setup, encode_records
from lib.train.estimate import Load, load_of
from lib.train.layout import lay_out
from lib.train.mask import write_learnt
from lib.train.packing import packed_lengths
from lib.train.params import TrainParams
from lib.train.preference import encode_pairs, lay_out_pairs

Splits = dict[str, list[Record]]  # train and val


@dataclass(frozen=True)
class Texts:
    """The encoded training data: chats, and the texts of each preference row."""

    chats: dict[str, list[Example]]  # by split
    rows: list[list[Example]]  # of train

    def all(self) -> list[Example]:
        """List every text of chats and pairs."""
        chats = [example for examples in self.chats.values() for example in examples]
        return [*chats, *(example for row in self.rows for example in row)]


def encode(setup: Setup, chats: Splits, pairs: Splits) -> Texts:
    """Encode every record; raise UserError for one that would be truncated or not learnt."""
    preferred = pairs if setup.params.prefers else {}
    rows = {name: encode_pairs(setup, found) for name, found in preferred.items()}
    return Texts(
        {name: encode_records(setup, found) for name, found in chats.items()},
        rows.get("train", []),
    )


def sum_loads(params: TrainParams, texts: Texts, processes: int) -> dict[str, Load]:
    """Summarize the load of each training, by its name."""
    lengths = [len(example.input_ids) for example in texts.chats["train"]]
    if params.packing:
        lengths = packed_lengths(lengths, params.max_length)
    phases = {}
    if params.supervised:
        phases["sft"] = load_of(lengths, params.epochs, 1, params, processes)
    if params.prefers:
        lengths = [len(example.input_ids) for row in texts.rows for example in row]
        each = len(texts.rows[0])
        load = load_of(lengths, params.preference.epochs, each, params, processes)
        phases[params.method] = replace(load, reference=True, packed=False)
    return phases


def lay_open(setup: Setup, texts: Texts, pairs: list[Record]) -> None:
    """Write logs/train/learnt.jsonl: for each training the texts of its first step."""
    params, phases = setup.params, {}
    if params.supervised:
        laid = lay_out(setup, texts.chats["train"])
        phases["sft"] = (laid, params.batch_size)
    if params.prefers:
        laid = lay_out_pairs(setup, pairs, texts.rows)
        phases[params.method] = (laid, params.batch_size * len(texts.rows[0]))
    write_learnt(setup.tokenizer, phases)
