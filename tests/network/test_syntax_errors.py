"""Messages: each says where, what was got, what would fit and what to do, so that a learner can act on it."""

import json
import re
from pathlib import Path

import pytest

from convscope.errors import UserError
from convscope.network.expand import GraphError
from convscope.network.network import Network

# The text, with ▲ where the message must point; words of got, of expected, of the hint ("" where any will do).
P = "input 1x32x32\n"
S = "input 6x8x8\n"
SYNTAX = [
    # unknown words
    (P + "▲cnov 6 5x5", "unknown operation 'cnov'", "an operation or a block", "did you mean conv?"),
    (P + "▲Conv2d 6 5x5", "unknown operation 'Conv2d'", "", "here it is called conv"),
    (P + "conv 6 5x5 > ▲ReLU", "unknown operation 'ReLU'", "", "did you mean relu?"),
    (P + "▲dense 10", "unknown operation 'dense'", "", "here it is called linear"),
    (P + "▲BatchNormalization", "", "", "here it is called batchnorm"),
    (P + "▲lstm 5", "unknown operation 'lstm'", "an operation", "one of: relu"),
    (P + "▲nonsense", "unknown operation 'nonsense'", "an operation", "maxpool, avgpool"),
    ("nn▲.Conv2d(1, 6, 5)", "'.'", "", "conv, not nn.Conv2d"),
    # steps and >
    (P + "conv 6 5x5 ▲tanh", "conv and tanh stand side by side", "> between two steps", "write > before tanh"),
    (P + "add { relu | identity } ▲relu", "two steps stand side by side", "> between them, or a new line", ""),
    (P + "relu ▲repeat 2 { relu }", "two steps stand side by side", "> between them", ""),
    (P + "conv 6 5x5 > relu ▲>", "no step follows this >", "a step", ""),
    (P + "conv 6 5x5 ▲>> relu", "no step follows this >", "a step", ""),
    (P + "add { relu ▲> | identity }", "no step follows this >", "a step", ""),
    (P + "relu ▲>\nexpect output=10", "no step follows this >", "a step", ""),
    (P + "conv 6 5x5 ▲-> relu", "'-'", "> before the next step", "write > between two steps"),
    (P + "relu ▲=> tanh", "'='", "> before the next step", "write > between two steps"),
    (P + "relu ▲→ tanh", "'→'", "", "write > between two steps"),
    (P + "relu▲; tanh", "';'", "", "separated by > or a new line"),
    # numbers, windows, arguments
    (P + "conv 6▲, 5x5", "','", "", "separated by spaces"),
    (P + "conv(6▲, 5)", "','", "", "without parentheses and commas: conv 6 3x3"),
    (P + "conv 6 5▲×5", "'×'", "", "the letter x: 3x3"),
    (P + "conv 6 ▲5X5", "'5X5' is not a number", "a window such as 3x3", ""),
    (P + "conv 6 ▲[5,5]", "'['", "", "windows are written 3x3"),
    (P + 'conv 6 ▲"5x5"', "'\"'", "", "no quotes"),
    (P + "conv 6 (▲5x5)", "'5x5'", "a number or a parameter", "a window stands alone"),
    (P + "conv 6 5▲)", "')'", "an argument", "one ) more than ("),
    (P + "conv 6 (5▲", "the line ends too early", ")", ""),
    (P + "▲3x3 conv 6", "'3x3'", "a step", "the operation comes first, then its numbers"),
    (P + "▲(relu)", "'('", "a step", "without parentheses"),
    (P + "dropout ▲.5", "'.'", "", "a number starts with a digit: 0.5"),
    (P + "dropout ▲0.5.1", "'0.5.1' is not a number", "such as 6 or 0.5", ""),
    (P + "conv ▲99999999999999999999 3x3", "too large", "at most 1,099,511,627,776", ""),
    (P + "conv 6 5x5 padding=(▲-1)", "'-'", "a number", "a negative number stands behind a name: min=-1"),
    (P + "conv 6 5x5 stride=▲", "the line ends too early", "a number, a window such as 3x3", ""),
    (P + "conv 6 5x5 ▲=2", "'='", "an argument", "the argument's name comes before ="),
    (P + "dropout p=0.5 ▲0.3", "a value without a name follows one with", "values without names first", ""),
    (P + "relu ▲: 3", "':'", "", "name=value"),
    (P + "relu ▲// tanh", "'/'", "", "a comment begins with #"),
    (P + "relu ▲@", "the character '@'", "words, numbers, > between steps", ""),
    (P + "l▲ö", "'ö'", "", "the letters a to z"),
    (P + "relu # ▲\udcff", "not a character of any text", "UTF-8", ""),
    # names
    (P + "x ▲= relu", "'='", "", "relu as x"),
    (P + "relu as ▲5", "'5'", "a word", ""),
    (P + "relu as ▲input", "'input' stands in the wrong place", "another word", ""),
    (P + "relu as a ▲b", "two steps stand side by side", "", ""),
    # braces
    (P + "add ▲{ relu | identity", "the { of add is never closed", "}", ""),
    (P + "add {\n  conv 6 5x5\n| repeat 2 ▲{\n    relu\n\nflatten", "the { of repeat is never closed", "}", ""),
    (P + "block b(w=(1+2)) ▲{\n  relu # }\n", "the { of block is never closed", "}", ""),
    (P + "block b {\n  relu\n▲block c { relu }", "'block' stands in the wrong place", "", "is a } missing above?"),
    (P + "add { relu | identity }▲}", "} closes nothing", "a step", "one } more than {"),
    (P + "add { conv 6 5x5 stride=▲}", "} comes too early", "a number", ""),
    (P + "add { conv 6 5x5 stride=▲| relu }", "| comes too early", "a number", ""),
    (P + "relu ▲| relu", "| outside of branches", "", "branches stand inside add, concat, mul"),
    (P + "repeat 2 { relu ▲| relu }", "| outside of branches", "", "branches stand inside add, concat, mul"),
    (P + "▲relu { identity }", "relu takes no branches", "add, concat, mul or repeat N", ""),
    (P + "conv 3 3x3 ▲{ relu }", "'{'", "", "braces belong to add, concat, mul, repeat N or block NAME"),
    (P + "conv 3 3x3 add ▲{ relu | identity }", "'{'", "", "write > before add"),
    (P + "▲ad { relu | identity }", "unknown merge 'ad'", "add, concat, mul", "did you mean add?"),
    (P + "▲residual { relu | identity }", "unknown merge 'residual'", "", "here it is called add"),
    (P + "repaet 3 ▲{ relu }", "'{'", "", "did you mean repeat?"),
    (P + "repeat ▲{ relu }", "'{'", "a number", "repeat 2 { ... }"),
    (P + "repeat 2 ▲relu", "'relu'", "{", "repeat 2 { relu }"),
    (P + "repeat ▲3x3 { relu }", "'3x3'", "a number", ""),
    (P + "▲repeat 2 { }", "repeat holds nothing", "at least one step", ""),
    (P + "block b ▲relu", "'relu'", "{", "block b { relu }"),
    (P + "block b▲\n{ relu }", "the line ends too early", "{", "on the same line"),
    (P + "▲add\n", "add without branches", "branches between braces", "add { conv 8 1x1 | identity }"),
    (P + "▲add { relu }", "add has one branch", "at least two, separated by |", "| identity adds one"),
    (P + "▲add { relu | }", "a branch of add is empty", "at least one step", "identity does nothing"),
    (P + "add {" * 40 + "repeat 2 ▲{ relu }", "braces nest deeper than 40", "fewer levels", ""),
    (P + "conv " + "(" * 40 + "▲(1", "braces nest deeper than 40", "fewer levels", ""),
    (P + "conv ▲" + "1*" * 41 + "1 3x3", "more than 40 operators", "a shorter expression", ""),
    # input and expect
    ("▲input\nrelu", "input without a shape", "1x28x28: channels first", ""),
    ("▲input (1,28,28)\nrelu", "input without a shape", "1x28x28: channels first", ""),
    ("input 28 ▲x 28\nrelu", "the shape of the input ends", "no spaces", "28x28, not 28 x 28"),
    ("input 1x28x28 ▲relu", "the shape of the input ends", "", "a line of its own"),
    ("input ▲0x28x28\nrelu", "the input 0x28x28", "numbers from 1", ""),
    ("input ▲1x3x224x224x3\nrelu", "5 dimensions", "at most 4: channels first", "without its batch"),
    ("input 1x28x28\ninput ▲1x28x28\nrelu", "input is given twice", "one input", ""),
    ("relu\ninput ▲1x28x28", "input stands after the first operation", "input first", ""),
    ("input 6x8x8\nadd { ▲input | relu }", "'input' stands in the wrong place", "", "is identity"),
    (P + "relu\n▲expect", "expect says nothing", "params, macs, output", "expect output=10"),
    (P + "relu\nexpect ▲650", "expect takes names", "params, macs, output", "output=10"),
    (P + "relu\nexpect ▲parameters=650", "no 'parameters'", "params, macs, output", "did you mean params?"),
    (P + "relu\nexpect params=61▲,706", "','", "", "without commas: 61706"),
    (P + "relu\nexpect ▲params=2*5", "params=2*5", "a whole number", "no sums"),
    (P + "relu\nexpect params=1 ▲params=2", "params is given twice", "each once", ""),
    # blocks
    (P + "▲b > relu\nblock b { relu }", "unknown operation 'b'", "", "defined in line 3: blocks stand above their use"),
    (P + "block b { ▲b }", "unknown operation 'b'", "", "a block cannot hold itself"),
    (P + "block ▲conv { relu }", "'conv' is an operation already", "another name", ""),
    (P + "block b { relu }\nblock ▲b { tanh }", "block 'b' is defined twice", "each block once", ""),
    (P + "block ▲b { }", "block 'b' is empty", "at least one step", "identity"),
    (P + "block ▲{ relu }", "'{'", "a word", "a block has a name"),
    (P + "block b(w=1, ▲v) { relu }", "parameter 'v' has no default", "parameters without defaults first", ""),
    (P + "block b(w, ▲w) { relu }", "parameter 'w' is named twice", "each once", ""),
    (P + "block b(▲same) { relu }", "cannot be called 'same'", "another name", "has a meaning everywhere"),
    (P + "block b(w ▲k) { relu }", "'k'", ")", "separated by commas"),
    (P + "block b(w ▲{ relu }", "'{'", ")", "close the parentheses"),
    (P + "▲" + "b" * 65, "a word of 65 characters", "at most 64", ""),
]

