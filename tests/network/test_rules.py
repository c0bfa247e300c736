"""What a tree must keep to beyond the grammar: here names that ``from`` reads."""

from __future__ import annotations

import pytest

from convscope.errors import UserError
from convscope.network.network import Network

UNREAD = "nothing reads what {} before this gives"


@pytest.mark.parametrize(
    ("text", "got", "hint"),
    [
        ("relu as stem\nfrom stm > relu", "no step before this is called 'stm'", "did you mean stem?"),
        (
            "from later > relu as later",
            "no step before this is called 'later'",
            "line 2 gives it: a name is read below the step that has it",
        ),
        (
            "relu as r > add { from r | relu as inner }\nfrom inner > relu",
            "no step before this is called 'inner'",
            "line 2 gives it inside a branch, where alone it can be read",
        ),
        (
            "relu > add { from relu1 | identity }",
            "no step before this is called 'relu1'",
            "a number is no name: write as relu1 behind the step",
        ),
        (
            "block b { add { from input | identity } }\nb",
            "no step before this is called 'input'",
            "a block does not know the network's input: it reads what it names itself",
        ),
        (
            "relu as r\nblock b { add { from r | identity } }\nb",
            "no step before this is called 'r'",
            "a block reads only the names that it gives itself",
        ),
        ("relu\nfrom input > tanh", UNREAD.format("relu"), "relu ... as NAME, and from NAME below"),
        ("add { relu | tanh }\nfrom input > tanh", UNREAD.format("add"), "add ... as NAME, and from NAME below"),
        ("repeat 2 { relu }\nfrom input > tanh", UNREAD.format("repeat"), "identity as NAME behind it"),
        ("relu > add { from input | from input }", UNREAD.format("relu"), "relu ... as NAME, and from NAME below"),
        ("relu as r\nfrom r > from input > relu", "nothing reads r before this", ""),
        ("relu as r > repeat 2 { from r > tanh }", "every turn of the repeat begins at the same value", ""),
        ("relu as r > from r", "from r stands last, nothing follows it", "identity does nothing"),
        ("relu as r > aux 1 { tanh as t > from t }\nrelu", "from t stands last, nothing follows it", None),
        ("relu as repeat", "'repeat' stands in the wrong place", None),
        ("from relu as x", "'as' stands in the wrong place", None),
        ("from > relu", "'>' does not fit here", None),
        ("relu as a..b", "'a' does not fit here", None),
        (f"relu as {'a' * 65}", "a name of 65 characters", None),
        (f"relu as {'.'.join(['a'] * 200)}", "a name of 399 characters", None),
    ],
)
def test_a_name_that_cannot_be_read_or_given(text: str, got: str, hint: str | None) -> None:
    with pytest.raises(UserError) as told:
        Network.parse("input 3x8x8\n" + text)
    assert told.value.got == got
    assert hint is None or told.value.hint == hint


def test_a_block_that_ends_with_what_it_named_cannot_end_the_network() -> None:
    text = "input 3x8x8\nblock b { relu as r > tanh as t > from r }\n"
    with pytest.raises(UserError, match=r"the last step gives what b1\.r gives already"):
        Network.parse(text + "b").graph()
    assert Network.parse(text + "b > relu").graph().output.inputs == ("b1.r",)
