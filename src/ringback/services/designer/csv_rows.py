"""Data tables as CSV: a header with `key` and the columns, a line for each row."""

from __future__ import annotations

import csv
import io

from ringback.services.designer.store import Rows

TYPE = "text/csv"


class CsvError(ValueError):
    """The text is no table; the message names the line."""


def read_rows(text: str) -> Rows:
    """Rows by the first column. Raises CsvError."""
    reader = csv.reader(io.StringIO(text.removeprefix("\ufeff")), strict=True)
    try:
        lines = [(reader.line_num, line) for line in reader if line]
    except csv.Error as error:
        raise CsvError(f"line {reader.line_num}: {error}") from None
    if not lines:
        raise CsvError("line 1: the header is missing")
    _, (_, *columns) = lines[0]
    if len(set(columns)) != len(columns) or "" in columns:
        raise CsvError("line 1: every column has a name of its own")
    rows: Rows = {}
    for number, (key, *cells) in lines[1:]:
        if not key or key in rows:
            raise CsvError(f"line {number}: the first column names the row, each row once")
        if len(cells) != len(columns):
            raise CsvError(f"line {number}: {len(cells) + 1} cells, the header has {len(columns) + 1}")
        rows[key] = dict(zip(columns, cells, strict=True))
    return rows


def write_rows(rows: Rows) -> str:
    """The text that `read_rows` reads to the same rows, columns in order of their first appearance."""
    columns = list(dict.fromkeys(column for row in rows.values() for column in row))
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["row", *columns])
    for key, row in rows.items():
        writer.writerow([key, *("" if row.get(column) is None else row.get(column) for column in columns)])
    return out.getvalue()