SHAPES = [
    # arguments
    (P + "▲conv 6", "conv lacks kernel_size", "conv OUT_CHANNELS KERNEL_SIZE [stride=1]", "conv 6 3x3"),
    (P + "▲conv", "conv lacks out_channels", "conv OUT_CHANNELS KERNEL_SIZE", "conv 16 3x3"),
    (P + "conv ▲5x5", "conv starts with the window 5x5", "number of output channels before it", "conv 16 5x5"),
    (P + "conv ▲5x5 6", "conv starts with the window 5x5", "", "conv 6 5x5"),
    (P + "conv 6 5x5 ▲strid=2", "conv has no argument 'strid'", "stride, padding", "did you mean stride?"),
    (P + "conv 6 5x5 ▲stride=0", "stride=0", "a whole number of at least 1", ""),
    (P + "conv 6 5x5 stride=2 ▲stride=3", "stride is given twice", "each argument once", ""),
    (P + "conv 6 5x5 ▲kernel_size=3", "kernel_size is given twice", "each argument once", ""),
    (P + "conv 6 5x5 bias=▲False", "bias=False", "yes or no", "here it is written no"),
    (P + "conv 6 5x5 ▲bias=1", "bias=1", "yes or no", "yes for 1"),
    (P + "conv 6 5x5 padding=▲smae", "padding=smae", "same, valid or causal", "did you mean same?"),
    (P + "conv 6 5x5 padding=▲full", "padding=full", "same, valid or causal", ""),
    (P + "conv 6 5x5 ▲same", "conv has no place for same", "by name: stride, padding", "padding=same is meant?"),
    (P + "conv 6 5x5 ▲stride 2", "unknown value 'stride'", "", "stride=VALUE"),
    (P + "conv ▲6.5 5x5", "out_channels=6.5", "a whole number of at least 1", ""),
    (P + "conv ▲3000000000 1", "out_channels=3000000000", "", "at most 2,147,483,648"),
    (P + "conv 6 ▲0x5", "kernel_size=0x5", "at least 1", ""),
    (P + "maxpool 2 ▲2", "maxpool has no place for 2", "by name: stride", "stride=2"),
    (P + "▲maxpool", "maxpool lacks kernel_size", "maxpool KERNEL_SIZE", "maxpool 2"),
    (P + "avgpool 2 ▲indices=yes", "avgpool has no argument 'indices'", "kernel_size, stride", ""),
    (P + "relu ▲6", "relu has no place for 6", "takes no arguments", ""),
    (P + "flatten > linear ▲10x10", "out_features=10x10", "a whole number", ""),
    (P + "dropout ▲50", "p=50", "from 0 to 0.99", "not a percentage: 0.5"),
    (P + "layernorm over=▲channel", "over=channel", "channels or all", "did you mean channels?"),
    (P + "gelu ▲approximate=yes", "approximate=yes", "none or tanh", ""),
    (P + "conv 6 5 ▲x 5", "unknown value 'x'", "", "without spaces: 3x3"),
    # windows that do not fit
    ("input 1x3x3\n▲conv 6 5x5", "window 5x5 does not fit 3x3", "at least 5x5", "padding=1 would"),
    (
        "input 1x3x3\n▲conv 6 5x5 dilation=3",
        "13x13 (dilation spreads 5x5) does not fit 3x3",
        "13x13",
        "padding=5 would",
    ),
    ("input 1x8x4\n▲conv 6 1x9", "window 1x9 does not fit 8x4", "at least 1x9", "padding=0x3 would"),
    ("input 1x3x9\n▲conv 6 7 padding=1", "does not fit 3x9 with its padding", "at least 7x7", "padding=2 would"),
    ("input 1x3x3\n▲maxpool 5", "window 5x5 does not fit 3x3", "at least 5x5", "padding=1 would"),
    ("input 1x2x2\n▲maxpool 9", "window 9x9 does not fit 2x2", "", "padding=4 would"),
    ("input 1x4x4\nmaxpool 2 > maxpool 2 > ▲maxpool 2", "window 2x2 does not fit 1x1", "", "leave this maxpool"),
    ("input 1x16\n▲maxpool 2x2", "has 2 dimensions, the input 1x16 has 1", "1 number", ""),
    ("input 28x28\n▲conv 6 5x5", "the input 28x28 has 1 beside its channels", "1 number", "a grey picture is 1x28x28"),
    (P + "▲conv 6 5x5x5", "window 5x5x5 has 3 dimensions, the input 1x32x32 has 2", "2 numbers", ""),
    (P + "maxpool 2 ▲padding=2", "padding 2 is more than half of the window 2x2", "at most 1", ""),
    ("input 1x3x3\nmaxpool 2 padding=1 ▲dilation=4", "steps over the whole input", "a dilation of at most 3", ""),
    # channels
    (P + "conv 6 5x5 ▲groups=4", "groups=4 does not divide the 1 input channels", "a divisor of 1", "groups=1 would"),
    (S + "conv 10 5x5 ▲groups=3", "does not divide the 10 output channels", "a divisor of 10", "groups=2 would"),
    (S + "groupnorm ▲4", "4 groups do not divide the 6 channels", "a divisor of 6", "groupnorm 3 would"),
    # vectors and pictures
    (
        P + "conv 16 28x28 > ▲linear 10",
        "linear needs a vector, its input is 16x5x5",
        "400 features",
        "put flatten before",
    ),
    (P + "globalavgpool > ▲linear 10", "its input is 1x1x1", "", "put flatten before it"),
    (P + "flatten > ▲conv 6 3x3", "its input is a vector of 1024", "spatial dimension", "put conv before flatten"),
    (P + "flatten > ▲globalavgpool", "globalavgpool needs a picture or a signal", "", "before flatten"),
    (P + "flatten > ▲project 6", "project needs a picture or a signal", "", "before flatten"),
    (P + "flatten > ▲localresponsenorm 5", "its input is a vector of 1024", "", "before flatten"),
    # merges
    (S + "▲add { conv 6 3x3 | identity }", "branches of 6x6x6, 6x8x8", "one shape", "same stride and padding"),
    (S + "▲add { conv 8 1 | identity }", "branches of 8x8x8, 6x8x8", "one shape", "project 8 in place of identity"),
    (S + "▲concat { conv 6 3x3 | identity }", "6x6x6, 6x8x8", "all but the channels", "padding=same keeps"),
    (S + "▲concat { flatten | identity }", "384, 6x8x8", "all but the channels", "flatten every branch or none"),
    (S + "▲mul { identity | globalavgpool > conv 3 1 }", "6x8x8, 3x1x1", "with 1 in place", "every branch 6 channels"),
    (S + "▲mul { identity | globalavgpool > flatten }", "6x8x8, 6", "same number of dimensions", "leave flatten out"),
    # blocks, repeats, names
    (P + "block b(w) { relu }\n▲b", "b lacks w", "b W", ""),
    (P + "block b(w) { relu }\nb 3 ▲4", "b got 2 values", "at most 1", "b W"),
    (P + "block b(width, s=1) { relu }\nb 3 ▲widht=3", "no argument 'widht'", "b WIDTH [s=1]", "did you mean width?"),
    (P + "block b(w) { relu }\nb 3 ▲w=3", "w is given twice", "each argument once", ""),
    (P + "block b(width) { conv ▲widht 3x3 }\nb 3", "unknown value 'widht'", "", "did you mean width?"),
    (P + "block b(w) { conv ▲w/2 3x3 }\nb 3", "3/2 is not a whole number", "a multiple of 2", ""),
    (P + "block b(w) { conv ▲w-5 3x3 }\nb 3", "3-5 is -2", "from 0", ""),
    (P + "block b(w) { conv ▲w%0 3x3 }\nb 3", "3%0", "a divisor that is not 0", ""),
    (P + "conv ▲2*0.5 3x3", "2*0.5", "whole numbers", ""),
    (P + "▲conv 2000000000 3x3", "a tensor of", "at most 1,099,511,627,776", ""),
    (P + "▲repeat 0 { relu }", "repeat 0", "from 1 to 5000", "leave the repeat out"),
    (P + "repeat ▲n { relu }", "unknown value 'n'", "a number or a parameter", ""),
    (P + "repeat 2 { ▲relu as r }", "the name 'r' stands inside repeat", "no name there", "numbered"),
    (P + "relu as r > ▲tanh as r", "the name 'r' is taken", "another name", ""),
    (P + "repeat 5000 { relu }\n▲relu", "more than 5000 operations", "a smaller network", ""),
    (P + "▲project", "project lacks out_channels", "project OUT_CHANNELS [stride=1]", "project 64 stride=2"),
    (P + "project 6 ▲padding=1", "project has no argument 'padding'", "project OUT_CHANNELS", "1x1 convolution"),
    (P + "project 6 ▲3x3", "project has no place for 3x3", "project OUT_CHANNELS", ""),
    # expect
    (P + "flatten > linear 10\nexpect ▲params=61706", "params is 10,250", "61,706, as this line says", ""),
    (P + "flatten > linear 10\nexpect ▲output=1000", "output is 10", "1,000", ""),
    (P + "flatten > linear 10\nexpect params=10250 ▲macs=1", "macs is 10,240", "1, as this line says", ""),
    (P + "conv 2 3\nexpect ▲output=2x30x31", "output is 2x30x30", "2x30x31", ""),
    # the whole network
    ("conv 6 5x5", "does not say its input", "input 1x28x28", "--input 1x28x28"),
    (P + "# nothing else", "the network has no operations", "conv", ""),
    (P + "block b { relu }", "the network has no operations", "", "write b on a line of its own"),
]


