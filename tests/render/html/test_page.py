import base64
import hashlib
import json
import re

from markupsafe import Markup

from convscope.render.html.languages import both, spoken
from convscope.render.html.page import json_text
from convscope.render.html.page import page as whole_page


def page(**given):
    options = {"title": "a <title>", "data": {}, "lang": None}
    return whole_page("page.html", **{**options, **given}, scripts=("page.js", "unit.js"), styles=("page.css",))


def test_the_policy_names_the_script_and_nothing_else():
    html = page()
    script = re.search(r'<script type="module">(.*?)</script>', html, re.DOTALL)[1]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}';" in html
    assert "default-src 'none'" in html
    assert "import " not in script.replace("import(", "")
    assert not re.search(r"^export ", script, re.MULTILINE)


def test_what_people_wrote_stays_text():
    hostile = "</script><script>alert(1)</script><!--\udcff&"
    html = page(title=hostile, data={"name": hostile})
    assert "<script>alert" not in html
    data = re.search(r'<script type="application/json" id="data">(.*?)</script>', html, re.DOTALL)[1]
    assert json.loads(data)["name"] == hostile.replace("\udcff", r"\udcff")


def test_fields_are_put_in_in_every_language():
    assert both("channel n", n="<b>3</b>").count("<b>3</b>") == 2
    assert spoken("channel n", n="<b>3</b>").count("&lt;b&gt;3&lt;/b&gt;") == 2
    assert spoken("channel n", n=Markup("<b>3</b>")).count("<b>3</b>") == 2


def test_the_language_is_the_asked_one_or_the_browsers():
    assert '<html lang="ko">' in page(lang="ko")
    assert '<html lang="en" data-lang="browser">' in page()


def test_json_has_no_number_that_is_none():
    assert json_text({"a": [1, "é"]}) == '{"a":[1,"é"]}'
