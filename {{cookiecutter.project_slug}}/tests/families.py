"""Small bases of other families with random weights, real config classes and trl's stock templates.

`python -m tests.families NAME FOLDER` writes one; tests/train/test_families.py trains them, and
tests/family_table.py takes them through every stage.
"""

import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from transformers import PretrainedConfig, PreTrainedTokenizerBase

EMBEDDED = Path(__file__).parents[1] / "base"  # whose tokenizer they have, with their own marks
CHATML = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content'] "
    "+ '<|im_end|>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
INST = (
    "{{ bos_token }}{% for message in messages %}{% if message['role'] == 'assistant' %}"
    "{{ ' ' + message['content'] + eos_token }}{% else %}"
    "{{ '[INST] ' + message['content'] + '[/INST]' }}{% endif %}{% endfor %}"
)
SIZES = {
    **{"hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2},
    **{"num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 16},
    "max_position_embeddings": 512,
}
EXPERTS = {"num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 64}
SHARED = {
    **{"n_routed_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 64},
    **{"n_shared_experts": 1, "first_k_dense_replace": 1},
}
STATES = {
    **{"mamba_n_heads": 8, "mamba_d_head": 16, "mamba_n_groups": 1, "mamba_d_state": 16},
}
SLIDING = {"sliding_window": 32, "layer_types": ["sliding_attention", "full_attention"]}
THOUGHTS = ("<think>", "</think>")
EYES = {
    **{"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 1},
    **{"num_attention_heads": 2, "image_size": 28, "patch_size": 14},
}


@dataclass(frozen=True)
class Family:
    """What of a family a toy has: its kind of model, its template, and the tokens of that."""

    kind: str  # model_type of transformers
    template: str  # a file of trl's chat_templates, or Jinja
    eos: str
    marks: tuple[str, ...] = ()
    bos: str | None = None
    ends: tuple[str, ...] = ()  # that end a turn beside eos
    sizes: dict[str, Any] = field(default_factory=lambda: SIZES)


TURNS = ("<|im_start|>", "<|im_end|>")
QWEN: dict[str, Any] = {"template": "qwen3", "eos": "<|im_end|>", "marks": (*TURNS, *THOUGHTS)}
GEMMA: dict[str, Any] = {
    **{"template": "gemma3", "eos": "<eos>", "bos": "<bos>"},
    "marks": ("<start_of_turn>", "<end_of_turn>"),
    "ends": ("<end_of_turn>",),
}
BEGIN, END = "<｜begin▁of▁sentence｜>", "<｜end▁of▁sentence｜>"
FAMILIES = {
    "Llama 3": Family(
        "llama", "llama3", "<|eot_id|>", ("<|start_header_id|>", "<|end_header_id|>"),
        "<|begin_of_text|>", sizes=SIZES | {"tie_word_embeddings": False},
    ),
    "Qwen3": Family("qwen3", **QWEN, sizes=SIZES | {"tie_word_embeddings": True}),
    "Qwen3 Instruct 2507": Family("qwen3", **(QWEN | {"template": "qwen3_instruct_2507"})),
    "Gemma 3, text": Family("gemma3_text", **GEMMA, sizes=SIZES | SLIDING),
    "Gemma 3, multimodal": Family("gemma3", **GEMMA, sizes={
        "text_config": SIZES | SLIDING, "vision_config": EYES, "mm_tokens_per_image": 4,
    }),
    "Mistral": Family("mistral", INST, "</s>", ("[INST]", "[/INST]"), "<s>"),
    "Phi 3": Family(
        "phi3", "phi3", "<|endoftext|>", ("<|user|>", "<|assistant|>", "<|system|>", "<|end|>"),
        ends=("<|end|>",), sizes=SIZES | {"original_max_position_embeddings": 512},
    ),
    "gpt-oss": Family(
        "gpt_oss", "gptoss", "<|return|>", ("<|start|>", "<|end|>", "<|message|>", "<|channel|>"),
        sizes=SIZES | SLIDING | {"num_local_experts": 4, "num_experts_per_tok": 2},
    ),
    "GLM 4 MoE": Family(
        "glm4_moe", "glm4moe", "<|endoftext|>",
        ("<|user|>", "<|assistant|>", "<|system|>", "<|observation|>", "[gMASK]", "<sop>",
         *THOUGHTS),
        ends=("<|user|>",), sizes=SIZES | SHARED,
    ),
    "Granite hybrid": Family("granitemoehybrid", CHATML, "<|im_end|>", TURNS, sizes=SIZES | {
        **STATES,
        "num_local_experts": 0, "num_experts_per_tok": 0, "shared_intermediate_size": 128,
        "layer_types": ["mamba", "attention"], "mamba_expand": 2,
    }),
    "Falcon-H1": Family(
        "falcon_h1", CHATML, "<|im_end|>", TURNS, sizes=SIZES | STATES | {"mamba_d_ssm": 128}
    ),
    "Mamba 2": Family("mamba2", CHATML, "<|im_end|>", TURNS, sizes={
        "hidden_size": 64, "num_hidden_layers": 2, "state_size": 16, "num_heads": 8, "head_dim": 16,
        "n_groups": 1, "expand": 2,
    }),
    "Mixtral": Family(
        "mixtral", INST, "</s>", ("[INST]", "[/INST]"), "<s>",
        sizes=SIZES | {"num_local_experts": 4, "num_experts_per_tok": 2},
    ),
    "Qwen3 MoE": Family("qwen3_moe", **QWEN, sizes=SIZES | EXPERTS | {"decoder_sparse_step": 1}),
    "DeepSeek-V3": Family(
        "deepseek_v3", "deepseekv3", END, ("<｜User｜>", "<｜Assistant｜>"), BEGIN,
        sizes={name: size for name, size in SIZES.items() if name != "head_dim"} | SHARED | {
            "num_key_value_heads": 4, "n_group": 1, "topk_group": 1, "q_lora_rank": 32,
            "kv_lora_rank": 32, "qk_rope_head_dim": 16, "qk_nope_head_dim": 16, "v_head_dim": 16,
        },
    ),
    "GPT-2": Family("gpt2", CHATML, "<|im_end|>", TURNS, sizes={
        "n_embd": 64, "n_layer": 2, "n_head": 4, "n_positions": 512,
    }),
    "Cohere": Family(
        "cohere", "cohere", "<|END_OF_TURN_TOKEN|>",
        ("<|START_OF_TURN_TOKEN|>", "<|SYSTEM_TOKEN|>", "<|USER_TOKEN|>", "<|CHATBOT_TOKEN|>"),
        "<BOS_TOKEN>", sizes={name: size for name, size in SIZES.items() if name != "head_dim"},
    ),
}  # fmt: skip


def tokenizer_of(family: Family) -> "PreTrainedTokenizerBase":
    """Load the embedded base's tokenizer with a family's marks and template."""
    import trl
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(EMBEDDED)
    known = tokenizer.get_vocab()
    added = [mark for mark in (family.bos, family.eos, *family.marks) if mark and mark not in known]
    tokenizer.add_special_tokens({"additional_special_tokens": added})
    tokenizer.bos_token, tokenizer.eos_token = family.bos, family.eos
    template = family.template
    if "{" not in template:
        template = (Path(trl.__file__).parent / f"chat_templates/{template}.jinja").read_text()
    tokenizer.chat_template = template
    return tokenizer


def config_of(family: Family, tokenizer: "PreTrainedTokenizerBase") -> "PretrainedConfig":
    """Make the configuration, with the ids of its tokenizer; a composite one has them inside."""
    from transformers import CONFIG_MAPPING

    ids = {"vocab_size": len(tokenizer), "pad_token_id": tokenizer.pad_token_id}
    ids |= {"bos_token_id": tokenizer.bos_token_id, "eos_token_id": tokenizer.eos_token_id}
    sizes = family.sizes
    if "text_config" in sizes:
        return CONFIG_MAPPING[family.kind](**sizes | {"text_config": sizes["text_config"] | ids})
    return CONFIG_MAPPING[family.kind](**sizes, **ids)


def write_base(name: str, folder: Path) -> None:
    """Write the model folder of a family, seeded."""
    import torch
    from transformers import AutoModelForCausalLM, GenerationConfig

    family = FAMILIES[name]
    torch.manual_seed(1)
    tokenizer = tokenizer_of(family)
    model = AutoModelForCausalLM.from_config(config_of(family, tokenizer))
    ends = [tokenizer.eos_token_id, *map(tokenizer.convert_tokens_to_ids, family.ends)]
    model.generation_config = GenerationConfig(
        bos_token_id=tokenizer.bos_token_id, eos_token_id=sorted(set(ends)),
        pad_token_id=tokenizer.pad_token_id,
    )  # fmt: skip
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


if __name__ == "__main__":
    write_base(sys.argv[1], Path(sys.argv[2]))
