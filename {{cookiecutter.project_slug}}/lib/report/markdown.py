"""Write Markdown tables for reports, and read sections of Markdown written by hand."""

import re

MENTION = re.compile(r"@(?=\w)")  # GitHub and GitLab notify the user with that name


def table(head: list[str], rows: list[list[str]]) -> list[str]:
    """Write a Markdown table, with padded columns so that it is readable in a terminal, too."""
    widths = [max(len(row[i]) for row in [head, *rows]) for i in range(len(head))]
    lines = [[cell.ljust(w) for cell, w in zip(row, widths, strict=True)] for row in [head, *rows]]
    lines.insert(1, ["-" * width for width in widths])
    return [f"| {' | '.join(line)} |" for line in lines]


def cell(text: str, longest: int = 160) -> str:
    """Escape a text for a cell of a Markdown table: one line, no links, images or mentions.

    It is truncated to `longest` characters.
    """
    line = " ".join(text.split())
    line = line if len(line) <= longest else line[: longest - 1] + "…"
    line = line.replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;")
    return MENTION.sub("@&#8203;", line.replace("[", "\\["))


def sections(text: str) -> dict[str, str]:
    """Split a page at its `## headings` into {heading: text below}; the text before is under ""."""
    parts = re.split(r"^## +(.*?) *$", "## \n" + text, flags=re.MULTILINE)
    return {name: body.strip() for name, body in zip(parts[1::2], parts[2::2], strict=True)}
