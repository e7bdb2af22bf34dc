"""Find requests far from all training data, by the embeddings of monitor.embedding.

Unknown words (signals.py) cost nothing and find new products and languages; embeddings also find
new meanings in known words. Train is reduced to a few centroids; a request that is farther from all
of them than 99 % of the held-out prompts counts as distant.
"""

import re
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from lib.runtime.errors import UserError

CENTROIDS, _SAMPLE, SEED = 32, 5000, 1
_BATCH, LONGEST = 64, 256  # texts at a time; tokens of a text that count
WRITTEN = 4  # decimals in the reference
_HUB_ID = re.compile(r"([\w.-]+/[\w.-]+)@([0-9a-f]{40})")

Vectors = npt.NDArray[np.float32]  # one row per text, of length 1


class Distant:
    """The centroids of train, and the usual distance of held-out prompts from them."""

    def __init__(self, model: str, centroids: Vectors, usual: float) -> None:
        self.model, self.centroids, self.usual = model, centroids, usual

    def distances(self, prompts: list[str]) -> Vectors:
        """Compute for each row 1 - the cosine to the nearest centroid."""
        return distances(embed(prompts, self.model), self.centroids)

    def are(self, prompts: list[str]) -> list[bool]:
        """Tell for each prompt whether it is farther than usual."""
        return [bool(value > self.usual) for value in self.distances(prompts)] if prompts else []


def distant_from(model: str, train: list[str], held_out: list[str], usual: float) -> Distant:
    """Fit the centroids of train; the share `usual` of held-out prompts is not distant."""
    from scipy.cluster.vq import kmeans2

    order = np.random.default_rng(SEED).permutation(len(train))[:_SAMPLE]
    vectors = embed([train[index] for index in order], model)
    distinct = np.unique(np.round(vectors, WRITTEN), axis=0)
    count = min(CENTROIDS, len(distinct))
    centroids, _ = kmeans2(distinct, count, minit="++", rng=SEED)
    centroids = np.round(unit(centroids.astype(np.float32)), WRITTEN)
    far = distances(embed(held_out, model), centroids)
    return Distant(model, centroids, round(float(np.quantile(far, usual)), WRITTEN))


def distances(vectors: Vectors, centroids: Vectors) -> Vectors:
    """Compute for each row 1 - the cosine to the nearest centroid."""
    return 1 - (vectors @ centroids.T).max(axis=1)


def unit(vectors: Vectors) -> Vectors:
    """Scale rows to length 1."""
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)


def embed(texts: list[str], model: str) -> Vectors:
    """Embed texts as the mean of their last hidden states, of length 1."""
    import torch

    tokenizer, network = load_embedder(model)
    parts = []
    for at in range(0, len(texts), _BATCH):
        batch = tokenizer(
            texts[at : at + _BATCH],
            padding=True,
            truncation=True,
            max_length=LONGEST,
            return_tensors="pt",
        )
        keep = {key: batch[key] for key in ("input_ids", "attention_mask")}
        with torch.inference_mode():
            states = network(**keep).last_hidden_state.float()
        mask = keep["attention_mask"].unsqueeze(-1)
        parts.append(((states * mask).sum(1) / mask.sum(1).clamp(min=1)).numpy())
    return unit(np.concatenate(parts))


@lru_cache(maxsize=1)
def load_embedder(model: str) -> tuple[Any, Any]:
    """Load (tokenizer, network) of a folder or pinned hub id; safetensors only, no remote code."""
    from transformers import AutoModel, AutoTokenizer

    pinned = _HUB_ID.fullmatch(model)
    if not pinned and not Path(model).is_dir():
        raise UserError(
            f"params.yaml: monitor.embedding is '{model}'; it must be a folder of this project or "
            "a hub id with its commit, such as org/model@<40 hex digits>"
        )
    name, revision = (pinned.group(1), pinned.group(2)) if pinned else (model, None)
    tokenizer = AutoTokenizer.from_pretrained(name, revision=revision)
    tokenizer.pad_token = tokenizer.pad_token or tokenizer.eos_token
    network = AutoModel.from_pretrained(name, revision=revision, use_safetensors=True)
    return tokenizer, network.eval()
