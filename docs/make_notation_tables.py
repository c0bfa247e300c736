"""Writes src/convscope/network/notation_tables.json, what Lark makes of the grammar: `make tables`.

To be run after every change of notation.lark and for every new version of Lark; a test fails where it was forgotten.
"""

import hashlib
import json

import lark
from lark.grammar import Rule
from lark.lexer import TerminalDef

from convscope.network.notation import GRAMMAR, OPTIONS, TABLES


def main() -> None:
    """Write the file."""
    grammar = GRAMMAR.read_text(encoding="utf-8")
    data, memo = lark.Lark(grammar, **OPTIONS).memo_serialize([TerminalDef, Rule])
    document = {
        "made_by": "make tables; not to be edited",
        "lark": lark.__version__,
        "grammar": hashlib.sha256(grammar.encode()).hexdigest(),
        "data": data,
        "memo": memo,
    }
    TABLES.write_text(json.dumps(document, separators=(",", ":")) + "\n", encoding="utf-8")
    print(TABLES)


if __name__ == "__main__":
    main()
