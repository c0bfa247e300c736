"""The notation: text, value and JSON say exactly the same; no text whatever does worse than a readable refusal."""

import hashlib
import json
import random
import time
from collections.abc import Callable

import lark
import pytest
from examples import examples
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from network_strategies import broken, broken_json, families, networks, soups, untidy

from convscope.errors import UserError
from convscope.network.family import choose, members
from convscope.network.formatter import format_statements
from convscope.network.network import Network
from convscope.network.notation import DEEPEST, GRAMMAR, LONGEST_TEXT, TABLES, _parser, parse
from convscope.network.tree import Statement
from convscope.network.tree_json import from_json, to_json

RELAXED = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]
FEW = settings(max_examples=examples(120), deadline=None, suppress_health_check=RELAXED)
MANY = settings(max_examples=3_000, deadline=None, suppress_health_check=RELAXED)
SECONDS = 2.0
"""Processor time that one call may take; the longest texts allowed come near it."""

TEXTS = [
    "input 1x32x32\nconv 6 5x5 > tanh > avgpool 2\nflatten > linear 10\nexpect params=61706 macs=416520 output=10\n",
    """\
# a ResNet stage
block basic(width, stride=1) {
  add {
    conv width 3x3 stride=stride padding=1 bias=no > batchnorm > relu
    conv width 3x3 padding=1 bias=no > batchnorm
  | project width stride=stride
  } > relu
}
basic 64 > repeat 2 { basic 128 stride=2 }  # blocks take named parameters
""",
    """\
concat {
  conv 64 1x1 > relu
| conv 96 1x1 > relu > conv 128 3x3 padding=1
| maxpool 3x3 stride=1 padding=1 > conv 32 1x1
}
""",
]
"""The design's own examples, in the canonical layout."""


@pytest.mark.parametrize("text", TEXTS)
def test_the_design_s_examples_are_canonical(text: str) -> None:
    assert format_statements(parse(text)[0]) == text


def test_the_canonical_layout_of_everything_at_once() -> None:
    text = """

  #top
input 3x8x8#shape


block  b( w ,n=((w+1))*2,k =  3x3 ){#in
> conv n k padding=same>relu as  r>

tanh}# end
repeat   2{b 4}>add{b w=1#one
|identity|
# two
repeat 1 { conv 4*(1 + 2)/3%5 1x1 # last
} } as merged

#bottom
expect output=4x8x8   macs=007
"""
    canonical = """\
# top
input 3x8x8  # shape

block b(w, n=(w+1)*2, k=3x3) {
  # in
  conv n k padding=same > relu as r > tanh
}  # end
repeat 2 { b 4 } > add {
  b w=1  # one
| identity
| # two
  repeat 1 {
    conv 4*(1+2)/3%5 1x1  # last
  }
} as merged

# bottom
expect output=4x8x8 macs=7
"""
    assert format_statements(parse(text)[0]) == canonical
    assert format_statements(parse(canonical)[0]) == canonical


def test_the_canonical_layout_of_names() -> None:
    text = "relu as  a.b>tanh   as c\nfrom   a.b>add{identity|from c>relu|from\ta.b}"
    canonical = "relu as a.b > tanh as c\nfrom a.b > add {\n  identity\n| from c > relu\n| from a.b\n}\n"
    assert format_statements(parse(text)[0]) == canonical
    assert format_statements(parse(canonical)[0]) == canonical


def test_no_line_of_the_canonical_layout_ends_in_a_space() -> None:
    assert format_statements(parse("#  \nrelu  #\nadd { relu #\n | # \n tanh }")[0]) == (
        "#\nrelu  #\nadd {\n  relu  #\n| #\n  tanh\n}\n"
    )


def test_a_zero_in_json_has_no_sign() -> None:
    document = '{"convscope": 1, "network": [{"steps": [{"call": "dropout", "arguments": [{"value": -0.0}]}]}]}'
    assert Network.from_json(document) == Network.parse("dropout 0.0")
    assert repr(from_json(document)).count("-0.0") == 0


def test_a_line_that_ends_with_then_goes_on_in_the_next() -> None:
    one, two = Network.parse("conv 6 5x5 >\n\n  relu > # why\ntanh"), Network.parse("conv 6 5x5 > relu # why\ntanh")
    assert one == two
    assert Network.parse("relu\n> tanh") == Network.parse("relu\ntanh")
    assert Network.parse("input 1x8x8 > relu") == Network.parse("input 1x8x8\nrelu")


def check_spellings(statements: tuple[Statement, ...]) -> None:
    text = format_statements(statements)
    assert parse(text)[0] == statements
    assert format_statements(parse(text)[0]) == text
    network = Network.parse(text)
    assert from_json(to_json(statements)) == statements
    assert Network.from_json(network.to_json()) == network
    assert Network.from_json(network.to_json()).text() == text
    assert hash(Network.parse(text)) == hash(network)