def marked(text: str) -> tuple[str, str]:
    """The text without its mark, and where the mark stood."""
    if "▲" not in text:
        return text, "network"
    before, after = text.split("▲")
    lines = before.split("\n")
    return before + after, f"network, line {len(lines)}, column {len(lines[-1]) + 1}"


def case_name(case: tuple[str, ...]) -> str:
    return case[0].split("\n", 1)[-1].encode("ascii", "replace").decode()[:40].replace("\n", " ")


def told(text: str) -> UserError:
    with pytest.raises(UserError) as caught:
        Network.parse(text).graph()
    return caught.value


def check(case: tuple[str, str, str, str]) -> UserError:
    text, where = marked(case[0])
    error = told(text)
    shown = str(error)
    assert error.where.split(" (")[0] == where, shown
    for words, said in zip(case[1:], (error.got, error.expected, error.hint), strict=True):
        assert words in said, shown
    assert error.expected or error.hint, shown
    if "column" in where:
        line, caret = error.excerpt.split("\n")
        number, column = (int(n) for n in re.findall(r"\d+", where))
        pointed = text.split("\n")[number - 1][column - 1 :]
        assert line[len(caret) - 1 :][:20] == pointed[:20].replace("\udcff", "\ufffd"), shown
    return error


@pytest.mark.parametrize("case", SYNTAX, ids=case_name)
def test_a_mistake_in_the_text(case: tuple[str, str, str, str]) -> None:
    error = check(case)
    assert not isinstance(error, GraphError)
    with pytest.raises(UserError):
        Network.parse(marked(case[0])[0])


