"""The engine in this process, on a toy model with random weights."""

import pytest

from lib.engines.answer import Answer
from lib.engines.hf import (
    add_likelihoods,
    answer_all,
    batch_by_length,
    generate,
    log_likelihoods,
    read_prefix,
)

torch = pytest.importorskip("torch")


@pytest.fixture(scope="module")
def model():  # type: ignore[no-untyped-def] # transformers is taken as Any
    from transformers import Qwen3Config, Qwen3ForCausalLM

    torch.manual_seed(1)
    sizes = {"hidden_size": 16, "intermediate_size": 16, "head_dim": 8, "vocab_size": 50}
    heads = {"num_attention_heads": 2, "num_key_value_heads": 1, "num_hidden_layers": 2}
    return Qwen3ForCausalLM(Qwen3Config(**sizes, **heads, pad_token_id=0, eos_token_id=1)).eval()


class Tokenizer:
    """Ids are their own text."""

    pad_token_id, eos_token_id = 0, 1

    def decode(self, ids: list[int], **_: bool) -> str:
        return " ".join(map(str, ids))

    def encode(self, text: str, add_special_tokens: bool = True) -> list[int]:
        return [2] * add_special_tokens + list(map(int, text.split()))


SHARED = [7, 3, 9, 4, 8, 2, 6, 5, 3, 2, 9, 9, 4, 5, 6, 7, 8, 3]
PROMPTS = [[*SHARED, 11, 12, 13], [*SHARED, 14], [*SHARED, 11, 15], SHARED + [20] * 9]


@pytest.mark.parametrize("batch_tokens", [1, 64, 999])
def test_a_shared_beginning_changes_no_answer(model, batch_tokens: int) -> None:  # type: ignore[no-untyped-def]
    prefix = read_prefix(model, PROMPTS)
    assert prefix is not None
    assert prefix.get_seq_length() == len(SHARED)
    wanted = [generate(model, Tokenizer(), [prompt], 12)[0] for prompt in PROMPTS]
    found = answer_all(model, Tokenizer(), PROMPTS, batch_tokens, 12)
    assert [answer.text for answer in found] == [" ".join(map(str, ids)) for ids in wanted]
    assert [answer.finish for answer in found] == [
        "stop" if len(ids) < 12 else "length" for ids in wanted
    ]


def test_what_a_base_samples_and_punishes_by_default_changes_no_answer(model) -> None:  # type: ignore[no-untyped-def]
    from transformers import GenerationConfig

    wanted = generate(model, Tokenizer(), PROMPTS, 12)
    own = {"repetition_penalty": 3.0, "no_repeat_ngram_size": 1, "suppress_tokens": wanted[0][:1]}
    model.generation_config = GenerationConfig(eos_token_id=[1], min_new_tokens=12, **own)
    assert generate(model, Tokenizer(), PROMPTS, 12) == wanted
    assert model.generation_config.eos_token_id == [1]


def test_a_batch_holds_rows_of_like_length_up_to_its_tokens() -> None:
    assert batch_by_length([30, 90, 40, 30, 39], 120) == [[1], [2, 4], [0, 3]]
    assert batch_by_length([10, 10, 10], 20) == [[0, 1], [2]]
    assert batch_by_length([50, 2], 12) == [[0], [1]]  # too long for any batch, and not lost


def test_prompts_that_begin_otherwise_share_nothing(model) -> None:  # type: ignore[no-untyped-def]
    prompts = [[5, 6, 7], [6, 6, 8]]
    assert read_prefix(model, prompts) is None
    wanted = [generate(model, Tokenizer(), [prompt], 4)[0] for prompt in prompts]
    found = answer_all(model, Tokenizer(), prompts, 64, 4)
    assert [answer.text for answer in found] == [" ".join(map(str, ids)) for ids in wanted]


def test_log_likelihood_is_the_mean_over_the_answers_tokens(model) -> None:  # type: ignore[no-untyped-def]
    prompt, answer = [5, 6, 7], [8, 9]
    logits = model(torch.tensor([prompt + answer])).logits.log_softmax(-1)[0]
    wanted = (logits[2, 8] + logits[3, 9]) / 2
    assert log_likelihoods(model, [(prompt, answer)])[0] == pytest.approx(wanted.item(), abs=1e-5)


def test_what_is_scored_is_the_answer_with_its_end_and_no_other_special_token(model) -> None:  # type: ignore[no-untyped-def]
    prompts, answers = [[5, 6, 7], [5]], [Answer("no", 3, 1, "stop"), Answer("", 1, 1, "stop")]
    found = add_likelihoods(model, prompts, [[8, 9, 1], [4, 1]], answers)
    wanted = log_likelihoods(model, [([5, 6, 7], [8, 9, 1]), ([5], [4, 1])])
    assert [one.log_likelihood for one in found] == pytest.approx(wanted)
    assert [one.text for one in found] == ["no", ""]
