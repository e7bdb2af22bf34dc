"""Every method trains for real, on the embedded base and a handful of records."""

import json
import math
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from transformers import Trainer
from trl import SFTTrainer

from lib.chat import IGNORED, encode_prompt
from lib.errors import UserError
from lib.files import write_json
from lib.models import (
    check_folder,
    deterministic,
    load_model,
    load_tokenizer,
    stop_tokens,
    torch_device,
)
from lib.params.base import BaseParams
from lib.params.hardware import HardwareParams
from lib.records import Message, Record
from lib.training.adapters import merge, sort_target_modules, start_model
from lib.training.adapters import start_model as start_model_of_lib
from lib.training.callbacks import stop_at_nan
from lib.training.checkpoints import last_whole
from lib.training.history import measured, timed
from lib.training.mask import share_learnt
from lib.training.packing import check_packing
from lib.training.preference import (
    encode_pairs,
    fit_preference,
    label_weights,
    lay_out_pairs,
    lay_out_rows,
    rows_of,
)
from lib.training.trainers import (
    Setup,
    encode_records,
    fit_sft,
    lay_out,
    settings,
    training_dataset,
)
from stages.train import check_data, check_settings
from tests.toy import chat, pair, train_params

pytestmark = pytest.mark.slow

BASE = BaseParams(model="base", licence="Apache-2.0", dtype="float32")


def setup_of(method: str, folder: Path) -> Setup:
    """A setup that seeds everything and trains for two short epochs."""
    deterministic(1, 1)
    params = train_params(method)  # type: ignore[arg-type]
    tokenizer = load_tokenizer("base")
    return Setup(params, BASE, "", tokenizer, stop_tokens(tokenizer, "base"), "cpu", folder)


def setup_with(folder: Path, **changes: Any) -> Setup:
    """A setup of full fine-tuning with other params."""
    setup = setup_of("full", folder)
    return replace(setup, params=setup.params.model_copy(update=changes))


def setup_with_method(setup: Setup, method: str) -> Setup:
    """The same setup of another method."""
    return replace(setup, params=setup.params.model_copy(update={"method": method}))


def chats(count: int) -> list[Record]:
    return [chat(f"票 {number}", f"answer {number % 2}") for number in range(count)]


def pairs(count: int) -> list[Record]:
    return [pair(f"票 {number}", "yes", "no") for number in range(count)]


def sft_trainer_of(setup: Setup, val: list[Record] | None = None) -> Trainer:
    """The trainer of a supervised run over 10 records: 5 steps, checkpoints at 2, 4 and 5."""
    validated = encode_records(setup, val or chats(3))
    examples = {"train": encode_records(setup, chats(10)), "val": validated}
    return fit_sft(setup, start_model(BASE, setup.params.weights, "cpu"), examples)


def sft(setup: Setup) -> torch.nn.Module:
    """The merged model of that run."""
    return merge(sft_trainer_of(setup), BASE, setup.params.method, setup.folder / "adapter")


