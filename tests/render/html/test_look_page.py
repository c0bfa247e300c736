import re

import numpy as np
import pytest

from convscope.errors import UserError
from convscope.network.graph import INPUT
from convscope.render.html import look_page as module
from convscope.render.html.look_page import gather, render_look_page, write_look_page
from convscope.render.html.look_sections import linked_drawing

HOSTILE = ("<script>alert('x')</script>", 'a "quoted" & <b>', "고양이", "قطة")
RESIDUAL = """input 3x12x12
conv 6 3x3 padding=1 bias=no > batchnorm > relu
add { conv 6 3x3 padding=1 > batchnorm | identity } > relu > maxpool 2 padding=1
conv 8 3x3 stride=2 groups=2 > relu6 > globalavgpool > flatten > linear 4 > softmax
"""


@pytest.fixture(scope="module")
def lenet(seen):
    return gather(seen("lenet5", ("zero", *map(str, range(1, 10)))), name="noise.png", label="3")


@pytest.fixture(scope="module")
def residual(seen):
    return gather(seen(RESIDUAL, HOSTILE), name='"><img src=x onerror=alert(1)>', label=HOSTILE[0])


@pytest.fixture(scope="module")
def chosen(seen):
    """A network of which not every unit opens."""
    patch = pytest.MonkeyPatch()
    patch.setattr(module, "opens_whole", lambda graph: False)
    patch.setattr("convscope.render.html.look_units.CHOSEN_BYTES", 9_000)
    found = gather(seen(RESIDUAL), name="noise.png", at=["conv2[7,0,1]"], attribution=False)
    patch.undo()
    return found


def test_the_page_stands_without_a_script(lenet):
    html = render_look_page(lenet, "ko")
    assert '<html lang="ko">' in html
    assert html.count("data-sheet=") == 13
    assert "Grad-CAM" in html
    assert "input[" in html.split('class="scroll trail"')[1].split("</table>")[0]
    assert len(html) < 1_800_000


def test_hostile_names_are_only_text(residual):
    html = render_look_page(residual)
    assert "<script>alert" not in html
    assert "<img src=x" not in html
    assert "고양이" in html


def test_what_is_not_asked_for_is_left_out(chosen):
    html = render_look_page(chosen)
    assert 'id="heat"' not in html
    assert "Grad-CAM:" not in html


def test_a_network_without_convolutions_has_a_page_too(seen):
    html = render_look_page(gather(seen("input 1x6x6 > flatten > linear 5 > relu > linear 3")))
    assert 'id="kernels"' not in html
    assert "no layer keeps places" in html


def test_an_unknown_unit_or_class_is_the_users_mistake(seen):
    look = seen(RESIDUAL)
    with pytest.raises(UserError, match="conv9"):
        gather(look, at=["conv9[0,0,0]"], attribution=False)
    with pytest.raises(UserError, match="class"):
        gather(look, class_name="zebra")


def test_the_drawing_leads_to_every_node_that_it_shows(seen):
    graph = seen(RESIDUAL).model.module.graph
    paths = re.findall(r'data-path="([^"]+)"', linked_drawing(graph))
    assert set(paths) <= {node.path for node in graph.nodes}
    assert {"relu1", "maxpool1", "softmax1"} <= set(paths)


def test_the_file_is_written_whole_and_progress_is_told(seen, tmp_path):
    told = []
    page = gather(
        seen(RESIDUAL),
        name="noise.png",
        at=["conv2[0,0,0]"],
        progress=lambda what, done, total: told.append((what, done, total)),
    )
    write_look_page(tmp_path / "a" / "look.html", page, "ko")
    html = (tmp_path / "a" / "look.html").read_text(encoding="utf-8")
    assert html.endswith("</html>\n")
    assert '"start":"conv2[0,0,0]"' in html
    assert {what for what, *_ in told} == {"units", "occlusion", "gradients"}
    assert all(done <= total for _, done, total in told)


def test_more_sections_stand_in_the_page(seen):
    page = gather(seen(RESIDUAL), attribution=False, more=['<section id="mine"><h2>mine</h2></section>'])
    assert '<section id="mine">' in render_look_page(page)


# In a browser