def check_untidy(pair: tuple[tuple[Statement, ...], str]) -> None:
    statements, text = pair
    assert parse(text)[0] == statements, text
    assert format_statements(parse(text)[0]) == format_statements(statements)


@FEW
@given(networks())
def test_text_value_and_json_are_exact(statements: tuple[Statement, ...]) -> None:
    check_spellings(statements)


def test_the_kept_tables_are_those_of_this_grammar_and_this_lark() -> None:
    tables = json.loads(TABLES.read_text(encoding="utf-8"))
    assert tables["grammar"] == hashlib.sha256(GRAMMAR.read_bytes()).hexdigest(), "run: make tables"
    assert tables["lark"] == lark.__version__, "run: make tables"


def test_another_version_of_lark_makes_its_own_tables(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = parse("input 1x8x8\nadd { relu | identity } > conv 4 3x3")
    _parser.cache_clear()
    monkeypatch.setattr(lark, "__version__", "another")
    assert parse("input 1x8x8\nadd { relu | identity } > conv 4 3x3") == kept
    _parser.cache_clear()


@FEW
@given(families())
def test_a_family_is_read_as_it_is_laid_out(statements: tuple[Statement, ...]) -> None:
    text = format_statements(statements)
    assert parse(text)[0] == statements
    chosen, source = parse(text)
    for name in members(chosen):
        network = Network(choose(chosen, source, name), source)
        assert Network.parse(network.text()) == network


@FEW
@given(untidy())
def test_a_careless_text_has_the_value_of_the_canonical_one(pair: tuple[tuple[Statement, ...], str]) -> None:
    check_untidy(pair)


INPUTS = [None, (1, 8, 8), (3, 16), (7,), (4, 5, 6, 7), (), (0, 3), (2**41, 1), (2**30, 2**30), (True, 8, 8), (1.5, 2)]


def check_survives(read: Callable[[], Network]) -> None:
    """A readable refusal or a network; nothing else, and soon."""
    begin = time.process_time()
    try:
        network = read()
    except UserError as error:
        readable(error)
        assert time.process_time() - begin < SECONDS
        return
    text = network.text()
    assert Network.parse(text) == network
    assert network.text() == Network.parse(text).text()
    assert Network.from_json(network.to_json()) == network
    assert isinstance(network.text().encode(), bytes)
    for shape in INPUTS:
        begin = time.process_time()
        try:
            graph = network.graph(shape)  # type: ignore[arg-type]
            seen = {"input"}
            for node in graph.nodes:
                assert node.path not in seen
                assert set(node.inputs) <= seen
                seen.add(node.path)
                assert node.parameter_count >= 0
                assert node.macs >= 0
                assert all(isinstance(n, int) and n >= 1 for n in node.shape)
        except UserError as error:
            readable(error)
        assert time.process_time() - begin < SECONDS


def readable(error: UserError) -> None:
    shown = str(error)
    assert error.where
    assert error.got
    assert len(shown) < 2000
    assert all(character.isprintable() or character == "\n" for character in error.excerpt)
    assert set(error.to_dict()) == {"where", "got", "expected", "hint"}
    if "column" in error.where:
        line, caret = error.excerpt.split("\n")
        assert caret.strip() == "^"
        assert len(caret) <= len(line) + 1


def survives(text: str) -> None:
    check_survives(lambda: Network.parse(text))


def survives_json(text: str) -> None:
    check_survives(lambda: Network.from_json(text))


valid_texts = networks().map(format_statements)
workable = st.sampled_from([TEXTS[0], *(shape + text for shape in ("", "input 3x8x8\n") for text in TEXTS[1:])])
texts = st.one_of(
    st.text(max_size=60),
    st.binary(max_size=60).map(lambda data: data.decode("latin-1")),
    soups,
    broken(workable),
    broken(valid_texts),
)
json_texts = st.one_of(
    st.text(max_size=30),
    broken(valid_texts.map(lambda text: Network.parse(text).to_json())),
    broken_json(st.one_of(valid_texts, workable).map(lambda text: Network.parse(text).to_json())),
)


@settings(FEW, max_examples=examples(400))
@given(texts)
@example("\ufeff\ufeffrelu")
@example("\x00")
@example("relu # \ud800")
@example("conv \u0661\u0662 3x3")
@example("as as as")
@example("block as { relu }\nas")
@example("relu as repeat\n")
@example("add { | }")
@example("repeat repeat { relu }")
def test_any_text_is_read_or_refused_readably(text: str) -> None:
    survives(text)


@FEW
@given(json_texts)
@example('{"convscope": 1, "network": [{"steps": [{"merge": "add", "branches": [[], []]}]}]}')
@example('{"convscope": 1, "network": [{"steps": [{"call": "input", "arguments": [{"value": [1, 8, 8]}]}]}]}')
@example('{"convscope": 1, "network": [{"steps": [{"call": "dropout", "arguments": [{"value": -0.0}]}]}]}')
@example('{"convscope": 1, "network": [{"steps": [{"call": "dropout", "arguments": [{"value": NaN}]}]}]}')
@example('{"convscope": 1, "network": [{"comment": "\\ud800"}]}')
@example('{"convscope": 1, "network": [{"comment": "two\\nlines"}]}')
@example('{"convscope": 1, "network": [{"repeat": 2}]}')
@example('{"convscope": 1, "network": ' + "9" * 5000 + "}")
@example("[" * 100_000)
@example('{"a":' * 100_000)
def test_any_json_is_read_or_refused_readably(text: str) -> None:
    survives_json(text)


@FEW
@given(broken_json(st.one_of(valid_texts, workable).map(lambda text: Network.parse(text).to_json())))
def test_json_that_is_read_is_the_network_that_it_says(text: str) -> None:
    try:
        statements = from_json(text)
        network = Network.from_json(text)
    except UserError:
        return
    assert network.statements == statements


@pytest.mark.slow
@MANY
@given(networks())
def test_text_value_and_json_are_exact_at_length(statements: tuple[Statement, ...]) -> None:
    check_spellings(statements)


@pytest.mark.slow
@MANY
@given(untidy())
def test_a_careless_text_has_the_value_of_the_canonical_one_at_length(pair: tuple[tuple[Statement, ...], str]) -> None:
    check_untidy(pair)


@pytest.mark.slow
@MANY
@given(texts)
def test_any_text_is_read_or_refused_readably_at_length(text: str) -> None:
    survives(text)


@pytest.mark.slow
@MANY
@given(json_texts)
def test_any_json_is_read_or_refused_readably_at_length(text: str) -> None:
    survives_json(text)


def balanced(levels: int) -> str:
    return "1" if not levels else f"({balanced(levels - 1)}*{balanced(levels - 1)})"


def chained(count: int, body: str) -> str:
    """Blocks that each hold the one before, as ``body`` says."""
    blocks = [f"block b{i} {{ {body.format(f'b{i - 1}')} }}\n" for i in range(1, count)]
    return "block b0 { relu }\n" + "".join(blocks) + f"b{count - 1}"


WIDE = 140_000
MONSTERS = {
    "repeats in repeats": "repeat 5000 { repeat 5000 { relu } }",
    "repeats of nothing": "repeat 5000 { repeat 5000 { repeat 5000 { } } }",
    "repeats of comments": "repeat 5000 { repeat 5000 { repeat 5000 { # nothing\n } } }",
    "repeats in branches": "repeat 5000 { add { repeat 5000 { relu } | repeat 5000 { identity } } }",
    "2^60 calls of blocks": chained(60, "{0} > {0}"),
    "2^60 calls of blocks in branches": chained(60, "add {{ {0} | {0} }}"),
    "blocks 3000 deep": chained(3000, "{0}"),
    "blocks 3000 deep, with repeats": chained(1500, "repeat 1 {{ repeat 1 {{ repeat 1 {{ {0} }} }} }}"),
    "blocks 90 deep, called 5000 times": chained(90, "{0}").replace("\nb89", "\nrepeat 5000 { b89 }"),
    "long names, blocks deep": chained(60, "{0}").replace("b", "b" * 60),
    "a name of 100,000 letters": "a" * 100_000,
    "two names of 60,000 letters": f"block {'a' * 60_000} {{ relu }}\n{'a' * 60_001}",
    "7000 blocks and an unknown word": "".join(f"block b{i}{{relu}}\n" for i in range(7000)) + "b7001x",
    "a block of 20,000 parameters": f"block b({','.join(f'a{i}' for i in range(20_000))}) {{ relu }}",
    "32 parameters of 40 sums, 5000 times": "block b(" + ",".join(f"p{i}={'+'.join('1' * 41)}" for i in range(32))
    + ") { relu }\nrepeat 5000 { b }",
    "a sum of 2^12 numbers": f"repeat 5000 {{ conv {balanced(12)} 1x1 }}",
    "40 sums": f"repeat 5000 {{ conv {'+'.join('1' * 41)} 1x1 }}",
    "41 sums": f"conv {'+'.join('1' * 42)} 1x1",
    "sums to the right": "conv " + "1+(" * 39 + "1" + ")" * 39 + " 1",
    "a sum of 70,000 numbers": "conv " + "+".join("1" * 70_000),
    "60,000 branches": f"add {{ {'|'.join(['relu'] * 25_000)} }}",
    "5000 unequal branches": f"concat {{ {'|'.join(f'conv {i} {i % 7 + 1}' for i in range(1, 5000))} }}",
    "70,000 steps in a line": ">".join("a" * 70_000),
    "25,000 operations": "relu\n" * 25_000,
    "70,000 comments": "#\n" * 70_000,
    "140,000 blank lines": "\n" * WIDE,
    "140,000 spaces": " " * WIDE,
    "30,000 arguments": "conv " + "a=1 " * 30_000,
    "70,000 numbers": "conv " + "1 " * 70_000,
    "a window of 70,000 numbers": "conv 1 " + "x".join("1" * 70_000),
    "an input of 70,000 numbers": "input " + "x".join("1" * 70_000) + "\nrelu",
    "an input of 5 numbers": "input 1x1x1x1x1\nrelu",
    "a window that breaks off": "conv 1 " + "x".join("1" * 70_000) + "y",
    "140,000 nines": "conv " + "9" * WIDE,
    "140,000 zeros": "conv " + "0" * WIDE + "6 3x3",
    "140,000 decimals": "dropout 0." + "3" * WIDE,
    "a huge exponent": "dropout 1e" + "9" * WIDE,
    "a tiny exponent": "dropout 1e-" + "9" * WIDE,
    "huge numbers multiplied": "conv " + "*".join(["1000000000"] * 40) + " 1",
    "huge dimensions": "conv 2000000000 2000000000 padding=2000000000 dilation=2000000000",
    "huge strides": "maxpool 2000000000 stride=1 padding=1000000000 > conv 1 2000000000x1 padding=2000000000",
    "140,000 open braces": "add {" * 28_000,
    "140,000 open parentheses": "conv " + "(" * WIDE,
    "140,000 closed braces": "}" * WIDE,
    "braces opened and closed": "add { relu | relu } > " * 6000 + "relu",
    "5000 braces, closed": "repeat 1 {" * 5000 + "relu" + "}" * 5000,
    "41 braces": "repeat 1 {" * (DEEPEST + 1) + "relu" + "}" * (DEEPEST + 1),
    "40 braces": "repeat 1 {" * DEEPEST + "relu" + "}" * DEEPEST,
    "40 merges": "add {" * DEEPEST + "relu" + "| identity }" * DEEPEST,
    "40 merges in a block, twice": "block b {" + "add {" * 39 + "relu" + "| identity }" * 39 + "}\n"
    "block c {" + "add {" * 39 + "b" + "| identity }" * 39 + "}\nblock d {" + "add {" * 39 + "c" + "| identity }" * 39
    + "}\nd",
    "140,000 dots": "." * WIDE,
    "140,000 bars": "|" * WIDE,
    "140,000 thens": ">" * WIDE,
    "140,000 hashes": "#" * WIDE,
    "140,000 quotes": '"' * WIDE,
    "one letter too many": "#" * (LONGEST_TEXT + 1),
    "a megabyte": "relu\n" * 200_000,
}  # fmt: skip


LONG = {
    "70,000 numbers", "60,000 branches", "70,000 steps in a line", "25,000 operations", "140,000 blank lines",
    "70,000 comments", "5000 unequal branches",
}  # fmt: skip
"""Monsters that take seconds and have a sibling here that does not."""


@pytest.mark.parametrize(
    "text",
    [pytest.param(text, id=name, marks=[pytest.mark.slow] if name in LONG else []) for name, text in MONSTERS.items()],
)
def test_no_text_keeps_a_machine_busy(text: str) -> None:
    begin = time.process_time()
    try:
        network = Network.parse(text)
        network.graph(network.input or (1, 8, 8))
        network.to_json()
        network.text()
    except UserError as error:
        readable(error)
    assert time.process_time() - begin < 2 * SECONDS


def test_what_is_allowed_at_most_works() -> None:
    """The limits are for monsters: a network at each of them still goes all the way."""
    for text in (
        "repeat 5000 { relu }",
        MONSTERS["40 braces"],
        MONSTERS["40 merges"],
        MONSTERS["40 sums"],
        MONSTERS["sums to the right"],
        f"block {'b' * 64}({','.join(f'a{i}=1' for i in range(32))}) {{ relu }}\n{'b' * 64}",
        chained(19, "add {{ {0} | identity }}"),
    ):
        network = Network.parse("input 1x8x8\n" + text)
        assert network.graph().output.shape[1:] == (8, 8), text
        assert Network.from_json(network.to_json()) == network


@pytest.mark.parametrize("seed", range(8))
def test_bytes_read_as_latin_1(seed: int) -> None:
    survives(random.Random(seed).randbytes(300).decode("latin-1"))
