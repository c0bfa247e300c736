"""Other people's tables beside our counts."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from convscope.errors import UserError
from convscope.network.published import compare, read
from convscope.render.text import zoo as table

TABLE = """model,weights_or_variant,params,value,unit,input,source
resnet18,V1,11689512,1.814,GMACs,224,wheel (one)
resnet18,,11689512,3.628147,GFLOPs (2/MAC),224,counter
resnet18,,11.69M,1.82,GMACs,224,timm (macts=2.5M)
cifar_resnet20 (option A),,269722,0.081102,GFLOPs (2/MAC),32,them
vit_b_16,,1,1,GMACs,224,wheel
"""


def test_equal_to_the_printed_digit_and_no_further() -> None:
    found = compare(read(TABLE))
    assert [c.published.name for c in found] == ["resnet18"] * 3 + ["resnet20_cifar"]
    assert all(c.parameters_equal for c in found)
    assert [c.macs_equal for c in found] == [True, True, False, True]
    assert [c.published.ours for c in found] == [True, True, False, True]
    assert found[2].deviation == pytest.approx(0.0033, abs=1e-4)
    wrong = compare(read(TABLE.replace("11689512,1.814", "11689513,1.815")))
    assert not wrong[0].parameters_equal
    assert not wrong[0].macs_equal
    assert "DIFFERS" in table.published_text(wrong)


def test_the_table_and_its_json() -> None:
    found = compare(read(TABLE))
    text = table.published_text(found)
    assert "3 of 3 rows that count as we do are equal" in text
    assert "timm" in text
    assert "macts" not in text
    rows = json.loads(json.dumps(table.published_dict(found)))["rows"]
    assert [row["equal"] for row in rows] == [True, True, False, True]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("name,params\n", "no column 'model'"),
        ("", "no column 'model'"),
        (TABLE.replace(",224,wheel (one)", ",wide,wheel"), "line 2: a number is missing"),
        (TABLE.replace("1.814", "much"), "line 2: a number is missing"),
    ],
)
def test_a_table_that_cannot_be_read(text: str, said: str) -> None:
    with pytest.raises(UserError, match=said):
        read(text, "table.csv")


@pytest.mark.shared
def test_all_counts_equal_the_reference(shared: Path) -> None:
    found = compare(read((shared / "reference" / "params_and_macs.csv").read_text(encoding="utf-8")))
    same = [c for c in found if c.published.ours]
    assert len(same) >= 60
    assert [c.published for c in same if not (c.parameters_equal and c.macs_equal)] == []
