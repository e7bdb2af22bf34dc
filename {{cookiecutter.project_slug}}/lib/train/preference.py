"""Train on preferences with trl: DPO learns from pairs, KTO from good or bad answers.

A pair may lack a side (empty text): a single answer labeled good or bad. KTO uses it; DPO leaves it
out.

Several processes do not give exactly the result of one: accelerate fills an incomplete last step
with rows of the first, and KTO compares a row only with others of its process, so that its losses,
also on validation, depend on the batch size.
"""

from collections import Counter
from typing import TYPE_CHECKING, Any

from lib.core.records import (
    Message,
    Record,
    has_side,
    is_pair,
    prompt_of,
    side_of,
    text_of,
)
from lib.model.chat import IGNORED, Example, encode_prompt, with_system
from lib.model.rendered import for_template
from lib.train.adapters import lora_config
from lib.train.attention import without_mask
from lib.train.batches import order
from lib.train.encode import Setup, check_example, naming
from lib.train.launch import world_size
from lib.train.params import TrainParams
from lib.train.trainers import rows_to_train, run_trainer, settings, watchers

if TYPE_CHECKING:
    from datasets import Dataset
    from transformers import PreTrainedModel, Trainer

# trl's columns: prompt with chosen and rejected, or with completion and label.
TrlRow = dict[str, Any]


def learnable(pairs: list[Record], method: str) -> list[Record]:
    """Return the pairs that a method can learn from: dpo needs both sides."""
    if method == "kto":
        return pairs
    return [pair for pair in pairs if has_side(pair, "chosen") and has_side(pair, "rejected")]


def learnt_from(records: list[Record], params: TrainParams) -> list[Record]:
    """Return the records of train that are learnt."""
    chats = [record for record in records if not is_pair(record)]
    pairs = [record for record in records if is_pair(record)]
    return [*chats * params.supervised, *learnable(pairs, params.method) * params.prefers]


def as_chat(pair: Record) -> Record:
    """Turn a pair into a chat with its chosen answer, or the rejected one if it is the only one."""
    copy = pair.copy()
    side = "chosen" if has_side(pair, "chosen") else "rejected"
    copy["messages"] = [*pair["prompt"], side_of(pair, side)]
    return copy


def trl_rows(setup: Setup, pairs: list[Record]) -> list[TrlRow]:
    """Convert pairs to the rows of trl's trainer: a pair each for DPO, a side each for KTO."""
    rows: list[TrlRow] = []
    for pair in learnable(pairs, setup.params.method):
        prompt = with_system(prompt_of(pair), setup.system)
        good, bad = [side_of(pair, "chosen")], [side_of(pair, "rejected")]
        if setup.params.method == "dpo":
            rows.append({"prompt": prompt, "chosen": good, "rejected": bad})
            continue
        sides = [(good, True, "chosen"), (bad, False, "rejected")]
        rows += [
            {"prompt": prompt, "completion": said, "label": label}
            for said, label, side in sides
            if has_side(pair, side)
        ]
    return rows


def for_trl(setup: Setup, rows: list[TrlRow]) -> "Dataset":
    """Convert rows to trl's dataset: turns in the template's form, tools in their own column.

    Stored as JSON: a table would give every call the arguments of all others, as null.
    """
    from datasets import Dataset, Features, Json, List, Value

    ready = []
    for row in rows:
        turns, tools = for_template(setup.tokenizer, row["prompt"])
        ready.append({**row, "prompt": turns, "tools": tools})
        for name in {"chosen", "rejected", "completion"} & row.keys():
            whole, _ = for_template(setup.tokenizer, [*row["prompt"], *row[name]])
            ready[-1][name] = whole[-1:]
    kinds: dict[str, Any] = {name: List(Json()) for name in rows[0]}
    kinds |= {"tools": Json()} | ({"label": Value("bool")} if "label" in rows[0] else {})
    return Dataset.from_list(ready, features=Features(kinds))


def sides_of(row: TrlRow) -> list[list[Message]]:
    """List the answers of a row, one or two, each as a whole chat."""
    return [row[name] for name in ("chosen", "rejected", "completion") if name in row]


def encode_row(setup: Setup, row: TrlRow) -> list[Example]:
    """Encode the texts of a row as trl does; only what follows the prompt is a label.

    Raises UserError where the rendered prompt is not a prefix of the rendered chat.
    """
    prompt = encode_prompt(setup.tokenizer, row["prompt"], setup.system)
    texts = [setup.encode([*row["prompt"], *said]).input_ids for said in sides_of(row)]
    return [Example(ids, [IGNORED] * len(prompt) + ids[len(prompt) :]) for ids in texts]


