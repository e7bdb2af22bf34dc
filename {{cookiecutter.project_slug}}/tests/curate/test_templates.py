"""Templates that nobody filled are told from code, links, citations and anonymised names."""

import pytest

from lib.curate.templates import unfilled


@pytest.mark.parametrize(
    ("text", "hole"),
    [
        ("Hello {{name}}, hi", "{{name}}"),
        ("Hello {{ user.name }}, hi", "{{ user.name }}"),
        ("Hello {{customer_name|title}} hi", "{{customer_name|title}}"),
        ("Hello {{{name}}} hi", "{{name}}"),
        ("您好{{姓名}}", "{{姓名}}"),
        ("Dear <%= user.name %>", "<%= user.name %>"),
        ("Yours, [your name]", "[your name]"),
        ("Yours, [Your_Name]", "[Your_Name]"),
        ("Yours, [your-name]", "[your-name]"),
        ("It costs [insert price here]", "[insert price here]"),
        ("About [Customer Name], who called", "[Customer Name]"),
        ("At [company_name] we care", "[company_name]"),
        ("Gruß, [Ihr Name]", "[Ihr Name]"),
        ("Hola [tu nombre], que tal", "Hola [tu nombre]"),
        ("Bonjour [Votre nom de famille]", "[Votre nom de famille]"),
        ("您好 [您的姓名]，请问", "[您的姓名]"),
        ("此致【你的名字】", "【你的名字】"),
        ("Hallo [Name], wo ist es bitte", "Hallo [Name]"),
        ("Thanks.\nDear [First Name],\nit is here", "Dear [First Name]"),
        ("Hi {customer_name}, how are you", "Hi {customer_name}"),
        ("Sehr geehrte Frau ${name}, gern", "Sehr geehrte Frau ${name}"),
        ("Hello %s, hi there", "Hello %s"),
        ("Hello __NAME__ hi there", "Hello __NAME__"),
        ("尊敬的{姓名}：您好", "尊敬的{姓名}"),
        ("TODO: write the answer here", "TODO: write the answer"),
        ("Lorem ipsum dolor", "Lorem ipsum"),
    ],
)
def test_unfilled(text: str, hole: str) -> None:
    assert unfilled(text) == hole


@pytest.mark.parametrize(
    "text",
    [
        'print(f"Hello {name}, you are {age}")',
        "console.log(`Hello ${name}`)",
        "Use `Hello {{ user.name }}` in Jinja.",
        "```html\n<p>Hello {{ user.name }}</p>\n```",
        "~~~\nDear {name},\n~~~",
        "{% for item in items %}{{ item.name }}{% endfor %}",
        "docker version --format {{.Server.Version}}",
        "runs-on: ${{ matrix.os }}",
        'echo "Hello ${USER}, $HOME"',
        'printf("Hello %s", name); %d and 100% sure',
        '{"a": {"b": {}}, "c": [1, [2]]}',
        "a:hover{color:red} @media x{a{b:c}}",
        "See [Name](https://a.example) and [your orders](/orders), [Your Name][1].",
        "As shown [1], [12] and [sic].",
        "Dear <NAME>, <PERSON_1> called [NAME] and [FIRST_NAME] about XXXX.",
        "Dear [NAME], hi <EMAIL_ADDRESS_1>",
        "[Ihr Telefon klingelt] [su esposa llora] [your] house",
        "def __init__(self): if __name__ == '__main__': pass",
        "# TODO: write tests\n// TODO add the answer to life",
        "Hello [laughs], hi [inaudible]",
        "a[name] = b[customer_name]; row[your_key]",
        "The set {x} and {y, z}; Hi {",
        "Hello World %d",
    ],
)
def test_filled(text: str) -> None:
    assert unfilled(text) == ""