@pytest.mark.parametrize("case", SHAPES, ids=case_name)
def test_a_mistake_in_the_shapes(case: tuple[str, str, str, str]) -> None:
    Network.parse(marked(case[0])[0])
    check(case)


def test_the_path_of_the_step_stands_beside_the_place() -> None:
    text = P + "block b(w) {\n  add { conv w 40x40 | identity }\n}\nb 3"
    assert told(text).where == "network, line 3, column 9 (b1.add1.a.conv1)"


def test_a_message_in_full() -> None:
    text = "input 1x32x32\nconv 6 5x5 > tanh > linear 10\n"
    assert str(told(text)) == (
        "network, line 2, column 21 (linear1): linear needs a vector, its input is 6x28x28\n"
        "  conv 6 5x5 > tanh > linear 10\n"
        "                      ^\n"
        "  expected: a vector, here of 4704 features\n"
        "  hint: put flatten before it"
    )


def test_a_long_line_is_shown_around_the_place() -> None:
    line, caret = told("relu > " * 40 + "cnov 6 5x5" + " > tanh" * 40).excerpt.split("\n")
    assert line.startswith("...")
    assert len(line) < 130
    assert line[caret.index("^") :].startswith("cnov 6 5x5")


def test_what_cannot_be_printed_is_not_printed() -> None:
    error = told("relu  \x1b[31m # \u202e\u0000")
    assert error.excerpt == "relu  \ufffd[31m # \ufffd\ufffd\n      ^"