OPEN = """
hash => {
  window.location.hash = hash;
  window.dispatchEvent(new HashChangeEvent("hashchange"));
  let more;
  while ((more = document.querySelector(".terms ~ button.quiet"))) more.click();
  const text = (selector) => [...document.querySelectorAll(selector)].map((one) => one.textContent);
  const lines = [...document.querySelectorAll(".terms tbody tr")];
  const rows = lines.map((row) => [...row.cells].map((cell) => cell.textContent));
  return {
    title: text("#unit h3 code")[0], value: text("#value")[0], engine: text("#engine")[0], rows,
    bold: text(".arithmetic b"), links: [...document.querySelectorAll(".terms a")].map((one) => one.hash.slice(1)),
    way: text(".way:not(.on) code"), on: text(".way.on code"),
  };
}
"""


def number(text):
    return float(text.strip().replace("−", "-"))


def some_units(page, count, seed=0):
    generator = np.random.default_rng(seed)
    values = page.look.values
    paths = list(values)
    for path in [*paths, *generator.choice(paths, max(0, count - len(paths)))]:
        index = tuple(int(generator.integers(n)) for n in values[path].shape)
        yield f"{path}[{','.join(map(str, index))}]"


@pytest.mark.browser
@pytest.mark.parametrize("name", ["lenet", "residual"])
def test_any_unit_opens_and_its_terms_make_its_value(opened, request, name):
    gathered = request.getfixturevalue(name)
    look = gathered.look
    page = opened(render_look_page(gathered, "en"))
    for address in some_units(gathered, 60):
        unit, said = look.unit(address), page.evaluate(OPEN, address)
        assert said["title"] == address
        assert number(said["value"]) == pytest.approx(unit.value, rel=1e-8, abs=1e-30)
        assert number(said["engine"]) == pytest.approx(unit.engine, rel=1e-8, abs=1e-30)
        terms = unit.walk.terms
        assert len(said["rows"]) == len(terms)
        listed = sorted(number(row[1]) for row in said["rows"])
        assert listed == pytest.approx(sorted(terms.value_N), rel=1e-4, abs=1e-30)
        expected = {str(unit.source(term)) for term in terms} - {"None"}
        assert set(said["links"]) == expected
        if terms.weight_N is not None:
            products = [number(row[3]) for row in said["rows"]]
            assert sum(products) == pytest.approx(unit.walk.combined, abs=1e-4 * np.abs(terms.result_N).sum())
        if unit.walk.steps:
            assert number(said["bold"][-1]) == pytest.approx(unit.value, rel=1e-6, abs=1e-30)
        # The way back is the look's own.
        trail = [str(one.address) for one in look.trail(address)]
        assert said["way"] == trail[1:]


@pytest.mark.browser
def test_what_reads_a_unit_is_listed_with_what_it_adds(opened, residual):
    look = residual.look
    page = opened(render_look_page(residual, "en"))
    inside = look.values["relu1"][:, 2:10, 2:10]
    c, y, x = (int(n) for n in np.unravel_index(int(inside.argmax()), inside.shape))
    y, x = y + 2, x + 2
    # Both branches read it: the identity, and every filter at nine places.
    units = [f"add1.b.identity1[{c},{y},{x}]"]
    units += [f"add1.a.conv1[{f},{y + i},{x + j}]" for f in range(6) for i in (-1, 0, 1) for j in (-1, 0, 1)]
    adds = {}
    for unit in map(look.unit, units):
        own = [abs(term.result) for term in unit.walk.terms if str(unit.source(term)) == f"relu1[{c},{y},{x}]"]
        (adds[str(unit.address)],) = own
    said = page.evaluate(OPEN, f"relu1[{c},{y},{x}]")
    assert said["on"] == sorted(adds, key=adds.__getitem__, reverse=True)[:12]
    assert "43 more" in page.locator(".way.on").inner_text()


@pytest.mark.browser
def test_a_tap_on_a_map_opens_that_place(opened, lenet):
    page = opened(render_look_page(lenet, "en"))
    page.locator("#node").select_option("conv1")
    box = page.locator('.tile[data-channel="4"] .map').bounding_box()
    page.locator('.tile[data-channel="4"] .map').click(
        position={"x": box["width"] * 10.5 / 28, "y": box["height"] * 3.5 / 28}
    )
    assert page.locator("#unit h3 code").inner_text() == "conv1[4,3,10]"
    large = page.locator(".map.large")
    box = large.bounding_box()
    large.click(position={"x": box["width"] * 27.5 / 28, "y": box["height"] * 0.5 / 28})
    assert page.locator("#unit h3 code").inner_text() == "conv1[4,0,27]"
    large = page.locator(".map.large")
    large.focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowLeft")
    assert page.locator("#unit h3 code").inner_text() == "conv1[4,1,26]"
    page.go_back()
    assert page.locator("#unit h3 code").inner_text() == "conv1[4,1,27]"


