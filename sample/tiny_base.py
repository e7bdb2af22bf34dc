"""Make the embedded base: a small Qwen3-style model trained from scratch on text of our own.

    python -m sample.tiny_base [--steps N] [--minutes M] [--out FOLDER]

reads   sample/lexicon/*.txt, sample/chat_template.jinja
writes  the project's base/ (config, weights, tokenizer, chat template); base/README.md is by hand

On one thread the result is the same, bit for bit, on the same kind of processor; the sha256 of the
weights is checked against sample/tiny_base.sha256.
"""

import argparse
import hashlib
import random
import shutil
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import torch
from torch.nn.functional import cross_entropy
from transformers import GenerationConfig, Qwen2Tokenizer, Qwen3Config, Qwen3ForCausalLM

from sample.corpus import Chat, Corpus
from sample.lexicon import read_words
from sample.tiny_tokenizer import MAX_LENGTH, build_tokenizer

REPO = Path(__file__).resolve().parent.parent
PROJECT = REPO / "{{cookiecutter.project_slug}}"
HASH_FILE = Path(__file__).with_name("tiny_base.sha256")

SEED = 1
VOCAB = 6144
TOKENIZER_EPISODES = 20_000
WORDS_WEIGHT = 300  # how often the list of common words is read beside the episodes
STEPS = 12_000
BATCH = 16
POOL = 32  # batches drawn at once and sorted by length: less padding
PEAK_RATE = 2e-3
WARMUP = 100  # steps
WHOLE_TEXT = 600  # the first steps learn the prompts too, the rest only the answers
DECAY = 0.25  # the last part of the budget, over which the learning rate falls to nothing
CONFIG = {
    "hidden_size": 256,
    "intermediate_size": 512,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 64,
    "max_position_embeddings": MAX_LENGTH,
    "tie_word_embeddings": True,
}

Example = tuple[list[int], list[int]]  # token ids, 1 where the assistant speaks


def make_tokenizer() -> Qwen2Tokenizer:
    """Learn the tokenizer from episodes of another seed, with their roles, and common words."""
    template = (Path(__file__).with_name("chat_template.jinja")).read_text("utf-8")
    turns = [turn for chat in islice(Corpus(SEED + 1), TOKENIZER_EPISODES) for turn in chat]
    texts = [f"{turn['role']}\n{turn['content']}" for turn in turns]
    texts += [" " + " ".join(read_words())] * WORDS_WEIGHT
    return build_tokenizer(texts, VOCAB, template)


def encode(chats: list[Chat], tokenizer: Qwen2Tokenizer) -> list[Example]:
    """Token ids and assistant masks of chats."""
    out = tokenizer.apply_chat_template(
        chats, tokenize=True, return_dict=True, return_assistant_tokens_mask=True
    )
    return list(zip(out["input_ids"], out["assistant_masks"], strict=True))


def batches(tokenizer: Qwen2Tokenizer) -> Iterator[list[Example]]:
    """Endless batches of examples of like length."""
    corpus, rng = iter(Corpus(SEED)), random.Random(SEED)
    while True:
        pool = encode(list(islice(corpus, BATCH * POOL)), tokenizer)
        pool.sort(key=lambda example: len(example[0]))
        starts = list(range(0, len(pool), BATCH))
        rng.shuffle(starts)
        yield from (pool[start : start + BATCH] for start in starts)


def loss_of(model: Qwen3ForCausalLM, batch: list[Example], whole_text: bool) -> torch.Tensor:
    """Mean loss over the answers, or over everything. Right padding needs no attention mask."""
    rows = [torch.tensor(ids) for ids, _ in batch]
    ids = torch.nn.utils.rnn.pad_sequence(rows, batch_first=True)
    masks = [torch.tensor([1] * len(ids) if whole_text else mask) for ids, mask in batch]
    wanted = torch.nn.utils.rnn.pad_sequence(masks, batch_first=True)[:, 1:].bool()
    hidden = model.model(input_ids=ids[:, :-1], use_cache=False).last_hidden_state
    return cross_entropy(model.lm_head(hidden[wanted]), ids[:, 1:][wanted])


def rate(done: float, step: int) -> float:
    """Learning rate: warm-up, a plateau, then a line down to nothing (done: of the budget)."""
    return PEAK_RATE * min(1.0, (step + 1) / WARMUP, (1 - done) / DECAY)


def train(
    model: Qwen3ForCausalLM, tokenizer: Qwen2Tokenizer, steps: int, minutes: float | None
) -> None:
    """A plain loop; a budget in minutes replaces the one in steps."""
    optimizer = torch.optim.AdamW(model.parameters(), betas=(0.9, 0.95), weight_decay=0.1)
    stream, begin, shown = batches(tokenizer), time.monotonic(), 0.0
    step, done = 0, 0.0
    while done < 1:
        optimizer.param_groups[0]["lr"] = rate(done, step)
        loss = loss_of(model, next(stream), step < WHOLE_TEXT)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        step, spent = step + 1, time.monotonic() - begin
        done = spent / (60 * minutes) if minutes else step / steps
        if spent - shown > 10 or done >= 1:
            shown = spent
            print(f"{done:4.0%}  step {step}  loss {loss.item():.3f}  {spent:.0f} s", flush=True)


def save(model: Qwen3ForCausalLM, tokenizer: Qwen2Tokenizer, out: Path) -> None:
    """Write the folder; weights in bfloat16 to stay small, files readable by all."""
    model.generation_config = GenerationConfig(
        eos_token_id=tokenizer.eos_token_id, pad_token_id=tokenizer.pad_token_id, do_sample=False
    )
    model.to(torch.bfloat16).save_pretrained(out)
    tokenizer.save_pretrained(out)
    shutil.copyfile(Path(__file__).with_name("chat_template.jinja"), out / "chat_template.jinja")
    for file in out.iterdir():
        file.chmod(0o644)


def check_hash(weights: Path) -> None:
    """Compare the weights with the ones that ship."""
    digest = hashlib.sha256(weights.read_bytes()).hexdigest()
    same = digest == HASH_FILE.read_text("utf-8").split()[0]
    print(f"sha256 {digest} {'as recorded' if same else 'NOT as recorded'}")
    if not same:
        print("warning: another kind of processor or torch build rounds differently; on the same")
        print("one this means that the script or the word lists changed: record the new hash")


def main() -> None:
    """Train and write the base."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--minutes", type=float, help="stop by the clock (another hash each time)")
    parser.add_argument("--out", type=Path, default=PROJECT / "base")
    args = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(SEED)
    tokenizer = make_tokenizer()
    config = Qwen3Config(
        vocab_size=len(tokenizer),
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        **CONFIG,
    )
    model = Qwen3ForCausalLM(config)
    print(f"{model.num_parameters() / 1e6:.2f} M parameters, {len(tokenizer)} tokens")
    train(model, tokenizer, args.steps, args.minutes)
    save(model, tokenizer, args.out)
    check_hash(args.out / "model.safetensors")


if __name__ == "__main__":
    main()
