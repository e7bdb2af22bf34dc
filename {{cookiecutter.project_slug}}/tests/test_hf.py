"""The engine in this process, on a toy model with random weights."""

import pytest

from lib.engines.hf import answer_all, batches, log_likelihoods, read_prefix

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


SHARED = [7, 3, 9, 4, 8, 2, 6, 5, 3, 2, 9, 9, 4, 5, 6, 7, 8, 3]
PROMPTS = [[*SHARED, 11, 12, 13], [*SHARED, 14], [*SHARED, 11, 15], SHARED + [20] * 9]


def test_a_shared_beginning_is_read_once_and_changes_no_answer(model) -> None:  # type: ignore[no-untyped-def]
    prefix = read_prefix(model, PROMPTS)
    assert prefix is not None
    assert prefix.get_seq_length() == len(SHARED)
    together = [answer.text for answer in answer_all(model, Tokenizer(), PROMPTS, 64, 8)]
    alone = [answer_all(model, Tokenizer(), [prompt], 1, 8)[0].text for prompt in PROMPTS]
    plain = [answer_all(model, Tokenizer(), [p, [33, 34]], 64, 8)[0].text for p in PROMPTS]
    assert together == alone == plain


def test_a_batch_holds_rows_of_like_length_up_to_its_tokens() -> None:
    assert batches([3, 9, 4, 3, 4], 12) == [[1], [2, 4, 0], [3]]
    assert batches([50, 2], 12) == [[0], [1]]  # too long for any batch, and not lost


def test_prompts_with_little_in_common_share_nothing(model) -> None:  # type: ignore[no-untyped-def]
    assert read_prefix(model, [[5, 6, 7], [5, 6, 8]]) is None


def test_log_likelihood_is_the_mean_over_the_answers_tokens(model) -> None:  # type: ignore[no-untyped-def]
    prompt, answer = [5, 6, 7], [8, 9]
    logits = model(torch.tensor([prompt + answer])).logits.log_softmax(-1)[0]
    wanted = (logits[2, 8] + logits[3, 9]) / 2
    assert log_likelihoods(model, [(prompt, answer)])[0] == pytest.approx(wanted.item(), abs=1e-5)
