"""Render HTML pages from templates/: one file each, no network, any language, light and dark.

    text = render("mask", "What training learns", trainings=trainings)

The templates escape every value; only they contain markup.
"""

from base64 import b64encode
from hashlib import sha256
from pathlib import Path
from typing import Any

TEMPLATES = Path(__file__).parent / "templates"


def render_page(name: str, title: str, script: str = "", **values: Any) -> str:
    """Render templates/NAME.html.jinja; `script` is the only script of templates/ it may run."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    pages = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        undefined=StrictUndefined,
    )
    code = (TEMPLATES / script).read_text(encoding="utf-8") if script else ""
    pages.filters |= {"percent": "{:.1%}".format, "thousands": "{:,}".format}
    pages.policies["json.dumps_kwargs"] = {"ensure_ascii": False, "separators": (",", ":")}
    values |= {
        "title": title,
        "script": code,
        "script_hash": b64encode(sha256(code.encode()).digest()).decode(),
    }
    return pages.get_template(f"{name}.html.jinja").render({"connects": False} | values)


def share_cell(value: float, low: float | None = None, high: float | None = None) -> dict[str, Any]:
    """Return a table cell that draws a share from 0 to 1 as a bar with its interval."""
    return {"share": value, "low": low, "high": high}
