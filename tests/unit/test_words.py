"""The report in other languages: whole catalogues, tables told, and pages without English."""

from __future__ import annotations

import base64
import io
import re
from html.parser import HTMLParser
from string import Formatter

import pytest
from fontTools.ttLib import TTFont
from matplotlib.figure import Figure
from rightreason import figures, headline_text, sentences
from rightreason.catalogue import messages, of_code, read, untranslated, updated, written
from rightreason.config_audit import Report
from rightreason.digest import SCRIPTS, modules_of
from rightreason.japanese_font import page_font
from rightreason.report_data import Interval, read_study
from rightreason.sentences import NBSP, commas, join, ordinal, paragraph, percent, points
from rightreason.summary_words import STANDS_OUT
from rightreason.told import KNOWN, told
from rightreason.verdict import QUADRANTS
from rightreason.words import LOCALE, _, plural, speaking

from tests.unit.report_fakes import fake_config, fake_study, page_of

LANGUAGES = sorted(path.stem for path in LOCALE.glob("*.po"))
NAN = float("nan")


def places(message: str) -> set[str]:
    return {name for _text, name, _spec, _conversion in Formatter().parse(message) if name}


def test_only_whole_constant_messages_are_taken_from_code():
    source = (
        '_("one " "two")\n_(TABLE[row["key"]])\nmark("b") or plural("c", "{n} c", n)\n_(f"{x}")\n'
    )
    assert list(of_code(source)) == [("one two",), ("b",), ("c", "{n} c")]


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_catalogue_is_what_make_words_would_write(language):
    path = LOCALE / f"{language}.po"
    found = read(language)
    assert untranslated(found) == []
    assert [message.id for message in found if message.fuzzy and message.id] == []
    asked = {message[0] for message in messages()}
    held = {m.id if isinstance(m.id, str) else m.id[0] for m in found if m.id}
    assert held == asked
    assert written(updated(found), path.read_text("utf-8")) == path.read_text("utf-8")


@pytest.mark.parametrize("language", LANGUAGES)
def test_translations_have_the_places_of_their_originals(language):
    wrong = []
    for message in read(language):
        ids, texts = (
            (found,) if isinstance(found, str) else found for found in (message.id, message.string)
        )
        asked = set().union(*map(places, ids))
        wrong += [text for text in texts if message.id and places(text) != asked]
    assert wrong == []


def test_the_languages_of_the_config_have_a_catalogue():
    known = Report.model_json_schema()["properties"]["language"]["enum"]
    assert sorted({*known} - {"en"}) == LANGUAGES


@pytest.mark.parametrize("message", KNOWN)
def test_every_text_of_a_table_is_told(message):
    filled = {name: str(70 + i) for i, name in enumerate(sorted(places(message)))}
    if "reason" in filled:
        filled["reason"] = "localizer"
    text = message.format(**filled)
    assert told(text) == text
    with speaking("ja"):
        inner = filled | ({"reason": "位置決め画像"} if "reason" in filled else {})
        assert told(text) == _(message).format(**inner) != text


def test_several_texts_in_one_cell_are_told():
    with speaking("ja"):
        assert told("nothing attended (2); nothing marked (1)") == "注目なし（2）；記入なし（1）"
        said = told(
            "No region of this size could have been called relevant. Only a region without any "
            "overlap could have been called irrelevant."
        )
        assert said == (
            "この大きさの領域では「関連」と判定しえない。重なりの全くない領域のみ「無関係」と判定しえた。"
        )
        assert told(STANDS_OUT.format(rater="r. 3", difference="0.20")).startswith("評価者r. 3は")
        partly = "secondary capture (some frames)"
        assert told(partly) == "二次キャプチャ画像（一部のフレーム）"


def test_what_no_stage_writes_is_told_as_it_is():
    with speaking("ja"):
        for text in ("", "localizers", "<b>gap</b>: x", "nothing marked (1); else. More."):
            assert told(text) == text


@pytest.mark.parametrize("stage", ["convert", "annotate", "saliency", "overlap", "summary"])
def test_only_the_report_translates(stage):
    used = {path.name for path in modules_of(SCRIPTS / f"{stage}.py")}
    assert "marked_words.py" in used or stage == "annotate"
    assert used.isdisjoint({"words.py", "told.py", "sentences.py", "catalogue.py"})


def test_numbers_and_lists_in_japanese():
    assert join(["a", "b", "c"]) == "a, b and c"
    with speaking("ja"):
        assert percent(0.413) == "41%"
        assert points(-0.12) == "−12.0ポイント"
        assert {ordinal(n) for n in (1, 2, 3, 5, 11)} == {"1", "2", "3", "5", "11"}
        assert sentences.chance_words(fake_config()) == "5～95パーセンタイル"
        assert join(["a", "b", "c"]) == commas("abc") == "a、b、c"
        assert paragraph("一。", "", "二。") == "一。二。"
        assert plural("{n}\u00a0case", "{n}\u00a0cases", 1).format(n=1) == "1例"
        assert _("") == ""
        assert {_(name) for name in QUADRANTS.values()}.isdisjoint(QUADRANTS.values())
    assert percent(0.413) == f"41{NBSP}%"