def encode_pairs(setup: Setup, pairs: list[Record]) -> list[list[Example]]:
    """Encode each row of preference training, one or two texts per row.

    Raises UserError for a pair that trl would truncate or drop, or whose answer has no end token.
    """
    examples = []
    for pair in pairs:
        for row in trl_rows(setup, [pair]):
            with naming(pair):
                found = encode_row(setup, row)
            for example in found:
                check_example(setup, pair, example)
            examples.append(found)
    return examples


def lay_out_pairs(setup: Setup, pairs: list[Record], encoded: list[list[Example]]) -> list[Example]:
    """List the texts of all epochs in training order.

    `encoded` is the result of encode_pairs.
    """
    lengths = [sum(len(example.input_ids) for example in texts) for texts in encoded]
    epochs = setup.params.preference.epochs
    places = lay_out_rows(setup, trl_rows(setup, pairs), lengths, epochs)
    return [example for place in places for example in encoded[place]]


def row_tokens(setup: Setup, row: TrlRow) -> int:
    """Count the tokens of a row."""
    return sum(len(example.input_ids) for example in encode_row(setup, row))


def lay_out_rows(setup: Setup, rows: list[TrlRow], lengths: list[int], epochs: float) -> list[int]:
    """List the rows' indices in training order, for all epochs.

    Rows with the same prompt go into different steps, where it would have too much weight. Also, to
    estimate the KL divergence, trl's KTO scores each prompt with the answer of the previous row in
    its batch: the two sides of a pair must not share a batch.
    """
    params = setup.params
    prompts = [text_of(row["prompt"]) for row in rows]
    batch = params.batch_size * world_size()
    return order(lengths, epochs, batch, params.seed, prompts, params.gradient_accumulation)


def label_weights(rows: list[TrlRow]) -> dict[str, float]:
    """Return KTO's weights of good and bad answers, so that both kinds count equally.

    Equation 8 of Ethayarajh et al., 2024.
    """
    count = Counter(row["label"] for row in rows)
    if len(count) < 2:
        return {}
    good, bad = count[True], count[False]
    return {"desirable_weight": max(1.0, bad / good), "undesirable_weight": max(1.0, good / bad)}


def fit_preference(
    setup: Setup, model: "PreTrainedModel", pairs: dict[str, list[Record]]
) -> "Trainer":
    """Train by DPO or KTO on pairs["train"], and validate on pairs["val"].

    A new adapter is trained, and the model without it is the reference; or every weight is trained,
    and the reference's log-probabilities are computed before the first step, so that no second
    model takes memory.
    """
    from trl import DPOConfig, DPOTrainer, KTOConfig, KTOTrainer

    params, wanted = setup.params, setup.params.preference
    kto = params.method == "kto"
    rows = {name: trl_rows(setup, found) for name, found in pairs.items()}
    tokens = {name: [row_tokens(setup, row) for row in found] for name, found in rows.items()}
    places = lay_out_rows(setup, rows["train"], tokens["train"], wanted.epochs)
    validated = lay_out_rows(setup, rows["val"], tokens["val"], 1) if rows["val"] else []
    config, trainer_of = (KTOConfig, KTOTrainer) if kto else (DPOConfig, DPOTrainer)
    arguments = config(
        **settings(setup, params.method, wanted.learning_rate, bool(rows["val"])),
        **(label_weights(rows["train"]) if kto else {"loss_type": [wanted.loss]}),
        beta=wanted.beta,
        precompute_ref_log_probs=params.weights == "full",
    )
    drawn = [rows["train"][place] for place in places]
    val = [rows["val"][place] for place in validated]
    with without_mask(model, setup.device):  # the trainer's constructor runs the reference
        trainer: Trainer = trainer_of(
            model=model,
            args=arguments,
            train_dataset=rows_to_train(setup, for_trl(setup, drawn), arguments),
            eval_dataset=for_trl(setup, val) if val else None,
            processing_class=setup.tokenizer,
            peft_config=lora_config(params.lora, model) if params.weights != "full" else None,
            callbacks=watchers(setup, arguments, [tokens["train"][place] for place in places]),
        )
        run_trainer(trainer, params.keep)
    return trainer
