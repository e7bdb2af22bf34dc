"""Preference training, for real, on a handful of pairs."""

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from pydantic import ValidationError
from transformers import Trainer

from lib.core.records import Record
from lib.model.chat import IGNORED
from lib.model.loading import load_model
from lib.runtime.errors import UserError
from lib.train.adapters import merge
from lib.train.encode import Setup
from lib.train.history import training_figures
from lib.train.params import TrainParams
from lib.train.preference import (
    encode_pairs,
    fit_preference,
    label_weights,
    lay_out_pairs,
    lay_out_rows,
    learnt_from,
    trl_rows,
)
from lib.train.preflight import check_data
from tests.toy import pair, train_params
from tests.training import BASE, chats, pairs, same, setup_of, sft, weights_of

pytestmark = pytest.mark.slow


def preferring(method: str, folder: Path, **changes: Any) -> Setup:
    """A setup of preference training with other params in its section."""
    setup = setup_of(method, folder)
    section = setup.params.preference.model_copy(update=changes)
    return replace(setup, params=setup.params.model_copy(update={"preference": section}))


def preference(setup: Setup, train: list[Record]) -> Trainer:
    """The trainer of a preference run, after its start."""
    start = sft(setup) if setup.params.supervised else load_model("base", "float32")
    return fit_preference(setup, start, {"train": train, "val": pairs(3)})


@pytest.mark.parametrize(
    ("method", "start", "weights"),
    [
        ("dpo", "sft", "full"),
        ("dpo", "base", "lora"),
        ("kto", "sft", "lora"),
        ("kto", "base", "full"),
    ],
)
def test_the_good_answer_is_preferred(
    method: str, start: str, weights: str, tmp_path: Path
) -> None:
    setup = preferring(method, tmp_path, start=start, weights=weights)
    history = preference(setup, pairs(16)).state.log_history
    margins = [row["rewards/margins"] for row in history if "rewards/margins" in row]
    assert abs(margins[0]) < 0.01  # the reference is where the training starts
    assert margins[-1] > margins[0]


def tuned_by(loss: str, folder: Path) -> dict[str, torch.Tensor]:
    """The weights that a loss of DPO leads to."""
    setup = preferring("dpo", folder, start="base", loss=loss)
    trainer = preference(setup, pairs(8))
    margins = [row["rewards/margins"] for row in trainer.state.log_history if "loss" in row]
    assert margins[-1] > margins[0]
    return weights_of(merge(trainer, BASE, "dpo", folder / "adapter"))


def test_other_losses_learn_from_the_same_pairs(tmp_path: Path) -> None:
    losses = ("sigmoid", "ipo", "hinge", "apo_zero", "sppo_hard")
    found = [tuned_by(loss, tmp_path / loss) for loss in losses]
    assert not any(same(found[0], other) for other in found[1:])


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"batch_size": 1}, "batch_size 2 or more with method kto"),
        ({"preference": {"loss": "ipo"}}, "preference.loss sigmoid with method kto"),
    ],
)
def test_what_kto_cannot_do_is_refused(changes: dict[str, Any], said: str) -> None:
    params = train_params("kto").model_dump()
    changes = {
        key: params[key] | one if key == "preference" else one for key, one in changes.items()
    }
    with pytest.raises(ValidationError, match=said):
        TrainParams(**params | changes)


def test_lone_good_and_bad_answers_are_learnt_from(tmp_path: Path) -> None:
    setup = preferring("kto", tmp_path, start="base")
    lone = [pair(f"票 {at}", "yes" * (at % 3 == 0), "no" * (at % 3 > 0)) for at in range(12)]
    rows = trl_rows(setup, lone)
    assert [row["label"] for row in rows] == [at % 3 == 0 for at in range(12)]
    assert label_weights(rows) == {"desirable_weight": 2.0, "undesirable_weight": 1.0}
    assert preference(setup, lone).state.global_step == 6


def test_figures_count_what_was_learnt_from(tmp_path: Path) -> None:
    setup = preferring("dpo", tmp_path, start="base")
    end = {"train_runtime": 1.0, "tokens": 9, "step": 1}
    history = [{"loss": 1.0}, end]
    given = [pair("a", "yes", ""), *pairs(2)]
    numbers = training_figures(setup, {"dpo": history}, [], given)
    assert (numbers["records"], numbers["pairs"], numbers["pairs_unused"]) == (2, 2, 1)
    assert "preference_margin" not in numbers
    numbers = training_figures(
        setup, {"dpo": [{"rewards/margins": 0.5, "loss": 1.0}, end]}, [], given
    )
    assert numbers["preference_margin"] == 0.5


@pytest.mark.parametrize(
    ("method", "start", "count"), [("lora", "sft", 1), ("dpo", "sft", 3), ("dpo", "base", 2)]
)
def test_the_card_tells_of_what_is_learnt_from(
    method: str, start: str, count: int, tmp_path: Path
) -> None:
    params = preferring(method, tmp_path, start=start).params
    found = learnt_from([*chats(1), pair("a", "yes", ""), *pairs(2)], params)
    assert len(found) == count


def test_dpo_leaves_a_lone_answer_out(tmp_path: Path) -> None:
    assert len(trl_rows(setup_of("dpo", tmp_path), [pair("a", "yes", ""), *pairs(2)])) == 2


@pytest.mark.parametrize(("method", "weights"), [("dpo", "lora"), ("dpo", "full"), ("kto", "lora")])
def test_resumed_preference_training_ends_in_the_same_bits(
    method: str, weights: str, tmp_path: Path
) -> None:
    def tuned() -> dict[str, torch.Tensor]:
        setup = preferring(method, tmp_path, weights=weights)
        trainer = preference(setup, pairs(10 if method == "dpo" else 5))
        return weights_of(merge(trainer, BASE, method, tmp_path / "adapter"))

    undisturbed = tuned()
    shutil.rmtree(tmp_path / method / "checkpoint-5")
    assert (tmp_path / method / "checkpoint-4").is_dir()
    assert same(undisturbed, tuned())


def test_a_pair_that_would_be_cut_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"record \w+: \d+ tokens, train.max_length is 64"):
        encode_pairs(setup_of("dpo", tmp_path), [pair("ok", "yes", "no " * 99)])


def test_the_page_shows_what_trl_scores(tmp_path: Path) -> None:
    setup = preferring("dpo", tmp_path, start="base")
    laid = lay_out_pairs(setup, pairs(5), encode_pairs(setup, pairs(5)))
    trainer = fit_preference(setup, load_model("base", "float32"), {"train": pairs(5), "val": []})
    assert len(laid) == 2 * 2 * 5
    for good, bad, row in zip(laid[::2], laid[1::2], trainer.train_dataset, strict=True):
        for example, side in ((good, "chosen_ids"), (bad, "rejected_ids")):
            assert example.input_ids == row["prompt_ids"] + row[side]
            assert [one for one in example.labels if one != IGNORED] == row[side]


def test_kto_learns_from_no_two_sides_of_a_pair_in_a_batch(tmp_path: Path) -> None:
    setup = preferring("kto", tmp_path, start="base")
    rows = trl_rows(setup, pairs(16))
    places = lay_out_rows(setup, rows, [9] * 32, 2)
    batches = [{place // 2 for place in places[at : at + 4]} for at in range(0, 64, 4)]
    assert all(len(batch) == 4 for batch in batches)


def test_dpo_without_pairs_says_what_to_add(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="add a source of pairs"):
        check_data(
            {"train": chats(1), "val": []},
            {"train": [], "val": []},
            setup_of("dpo", tmp_path).params,
        )