def test_the_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "my.net"
    path.write_text("input 1x8x8\ncnov 6 5x5\n", encoding="utf-8")
    with pytest.raises(UserError, match=r"my\.net, line 2, column 1"):
        Network.load(path)
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(UserError, match="not text"):
        Network.load(path)
    with pytest.raises(UserError, match=r"no\.net: the file cannot be read: no such file"):
        Network.load(tmp_path / "no.net")
    with pytest.raises(UserError, match="the file cannot be read: is a directory"):
        Network.load(tmp_path)


def product(operators: int) -> object:
    return {"operator": "*", "left": product(operators - 1), "right": 1} if operators else 1


JSON = [
    ("", "this is not JSON"),
    ("[]", "document is not an object"),
    ('{"convscope": 2, "network": []}', "convscope is 2, this version reads 1"),
    ('{"convscope": 1}', "network is not a list"),
    ('{"convscope": 1, "network": [], "pickle": 1}', "document has no entry 'pickle'"),
    ('{"convscope": 1, "network": [7]}', "network[0] is not an object"),
    ('{"convscope": 1, "network": [{}]}', "network[0] is neither steps, comment nor blank"),
    ('{"convscope": 1, "network": [{"steps": []}]}', "network[0].steps is empty"),
    ('{"convscope": 1, "network": [{"steps": [{"call": "re lu"}]}]}', "network[0].steps[0] is not a word: 're lu'"),
    ('{"convscope": 1, "network": [{"steps": [{"call": "expect"}]}]}', "network[0].steps[0] is not a word: 'expect'"),
    ('{"convscope": 1, "network": [{"steps": [{"merge": "add", "branches": [[]]}]}]}', "branches holds an empty one"),
    ('{"convscope": 1, "network": [{"input": [1, -8, 8]}]}', "network[0].input is not a whole number"),
    ('{"convscope": 1, "network": [{"input": [true]}]}', "network[0].input is not a whole number"),
    ('{"convscope": 1, "network": [{"input": []}]}', "network[0].input is empty"),
    ('{"convscope": 1, "network": [{"comment": "a\\nb"}]}', "network[0] is not a comment of one line"),
    ('{"convscope": 1, "network": [{"expect": [{"name": "macs"}]}]}', "network[0].expect[0] has no value"),
    (
        json.dumps({"convscope": 1, "network": [{"steps": [{"repeat": product(41), "body": []}]}]}),
        "network[0].steps[0] has more than 40 operators",
    ),
    ('{"convscope": 1, "network": [{"steps": [{"call": "cnov"}]}]}', "unknown operation 'cnov'"),
]


@pytest.mark.parametrize(("text", "got"), JSON, ids=[got[:40] for _, got in JSON])
def test_a_mistake_in_the_json(text: str, got: str) -> None:
    with pytest.raises(UserError) as caught:
        Network.from_json(text)
    assert got in caught.value.got
    assert caught.value.where.startswith("network.json")
    assert caught.value.expected