def weights_of(model: torch.nn.Module) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in model.state_dict().items()}


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return all(torch.equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize("method", ["lora", "full", "qlora"])
def test_sft_moves_the_weights(method: str, tmp_path: Path) -> None:
    if method == "qlora":
        pytest.importorskip("bitsandbytes")
    tuned = weights_of(sft(setup_of(method, tmp_path)))
    assert not same(weights_of(load_model("base", "float32")), tuned)
    assert (tmp_path / "adapter" / "adapter_model.safetensors").is_file() == (method != "full")


@pytest.mark.parametrize("method", ["lora", "full"])
def test_a_resumed_run_ends_in_the_same_bits(method: str, tmp_path: Path) -> None:
    """It goes on in the second epoch, from the checkpoint before the last."""
    setup = setup_of(method, tmp_path)
    undisturbed = weights_of(sft(setup))
    shutil.rmtree(tmp_path / "sft" / "checkpoint-5")
    assert (tmp_path / "sft" / "checkpoint-4").is_dir()
    assert same(undisturbed, weights_of(sft(setup_of(method, tmp_path))))


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


def test_lone_good_and_bad_answers_are_learnt_from(tmp_path: Path) -> None:
    setup = preferring("kto", tmp_path, start="base")
    lone = [pair(f"票 {at}", "yes" * (at % 3 == 0), "no" * (at % 3 > 0)) for at in range(12)]
    rows = rows_of(setup, lone)
    assert [row["label"] for row in rows] == [at % 3 == 0 for at in range(12)]
    assert label_weights(rows) == {"desirable_weight": 2.0, "undesirable_weight": 1.0}
    assert preference(setup, lone).state.global_step == 6


def test_dpo_leaves_a_lone_answer_out(tmp_path: Path) -> None:
    assert len(rows_of(setup_of("dpo", tmp_path), [pair("a", "yes", ""), *pairs(2)])) == 2


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


@pytest.mark.parametrize(("loss_on", "whole"), [("answer", 0), ("prompt_first", 2), ("all", 4)])
def test_prompts_are_learnt_in_that_part(loss_on: str, whole: int, tmp_path: Path) -> None:
    setup = setup_with(tmp_path, loss_on=loss_on)
    rows = list(training_dataset(setup, encode_records(setup, chats(2))))
    assert [row["labels"] == row["input_ids"] for row in rows] == [i < whole for i in range(4)]


def epoch_loss(setup: Setup, records: list[Record]) -> float:
    """The summed loss of one epoch, at a learning rate too small to change anything."""
    examples = {"train": encode_records(setup, records), "val": []}
    trainer = fit_sft(setup, start_model(BASE, "full", "cpu"), examples)
    learnt = [sum(label != IGNORED for label in row["labels"][1:]) for row in trainer.train_dataset]
    (row,) = [row for row in trainer.state.log_history if "train_loss" in row]
    assert trainer.state.global_step == 1
    return float(row["train_loss"]) * sum(learnt)


@pytest.mark.parametrize("attention", ["sdpa", "eager"])
def test_packed_rows_have_the_loss_of_unpacked_ones(
    attention: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.test_train.start_model", with_attention(attention))
    changes: dict[str, Any] = {"epochs": 1, "learning_rate": 1e-20, "batch_size": 16}
    records = [chat("票 word 🙂 " * (1 + at % 5), f"answer {at}") for at in range(16)]
    apart = epoch_loss(setup_with(tmp_path / "apart", **changes), records)
    packed = setup_with(tmp_path / "packed", **changes, packing=True)
    rows = training_dataset(packed, encode_records(packed, records))
    assert len(rows) < len(records)
    assert epoch_loss(packed, records) == pytest.approx(apart, rel=1e-5)


def with_attention(name: str) -> Callable[..., Any]:
    """start_model with another implementation of attention."""

    def start(base: BaseParams, method: str, device: str) -> Any:
        model = start_model_of_lib(base, method, device)
        model.set_attn_implementation(name)
        return model

    return start


def test_packing_is_refused_where_records_see_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    model = load_model("base", "float32")
    one, other = [5, 6, 7, 8], [9, 10, 11, 12]
    check_packing(model, one, other)
    monkeypatch.setattr("transformers.masking_utils.find_packed_sequence_indices", lambda _: None)
    with pytest.raises(UserError, match="records packed into one row see each other"):
        check_packing(model, one, other)


def test_every_record_is_packed_once(tmp_path: Path) -> None:
    setup = setup_with(tmp_path, packing=True)
    examples = encode_records(setup, chats(9))
    rows = training_dataset(setup, examples)
    lengths = [length for row in rows["seq_lengths"] for length in row]
    assert sorted(lengths) == sorted(2 * [len(example.input_ids) for example in examples])
    assert max(map(len, rows["input_ids"])) <= 64


def test_dataloader_workers_change_no_bit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    alone = weights_of(sft(setup_of("lora", tmp_path / "alone")))

    def with_workers(*args: Any) -> dict[str, Any]:
        return settings(*args) | {"dataloader_num_workers": 2}

    monkeypatch.setattr("lib.training.trainers.settings", with_workers)
    assert same(alone, weights_of(sft(setup_of("lora", tmp_path / "workers"))))


def stopping_early(folder: Path) -> Trainer:
    """A run that learns what its validation records contradict."""
    changes = {"learning_rate": 3e-3, "epochs": 8, "keep": "best", "early_stopping": 2}
    contradicted = [chat(f"票 {number}", "no such thing") for number in range(3)]
    return sft_trainer_of(setup_with(folder, **changes), contradicted)


def test_the_best_checkpoint_is_kept_and_training_stops_early(tmp_path: Path) -> None:
    trainer = stopping_early(tmp_path)
    found = measured(trainer.state.log_history, "best")
    validated = [row["eval_loss"] for row in trainer.state.log_history if "eval_loss" in row]
    assert found["steps"] == found["kept_step"] + 4 < 20
    assert trainer.evaluate()["eval_loss"] == found["val_loss"] == min(validated)


def test_a_run_that_stopped_early_is_not_trained_further(tmp_path: Path) -> None:
    """Killed after its last step, before it was written."""
    first, again = stopping_early(tmp_path), stopping_early(tmp_path)
    assert first.state.global_step == again.state.global_step
    assert same(weights_of(first.model), weights_of(again.model))


def test_word_dropout_blanks_that_share_of_the_prompts_only(tmp_path: Path) -> None:
    setup = setup_with(tmp_path, word_dropout=0.3)
    examples = encode_records(setup, [chat("one two three four five six 七 八 🙂" * 2, "yes")] * 50)
    rows = list(training_dataset(setup, examples))
    special = set(setup.tokenizer.all_special_ids)
    kept = [i for i, token in enumerate(examples[0].input_ids) if token in special]
    prompt = [i for i, label in enumerate(examples[0].labels) if label == IGNORED]
    blank = [[token == setup.tokenizer.pad_token_id for token in row["input_ids"]] for row in rows]
    words = set(prompt) - set(kept)
    assert not any(places[i] for places in blank for i in range(len(blank[0])) if i not in words)
    share = sum(map(sum, blank)) / (len(rows) * len(words))
    assert share == pytest.approx(0.3, abs=0.03)
    assert blank[0] != blank[-1]


def test_merged_answers_like_base_and_adapter(tmp_path: Path) -> None:
    from peft import PeftModel

    setup = setup_of("lora", tmp_path)
    merged = sft(setup)
    apart = PeftModel.from_pretrained(load_model("base", "float32"), str(tmp_path / "adapter"))
    ids = torch.tensor([encode_prompt(setup.tokenizer, [Message(role="user", content="票")], "")])
    with torch.inference_mode():
        difference = (merged(ids).logits - apart(ids).logits).abs().max().item()
    assert difference < 1e-4


def test_loss_on_a_cpu_is_that_of_trl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def first_loss(folder: str) -> float:
        setup = setup_of("full", tmp_path / folder)
        examples = {"train": encode_records(setup, chats(10)), "val": []}
        trainer = fit_sft(setup, start_model(BASE, "full", "cpu"), examples)
        return float(trainer.state.log_history[0]["loss"])

    ours = first_loss("ours")
    monkeypatch.setattr("lib.training.trainers.sft_trainer", lambda device: SFTTrainer)
    assert ours == pytest.approx(first_loss("trl"), rel=1e-5)


def test_a_loss_that_is_no_number_ends_the_run(tmp_path: Path) -> None:
    setup = setup_with(tmp_path, learning_rate=1e30, max_grad_norm=1e30)
    with pytest.raises(UserError, match=r"the (loss|gradient) is (nan|inf) at step \d+; lower"):
        sft(setup)


def test_a_last_loss_that_is_no_number_makes_no_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of 5 steps the first is logged, and those of checkpoints: 2 and 4."""
    real, calls = torch.nn.functional.cross_entropy, []

    def cross_entropy(*args: Any, **named: Any) -> torch.Tensor:
        calls.append(1)
        return real(*args, **named) * (torch.nan if len(calls) == 5 else 1)

    setup = setup_of("full", tmp_path)
    examples = {"train": encode_records(setup, chats(20)), "val": []}
    setup = replace(setup, params=setup.params.model_copy(update={"epochs": 1}))
    monkeypatch.setattr("torch.nn.functional.cross_entropy", cross_entropy)
    with pytest.raises(UserError, match="the loss is nan at step 5; lower"):
        fit_sft(setup, start_model(BASE, "full", "cpu"), examples)
    assert last_whole(tmp_path / "sft") == str(tmp_path / "sft/checkpoint-4")


@pytest.mark.parametrize("name", ["grad_norm", "eval_loss"])
def test_what_else_must_be_a_number(name: str) -> None:
    state = SimpleNamespace(global_step=3)
    with pytest.raises(UserError, match=r"is inf at step 3"):
        stop_at_nan().on_log(SimpleNamespace(output_dir=""), state, None, logs={name: math.inf})


def test_adapter_config_is_written_in_one_order(tmp_path: Path) -> None:
    path = tmp_path / "adapter_config.json"
    write_json(path, {"target_modules": ["v_proj", "k_proj"]})
    sort_target_modules(path)
    assert json.loads(path.read_text(encoding="utf-8")) == {"target_modules": ["k_proj", "v_proj"]}


def test_a_record_that_would_be_cut_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"record \w+: \d+ tokens, train.max_length is 64"):
        encode_records(setup_of("lora", tmp_path), [chat("word " * 99)])


def test_a_pair_that_would_be_cut_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"record \w+: \d+ tokens, train.max_length is 64"):
        encode_pairs(setup_of("dpo", tmp_path), [pair("ok", "yes", "no " * 99)])


def test_a_record_that_is_not_learnt_is_named_and_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    setup = replace(setup_of("lora", tmp_path), stops={7})
    monkeypatch.chdir(tmp_path)
    for encode, record in ((encode_records, chats(1)[0]), (encode_pairs, pairs(1)[0])):
        with pytest.raises(UserError, match=r"record \w+: loss mask: no end.*; reports/mask\.html"):
            encode(setup_with_method(setup, "dpo"), [record])
        page = Path("reports/mask.html").read_text(encoding="utf-8")
        assert "Refused" in page
        Path("reports/mask.html").unlink()


def test_a_template_that_refuses_a_record_names_it(tmp_path: Path) -> None:
    setup = setup_of("lora", tmp_path)
    setup.tokenizer.chat_template = "{{ raise_exception('no roles') }}"
    with pytest.raises(UserError, match=r"record \w+: chat template of the base: no roles"):
        encode_records(setup, chats(1))


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
    rows = rows_of(setup, pairs(16))
    places = lay_out_rows(setup, rows, [9] * 32, 2)
    batches = [{place // 2 for place in places[at : at + 4]} for at in range(0, 64, 4)]
    assert all(len(batch) == 4 for batch in batches)


def test_the_share_that_is_learnt_is_that_of_training(tmp_path: Path) -> None:
    setup = setup_with(tmp_path, loss_on="all")
    assert share_learnt(lay_out(setup, encode_records(setup, chats(3)))) == 1


def test_dpo_without_pairs_says_what_to_add(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="add a source of pairs"):
        check_data(
            {"train": chats(1), "val": []},
            {"train": [], "val": []},
            setup_of("dpo", tmp_path).params,
        )


def test_a_gpu_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    if torch.cuda.is_available():
        pytest.skip("this machine has a GPU")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    with pytest.raises(UserError, match=r"hardware\.device is 'gpu', but torch sees no GPU"):
        torch_device(HardwareParams(device="gpu", threads=1))


def test_bf16_where_the_chip_has_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    setup = replace(setup_of("lora", tmp_path), device="cuda:0")
    for has in (True, False):
        monkeypatch.setattr(
            torch.cuda, "is_bf16_supported", lambda including_emulation, has=has: has
        )
        assert settings(setup, "sft", 1e-3)["bf16"] is has
    base = BASE.model_copy(update={"dtype": "bfloat16"})
    with pytest.raises(UserError, match="bfloat16, which this GPU does not compute in"):
        check_settings(setup.params, base, HardwareParams(device="gpu", threads=1), "cuda:0")


def test_speed_is_that_of_all_trainings_in_this_session() -> None:
    histories = {
        "sft": [{"train_runtime": 1.0, "step": 10, "tokens": 1000}],
        "dpo": [{"train_runtime": 1.0, "step": 4, "tokens": 400}],
    }
    found = timed(histories, {"sft": 10, "dpo": 1}, 10.0)
    assert (found["tokens_per_second"], found["resumed_at_step"]) == (30, 11)


def test_the_rate_of_adapters_is_told_where_every_weight_learns(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    base = BASE.model_copy(update={"model": "org/name"})
    for method, told in (("lora", False), ("full", True)):
        params = setup_of(method, tmp_path).params
        check_settings(params, base, HardwareParams(device="cpu", threads=1), "cpu")
        assert ("learning_rate 0.001 is for adapters" in capsys.readouterr().out) is told


def test_a_model_folder_without_a_model() -> None:
    with pytest.raises(UserError, match="is no model folder"):
        check_folder("models/tuned-by-nobody")
