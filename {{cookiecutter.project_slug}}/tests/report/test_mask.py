"""The page of what training learns."""

from lib.report.mask import mask_page

FACTS = {"phase": "dpo", "texts": 9, "tokens": 36, "median": 4.0, "longest": 4}
FACTS |= {"share_learnt": 0.5, "tokenizer": {"end of turn": ["<|im_end|>", 2]}}
TEXT = {"phase": "dpo", "ids": [7, 8, 2, 9], "texts": ["问", "<script>", "<|im_end|>", "\n"]}
TEXT |= {"learnt": [False, True, True, False], "special": [False, False, True, False]}


def test_the_page_shows_what_is_learnt_and_escapes_the_text() -> None:
    page = mask_page([FACTS, TEXT])
    assert "<script>" not in page
    assert '<span class="token" title="7">问</span><span class="token learnt" title="8">' in page
    assert 'class="token learnt special" title="2">&lt;|im_end|&gt;' in page
    assert "<h3>4 tokens, 2 learnt in 1 stretch</h3>" in page
    assert "<h2>DPO</h2>" in page
    assert "&lt;|im_end|&gt; (2)" in page


def test_equal_rows_give_equal_bytes() -> None:
    assert mask_page([FACTS, TEXT]) == mask_page([FACTS, TEXT])
