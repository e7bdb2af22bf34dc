"""Run llama.cpp's converter, which recognizes a tokenizer only by a hash of its ids.

usage   python gguf_convert.py SOURCE PRE_TOKENIZER MODEL TARGET TYPE

SOURCE is llama.cpp's folder. A tokenizer whose hash the converter does not know is written as one
of kind PRE_TOKENIZER; `lib.engines.gguf` verifies it afterwards.
"""

import runpy
import sys
from typing import Any


def main() -> None:
    source, pre_tokenizer, model, target, kind = sys.argv[1:]
    sys.path[0] = source
    from conversion.base import TextModel

    recognise = TextModel.get_vocab_base_pre

    def recognise_or_name(self: Any, tokenizer: Any) -> str:
        try:
            return str(recognise(self, tokenizer))
        except NotImplementedError:
            return pre_tokenizer

    TextModel.get_vocab_base_pre = recognise_or_name
    script = f"{source}/convert_hf_to_gguf.py"
    sys.argv = [script, model, "--outfile", target, "--outtype", kind]
    runpy.run_path(script, run_name="__main__")


if __name__ == "__main__":
    main()
