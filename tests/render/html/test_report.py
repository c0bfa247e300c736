import base64
import io
import re
from html.parser import HTMLParser
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from convscope.evaluation.metrics import evaluate_probabilities
from convscope.evaluation.report import evaluation_report
from convscope.model.risk_coverage import RiskCoverageCurve
from convscope.network.network import Network
from convscope.network.summary import summarise
from convscope.network.table import to_html
from convscope.render.html.markup import picture_uri
from convscope.render.html.report import render_report, write_report
from convscope.render.i18n import words

HOSTILE = (
    "<script>alert('x')</script>",
    'a "quoted" & <b>',
    "고양이",
    "🐱👨‍👩‍👧",
    "قطة",
    "\x1b\udcff",
    "",
    "http://x.y/z",
)
HISTORY = [
    {"epoch": n, "train_loss": 1 / n, "train_accuracy": 1 - 0.5 / n, "val_loss": 1.2 / n, "val_accuracy": 1 - 0.6 / n,
     "lr": 0.1 / n, "seconds": 2.0, "images_per_second": 500.0}
    for n in range(1, 6)
]  # fmt: skip
VOID = {"meta", "img", "br", "hr", "link", "input"}

KOREAN = words("evaluation", "ko")


class Page(HTMLParser):
    """The tags of a page, and whether they close in order."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.open, self.text = [], [], []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)

    def all(self, tag):
        return [attributes for name, attributes in self.tags if name == tag]


def case(classes, count, side=28, channels=1, right=0.7, names=None, seed=0):
    generator = np.random.default_rng(seed)
    labels = generator.integers(0, classes, count)
    called = np.where(generator.random(count) < right, labels, generator.integers(0, classes, count))
    weights = generator.random((count, classes)) * 0.5
    weights[np.arange(count), called] += 1
    probabilities = weights / weights.sum(axis=1, keepdims=True)
    names = names or tuple(f"class {index}" for index in range(classes))
    return {
        "evaluation": evaluate_probabilities(probabilities, labels, names),
        "title": "a <title>",
        "inputs_N": generator.integers(0, 256, (count, side, side, channels), dtype=np.uint8),
        "labels_N": labels,
        "probabilities_NK": probabilities,
        "names": [f"test[{index}]" for index in range(count)],
        "history": [],
        "network_html": "",
        "facts": {"data": "somewhere <i>else</i>", "command": "convscope train 'x' && echo"},
    }


def rendered(given):
    given = dict(given)
    text = render_report(given.pop("evaluation"), **given)
    text.encode("utf-8")
    return text, checked(text)


def checked(text):
    """The page loads nothing, runs nothing, links only within itself."""
    page = Page(text)
    assert not page.all("script")
    assert "@import" not in text
    assert not re.search(r"url\(", text)
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    for tag, attributes in page.tags:
        assert not [name for name in attributes if name.startswith("on")]
        assert attributes.get("src", "data:image/").startswith("data:image/")
        link = attributes.get("href", attributes.get("xlink:href"))
        assert link is None or (link.startswith("#") and link[1:] in ids), (tag, link)
    assert all(attributes.get("alt") for attributes in page.all("img"))
    assert any("default-src 'none'" in (meta.get("content") or "") for meta in page.all("meta"))
    assert any(meta.get("name") == "viewport" for meta in page.all("meta"))
    return page


@pytest.mark.parametrize("classes", [1, 2, 10, 30, 150])
def test_any_number_of_classes(classes):
    text, page = rendered(case(classes, 300) | {"history": HISTORY if classes == 10 else []})
    assert ("Confusion matrix, " in text) == (classes <= 40)
    cards = text.count('<article class="pair"')
    if 1 < classes <= 40:
        assert len([a for a in page.all("a") if a["href"].startswith("#pair-")]) == cards
    given = case(classes, 300)
    wrong = given["labels_N"] != given["probabilities_NK"].argmax(1)
    kinds = {*zip(given["labels_N"][wrong].tolist(), given["probabilities_NK"].argmax(1)[wrong].tolist(), strict=True)}
    assert min(8, len(kinds)) <= cards <= len(kinds)
    assert cards == len(kinds) or "more kinds are not shown here" in text
    assert "lede" in text


def test_no_mistakes():
    text, page = rendered(case(3, 60, right=1.0))
    assert "It made no mistake on these pictures." in text
    assert not page.all("img")


def test_nothing_right():
    given = case(2, 40)
    labels = 1 - given["probabilities_NK"].argmax(axis=1)
    given |= {"labels_N": labels, "evaluation": evaluate_probabilities(given["probabilities_NK"], labels, ("a", "b"))}
    assert "None of 40 right" in rendered(given)[0]


@pytest.mark.parametrize(("label", "expected"), [(0, "All 1 right"), (1, "None of 1 right")])
def test_one_picture(label, expected):
    given = case(3, 1)
    given["probabilities_NK"] = np.array([[0.8, 0.1, 0.1]])
    given["labels_N"] = np.array([label])
    given["evaluation"] = evaluate_probabilities(given["probabilities_NK"], given["labels_N"], ("a", "b", "c"))
    assert expected in rendered(given)[0]


def test_what_is_not_given_is_left_out():
    text, _ = rendered(case(3, 30) | {"facts": {}, "network_html": ""})
    assert [key for key in ("curves", "facts", "network") if f'id="{key}"' in text] == []
    assert "nan" not in re.sub(r"base64,[^\"]*", "", text).lower()


def test_one_epoch_without_validation():
    history = [HISTORY[0] | {"val_loss": None, "val_accuracy": None}]
    assert "Learning curves" in rendered(case(3, 30) | {"history": history})[0]


def test_hostile_names_are_only_text():
    given = case(len(HOSTILE), 200, right=0.3, names=HOSTILE)
    given["names"] = ['"><img src=x onerror=alert(1)>'] * 200
    text, page = rendered(given)
    words = "".join(page.text)
    for name in (*HOSTILE[:5], "a <title>", "somewhere <i>else</i>", "convscope train 'x' && echo"):
        assert name in words
    assert "\x1b" not in text


def test_the_network_is_shown_as_its_own_table():
    network = to_html(summarise(Network.parse("input 1x28x28\nconv 4 3x3 > relu > flatten > linear 3").graph()))
    text, _ = rendered(case(3, 30) | {"network_html": network})
    assert network in text


def test_the_size_of_ten_thousand_small_pictures():
    text, page = rendered(case(10, 10_000) | {"history": HISTORY})
    assert len(text) < 1_500_000
    assert 8 * 6 + 24 + 90 <= len(page.all("img")) <= 8 * 6 + 24 + 96


def accounted(given, sure=None, part="new", temperature=2.0):
    """The same with the report of a model whose thresholds are from other pictures of the kind."""
    other = case(len(given["evaluation"].classes), 2000, seed=1)
    right = other["labels_N"] == other["probabilities_NK"].argmax(1)
    curve = RiskCoverageCurve.measured(other["probabilities_NK"].max(1), right, "validation pictures")
    model = SimpleNamespace(temperature=temperature, facts={}, curve=curve)
    sizes = np.repeat([[10, 20], [30, 20], [100, 200]], [100, 100, len(given["names"]) - 200], axis=0)
    values = (given["evaluation"], given["probabilities_NK"], given["labels_N"], given["names"])
    return given | {"evaluation_report": evaluation_report(model, *values, sizes_N2=sizes, sure=sure, part=part)}


def test_an_account_is_told_at_the_head_in_charts_and_tables():
    text, page = rendered(accounted(case(4, 300), sure=0.75))
    lede = re.search(r'<p class="lede">(.*?)</p>', text, re.DOTALL)[1]
    assert "Asked for an accuracy of 75\xa0%, it answers" in lede
    for key in ("reliability", "sure", "sizes"):
        assert f'<section id="{key}"' in text
    assert "before temperature scaling by 2.00" in text
    assert "by chance" in text
    assert "<td>20 x 10</td>" in text
    labels = [attributes.get("aria-label", "") for attributes in page.all("svg")]
    assert any("accuracy when it answers" in label for label in labels)
    assert "thresholds were chosen on other pictures" in text


def test_pictures_that_are_not_new_are_said_to_flatter():
    for part, said in (
        ("learnt", "It was trained on some or all of these pictures"),
        ("judged", "were chosen on these pictures"),
    ):
        text, _ = rendered(accounted(case(4, 300), part=part))
        assert said in text
        assert "chosen on other pictures" not in text
    assert "optimistic" not in rendered(accounted(case(4, 300)))[0]


def test_what_cannot_be_vouched_for_is_said():
    text, _ = rendered(accounted(case(4, 300), sure=0.9999))
    assert "cannot be asked for an accuracy of 99.99\xa0%" in text


def test_an_account_in_korean_leaves_no_english():
    text, _ = rendered(accounted(case(3, 300, names=("가", "나", "다")), sure=0.75) | {"words": KOREAN, "facts": {}})
    said = re.sub(r"<style>.*?</style>|<[^>]*>", " ", text, flags=re.DOTALL).replace("a &lt;title&gt;", "")
    assert set(re.findall(r"[A-Za-z]{2,}", said)) <= {"convscope", "ECE", "F1", "nat", "JSON", "unknown", "test"}


def test_the_size_of_photographs():
    # Noise is the worst that a JPEG can meet.
    text, page = rendered(case(20, 500, side=224, channels=3, right=0.4))
    assert len(text) < 4_000_000
    assert len(page.all("img")) > 24


def test_pictures_keep_their_pixels_where_they_are_tiny():
    image = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)
    data = base64.b64decode(picture_uri(image).split(",")[1])
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(data))), image)
    large = np.zeros((300, 150, 1), dtype=np.uint8)
    assert Image.open(io.BytesIO(base64.b64decode(picture_uri(large).split(",")[1]))).size == (64, 128)


def test_the_file_is_written_whole(tmp_path):
    given = case(2, 20)
    path = tmp_path / "run" / "report.html"
    write_report(path, given.pop("evaluation"), **given)
    assert path.read_text(encoding="utf-8").rstrip().endswith("</html>")
    assert [file.name for file in path.parent.iterdir()] == ["report.html"]


def test_what_does_not_fit_the_evaluation_is_refused():
    given = case(2, 20) | {"names": ["one"]}
    with pytest.raises(ValueError, match="20 evaluated"):
        render_report(given.pop("evaluation"), **given)


def test_the_same_values_give_the_same_page():
    assert rendered(case(4, 50))[0] == rendered(case(4, 50))[0]


@pytest.mark.browser
def test_a_browser_shows_it_without_a_request_or_a_sideways_scroll(chromium, tmp_path):
    network = to_html(summarise(Network.parse("input 1x28x28\nconv 4 3x3 > relu > flatten > linear 3").graph()))
    for classes, names in ((8, HOSTILE), (25, None)):
        given = accounted(case(classes, 300, right=0.4, names=names), sure=0.4)
        given |= {"network_html": network, "history": HISTORY}
        given["names"] = ["a/long/path/" * 8 + f"{index}.jpeg" for index in range(300)]
        write_report(tmp_path / f"{classes}.html", given.pop("evaluation"), **given)
    said, asked = [], []
    for width, scheme in ((390, "light"), (1200, "dark")):
        page = chromium.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme)
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("request", lambda request: asked.append(request.url))
        for classes in (8, 25):
            page.goto((tmp_path / f"{classes}.html").as_uri())
            assert page.evaluate("document.documentElement.scrollWidth") <= width
        # Every framed cell leads to its pictures, to those that are folded in too.
        links = page.locator(".chart a")
        for place in (0, links.count() - 1):
            links.nth(place).click()
            assert page.evaluate("document.querySelector(':target').className") == "pair"
            assert page.locator(":target img").first.is_visible()
        page.close()
    assert said == []
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []
