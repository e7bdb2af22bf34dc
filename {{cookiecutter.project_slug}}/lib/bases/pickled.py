"""Convert pickled weights (pytorch_model.bin) to safetensors without running their code."""

import shutil
from pathlib import Path

from lib.model.causal import check_causal, settle_ties, tell_unused
from lib.model.loading import make_readable
from lib.model.source import READ
from lib.runtime.errors import UserError
from lib.runtime.files import atomic_folder
from lib.runtime.hub import refusal


def unpickle(source: Path, folder: Path) -> None:
    """Write the model of the folder `source` to `folder` as safetensors, in the same precision.

    transformers reads pickles with torch's `weights_only`, which creates only tensors. Raises
    UserError where they have other objects or lack weights, and for a model that cannot generate
    text: saved, it would be called one that can.
    """
    from transformers import AutoConfig, AutoModelForCausalLM

    try:
        config = AutoConfig.from_pretrained(source, trust_remote_code=False)
        check_causal(config, str(source))
        model, found = AutoModelForCausalLM.from_pretrained(
            source, dtype="auto", trust_remote_code=False, output_loading_info=True
        )
    except UserError:
        raise
    except Exception as error:  # of any class: another program's pickle, or a truncated file
        raise UserError(refusal(str(source), error)) from None
    if found["missing_keys"]:
        raise UserError(
            f"{source}: its pickles lack weights that config.json lists: "
            f"{min(found['missing_keys'])}, ...; copy the model again"
        )
    tell_unused(str(source), tuple(sorted(found["unexpected_keys"])))
    settle_ties(model)
    with atomic_folder(folder) as partial:
        for path in source.iterdir():
            if path.suffix in READ and path.name != "pytorch_model.bin.index.json":
                shutil.copy(path, partial)
        model.save_pretrained(partial)
        make_readable(partial)
