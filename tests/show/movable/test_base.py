"""What every movable figure shares: the page that stands alone, the text form, the look."""

from __future__ import annotations

import re

import pytest

from coursekit import show
from coursekit.show import style
from coursekit.show.movable import base
from tests.show.figures import FIGURES


@pytest.mark.parametrize("name", FIGURES)
def test_the_page_alone_loads_nothing(name):
    page = FIGURES[name]().standalone_html()
    assert not re.search(r"https?:|//cdn|@import|<link|src=|url\(|\bfetch\(|\bimport\b[ (]", page)


@pytest.mark.parametrize("name", FIGURES)
def test_the_page_alone_says_the_same_without_scripts(name):
    figure = FIGURES[name]()
    assert f"<noscript><p>{figure.describe()}</p></noscript>" in figure.standalone_html()


@pytest.mark.parametrize("name", FIGURES)
def test_a_front_end_without_widgets_shows_text_and_a_still_picture(name):
    figure = FIGURES[name]()
    bundle, _ = figure._repr_mimebundle_()
    assert repr(figure) == bundle["text/plain"] == figure.describe()
    image = re.search(r'<img alt="(.+?)" src="data:image/png;base64,', bundle["text/html"])
    assert image is not None
    assert f'<figcaption style="font-size: 90%; opacity: 0.85">{image[1]}</figcaption>' in bundle["text/html"]
    assert "application/vnd.jupyter.widget-view+json" in bundle  # which front ends with widgets prefer


@pytest.mark.parametrize("name", FIGURES)
def test_the_module_that_jupyter_loads_exports_the_figure(name):
    figure = FIGURES[name]()
    assert figure._esm == base.script(name) + "export default { render };\n"
    assert "const render = movable(" in figure._esm


def test_data_cannot_end_the_script_of_the_page():
    figure = base.Movable("margins", {"title": "</script><b>"}, lambda data: "<i>")
    page = figure.standalone_html()
    assert page.count("</script>") == 1
    assert "<i>" not in page


def test_data_that_cannot_be_written_into_a_page_is_refused():
    figure = base.Movable("margins", {"title": "", "x": {1, 2}}, lambda data: "")
    with pytest.raises(TypeError, match=r"plain values and bytes; got {1, 2}"):
        figure.standalone_html()


def test_every_ink_is_there_for_both_themes():
    css = base.css()
    for name, inks in style.THEMES.items():
        block = next(part for part in css.split("}") if f"color-scheme: {name};" in part)
        assert all(f"--ck-{key}: {ink};" in block for key, ink in inks._asdict().items())
    assert set(re.findall(r"var\((--ck-\w+)\)", css)) <= {f"--ck-{key}" for key in style.Theme._fields}


@pytest.mark.parametrize("name", ["movable", *FIGURES])
def test_every_control_keeps_its_arrow_keys_from_jupyterlab(name):
    source = (base.STATIC / f"{name}.js").read_text("utf-8")
    controls = re.findall(r'make\("(?:input|button|select|textarea)", \{[^}]*\}', source)
    assert all("[NO_SHORTCUTS]" in control for control in controls)
    assert controls or name != "movable"


def test_a_figure_without_an_answer_stays_silent(monkeypatch):
    figure = show.margins()
    sent = []
    monkeypatch.setattr(figure, "send", sent.append)
    figure._handle_custom_msg({"kind": "hello"}, [])
    assert sent == []