@pytest.mark.browser
def test_layers_are_reached_by_button_drawing_and_answer(opened, lenet):
    page = opened(render_look_page(lenet, "en"))
    page.locator('.drawing [data-path="tanh2"]').click()
    assert page.locator("#unit h3 code").inner_text().startswith("tanh2[")
    page.locator("#node-after").click()
    assert page.locator("#unit h3 code").inner_text().startswith("avgpool2[")
    page.locator("#node-before").click()
    page.locator("#node-before").click()
    assert page.locator("#unit h3 code").inner_text().startswith("conv2[")
    page.locator(".chances a").nth(1).click()
    assert page.locator("#unit h3 code").inner_text().startswith("linear3[")
    assert "score of" in page.locator("#unit h3").inner_text()


@pytest.mark.browser
def test_the_field_is_drawn_on_the_picture(opened, lenet):
    page = opened(render_look_page(lenet, "en"))
    page.evaluate(OPEN, "conv1[0,3,5]")
    sides = page.locator(".field").evaluate("one => [one.style.top, one.style.left, one.style.width, one.style.height]")
    assert [float(side.rstrip("%")) for side in sides] == pytest.approx([100 * n / 32 for n in (3, 5, 5, 5)])
    assert "rows 3 to 7, columns 5 to 9" in page.locator(".sights").inner_text()


@pytest.mark.browser
def test_of_a_large_network_chosen_units_open_and_others_say_how(opened, chosen):
    page = opened(render_look_page(chosen, "en"))
    assert page.locator("#unit h3 code").inner_text() == "conv2[7,0,1]"
    for path, units in chosen.units.items():
        for unit in units[:3]:
            said = page.evaluate(OPEN, str(unit.address))
            assert number(said["value"]) == pytest.approx(unit.value, rel=1e-8, abs=1e-30), path
            assert len(said["rows"]) == len(unit.walk.terms)
            there = {str(one.address) for some in chosen.units.values() for one in some}
            assert set(said["links"]) <= there
    there = {unit.address.index for unit in chosen.units["conv2"]}
    missing = next(index for index in np.ndindex(*chosen.look.values["conv2"].shape) if index not in there)
    address = f"conv2[{','.join(map(str, missing))}]"
    page.evaluate(
        "hash => { window.location.hash = hash; window.dispatchEvent(new HashChangeEvent('hashchange')) }", address
    )
    assert f"--at '{address}'" in page.locator("#unit pre").inner_text()
    assert page.locator("#value").count() == 0


@pytest.mark.browser
def test_it_reads_in_both_languages_on_a_phone_in_the_dark(opened, residual):
    page = opened(render_look_page(residual), width=360, color_scheme="dark", locale="ko-KR", has_touch=True)
    assert page.locator("#units-title").inner_text() == "모든 수 열어 보기"
    for address in (
        "conv1[0,3,3]",
        "add1[2,1,1]",
        "maxpool1[0,0,0]",
        "softmax1[1]",
        "conv2[5,0,0]",
        "batchnorm1[1,1,1]",
    ):
        page.evaluate(OPEN, address)
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
    page.locator("#language").tap()
    assert page.locator("#units-title").inner_text() == "Open any number"
    assert not re.search("[가-힣]", page.locator("#unit").inner_text())


@pytest.mark.browser
def test_without_a_script_the_maps_and_the_trail_are_there(opened, lenet):
    page = opened(render_look_page(lenet, "en"), java_script_enabled=False)
    assert page.locator(".explorer").is_hidden()
    page.locator(".sheets summary").first.click()
    assert page.locator(".sheets img").first.is_visible()
    assert INPUT in page.locator(".trail").inner_text()


@pytest.mark.slow
@pytest.mark.shared
def test_the_sizes_that_were_promised(seen):
    assert len(render_look_page(gather(seen("lenet5")))) < 3_000_000
    assert len(render_look_page(gather(seen("resnet18")))) < 12_000_000
