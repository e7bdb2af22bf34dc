"""Hold texts on which tokenizers differ: a wrong pre-tokenizer splits at least one differently.

All are in Unicode normal form C: llama.cpp applies no normalizer, so on decomposed letters its
tokens differ from those of any tokenizer that composes them (Qwen's does).
"""

HARD_TEXTS = (
    "3 33 333 3333 33333 3.3 3..3 1,000.50 2024-07-26T08:15:00Z v1.2.3-rc4",
    "I've 'told he's there, 'RE you sure? 'M not sure I'LL make it, We'Ve a'lL can't",
    " leading",
    "trailing ",
    "  two  spaces   three",
    "\ttab\t\ttabs \t mixed\t ",
    "a\nb\n\nc\n\n\nd",
    "  \n \n\n  y",
    "windows\r\nline\r\n\r\nends\r",
    "\n",
    " \n",
    "x \n\ny",
    "!!!??? ...--- ======= ''''''```````\"\"\"\"",
    "(a)[b]{c}<d>|e|/f\\g~h^i&j*k%l$m#n@o",
    "snake_case camelCase HTTPServer2 x86_64 __init__ foo.bar(baz)[0] += 'q'; // c",
    "https://example.com/a/b?c=d&e=%20f#g user.name+tag@example.co.uk",
    "naïve café Ünïcødé straße ﬁn Ǆ ª º ½ ² ₂ Ⅷ ①",
    "我想要退款，路由器坏了。订单号1234567！「你好」",
    "日本語のテキスト、カタカナ",
    "한국어 문장입니다.",
    "ภาษาไทยไม่มีช่องว่าง",
    "नमस्ते दुनिया क्षत्रिय",
    "مرحبا بالعالم ١٢٣",
    "שלום עולם",
    "Привет, мир! Ёж",
    "កាន់តែពិសេសអាច",
    "🚀 (normal) 😶‍🌫️ 👩‍👩‍👧‍👦 🇩🇪 👍🏽 ✅ ❤️",
    "🦙🦙",
    "a\u00a0b\u2003c\u3000d\u200be\ufefff",
    '{"intent": "refund", "urgency": null, "n": [1, -2.5e10]}',
    "A",
    "AAAAAAAAAAAAAAAAAAAAAAAA",
    "x" * 200,
)