@pytest.fixture(scope="module")
def fakes(tmp_path_factory):
    config = fake_config()
    config["report"] |= {"language": "ja", "title": ""}
    records = {
        "c01": {"corrections": ["gap: 1 slice interpolated at 104.5 mm", "rewritten: "
                                "files that dcm2niix does not read, uncompressed"]},
        "c03": {"left_out": [{"reason": "modality MR, not CT", "files": [0]}]},
    }  # fmt: skip
    return fake_study(
        tmp_path_factory.mktemp("japanese"), config=config, records=records, seed=6,
        slices={"c05": {"r2": 1}}, ratios={"c07": NAN}, attended=60, limits=(0.6, 0.95),
    )  # fmt: skip


@pytest.fixture(scope="module")
def page(fakes):
    return page_of(fakes)


def numbers(text: str) -> list[str]:
    return sorted(re.findall(r"\d+(?:\.\d+)?", text))


def test_the_first_sentences_hold_the_same_numbers(fakes):
    study = read_study(*(fakes.arguments[name] for name in ("config", "cases", "results", "check")))
    for model in study.models:
        said = headline_text.headline(study, model) + headline_text.elsewhere(study, model)
        with speaking("ja"):
            told_so = headline_text.headline(study, model) + headline_text.elsewhere(study, model)
        assert numbers(said) == numbers(told_so)
        assert len(numbers(said)) > 9
        assert f"{model}は" in told_so


class Shown(HTMLParser):
    """Collects what a reader sees or hears of `main`: text, alternative texts, labels."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.texts: list[str] = []
        main = text[text.index("<main") : text.index("</main>")]
        # What is marked as English stays English: the references. Provenance is all names.
        english = r'<ul [^>]*lang="en">.*?</ul>|<div class="panel" id="methods-3">.*?</section>'
        self.feed(re.sub(english, "", main, flags=re.DOTALL))

    def handle_starttag(self, tag, attrs):
        self.texts += [text for name, text in attrs if name in ("alt", "aria-label", "title")]

    def handle_data(self, data):
        self.texts.append(data)


NAMES = """
    AUC AUROC BCa Brier Dice IoU DeLong Efron Fleiss Hausdorff Hedges Hesterberg Holm IPAex IPA
    Jaccard Krippendorff Newcombe Obuchowski Spearman STAPLE Wilson Youden
    DICOM NIfTI dcm2niix out of fold NaN
    Captum Lightning MONAI NiiVue PyTorch Snakemake Zeng highdicom rightreason
    planar block drowning other gradcam integrated_gradients DenseNet121
    union majority intersection staple otsu top10 slices subset volume Maker Model
"""


def test_a_japanese_page_holds_no_english(page):
    assert '<html lang="ja">' in page
    words = {w for text in Shown(page).texts for w in re.findall(r"[A-Za-z][A-Za-z0-9_]{3,}", text)}
    assert words - set(NAMES.split()) == set()
    assert "drowning" in words


def test_no_picture_lacks_a_letter(recwarn):
    letters = "".join(
        text for message in read("ja") if message.id
        for text in ((message.string,) if isinstance(message.string, str) else message.string)
    )  # fmt: skip
    shown = "".join(sorted({*letters} - {"$"})) + "κ’–−±≤"
    rows = [figures.Dot(shown, Interval(0.5, 0.4, 0.6, 9))]
    with speaking("ja"):
        drawn = figures.dots(rows, "無関係率 κ", (0, 1), figures.BLUE, True, "x", "y")
    assert not [str(w.message) for w in recwarn if "Glyph" in str(w.message)]
    assert b"IPAexGothic" in drawn.files["svg"]
    # The check sees what is missing: the same without the font.
    with figures.style():
        figure = Figure()
        figure.text(0, 0, "無関係率")
        with pytest.warns(UserWarning, match="Glyph .* missing from font"):
            figures.picture(figure, "x", "y")


def test_the_pages_font_holds_the_letters_it_shows():
    assert page_font("無関係率") == ""
    with speaking("ja"):
        address, again = (
            page_font('<p>無関係 a</p><script>"\\u7387"</script>') for _time in range(2)
        )
    assert address == again
    assert address.startswith("data:font/woff;base64,")
    held = TTFont(io.BytesIO(base64.b64decode(address.split(",")[1]))).getBestCmap()
    assert {chr(code) for code in held} == set("無関係率")


def test_the_font_and_its_licence_are_named(page):
    assert "IPAexゴシックフォント（IPAフォントライセンス v1.0）" in page
