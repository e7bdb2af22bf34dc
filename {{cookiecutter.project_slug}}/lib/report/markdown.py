"""Markdown as the reports write it, and sections of what people wrote."""

import re

MENTION = re.compile(r"@(?=\w)")  # GitHub and GitLab tell whoever has the name


def table(head: list[str], rows: list[list[str]]) -> list[str]:
    """Write a Markdown table, its columns padded so that it reads well in a terminal too."""
    widths = [max(len(row[i]) for row in [head, *rows]) for i in range(len(head))]
    lines = [[cell.ljust(w) for cell, w in zip(row, widths, strict=True)] for row in [head, *rows]]
    lines.insert(1, ["-" * width for width in widths])
    return [f"| {' | '.join(line)} |" for line in lines]


def cell(text: str, longest: int = 160) -> str:
    """Make a text safe for a cell of a Markdown table: one line, no links, pictures or mentions.

    It is cut where it is longer than `longest` characters.
    """
    line = " ".join(text.split())
    line = line if len(line) <= longest else line[: longest - 1] + "…"
    line = line.replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;")
    return MENTION.sub("@&#8203;", line.replace("[", "\\["))


def sections(text: str) -> dict[str, str]:
    """Split a page at its `## headings`: heading to the text below; "" has what stands before."""
    parts = re.split(r"^## +(.*?) *$", "## \n" + text, flags=re.MULTILINE)
    return {name: body.strip() for name, body in zip(parts[1::2], parts[2::2], strict=True)}
