from __future__ import annotations

import re
from dataclasses import replace
from html import escape
from html.parser import HTMLParser
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from rightreason import headline_text, sentences
from rightreason.case_slice import CaseFiles, count_raters, display_order, edge_letters, take_slice
from rightreason.errors import InputError
from rightreason.images import Grid, save
from rightreason.methods_text import methods
from rightreason.report import write_report
from rightreason.report_cases import cases_of, choose
from rightreason.report_data import Interval, read_study
from rightreason.report_warnings import warnings
from rightreason.sentences import NBSP, decimal, decimal_interval, percent, percent_interval

from tests.unit.report_fakes import (
    AFFINE,
    BINARISATIONS,
    SHAPE,
    fake_config,
    fake_record,
    fake_study,
    page_of,
)

NAN = float("nan")
ONE_MODEL = fake_config(models=("planar",))


class Outline(HTMLParser):
    """Collects headings, images and addresses of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.headings: list[int] = []
        self.alts: list[str] = []
        self.addresses: list[str] = []
        self.scripts = 0
        self.ids: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        if re.fullmatch("h[1-6]", tag):
            self.headings.append(int(tag[1]))
        if tag == "img":
            self.alts.append(given["alt"])
        # The page's own script; blocks of data are no scripts.
        self.scripts += tag == "script" and "type" not in given
        self.addresses += [given[name] for name in ("src", "href", "action") if name in given]
        self.ids += [given["id"]] if "id" in given else []


def study_of(fakes):
    arguments = {k: v for k, v in fakes.arguments.items() if k != "out"}
    return read_study(**arguments)


@pytest.fixture(scope="module")
def fakes(tmp_path_factory):
    return fake_study(tmp_path_factory.mktemp("fakes"), seed=6)


@pytest.fixture(scope="module")
def page(fakes):
    return page_of(fakes)


def test_numbers_as_text():
    assert percent(0.413) == f"41{NBSP}%"
    assert percent(0.0) == f"0{NBSP}%"
    assert percent(0.996) == f"99.6{NBSP}%"
    assert percent(0.004) == f"0.4{NBSP}%"
    assert percent(0.99995) == f">99.9{NBSP}%"
    assert percent(0.00004, unit=False) == "<0.1"
    assert percent(NAN) == "–"
    assert percent_interval(Interval(0.41, 0.36, 0.46, 30)) == f"41{NBSP}%{NBSP}[36,{NBSP}46]"
    assert percent_interval(Interval(0.41, NAN, NAN, 1)) == f"41{NBSP}%"
    assert decimal_interval(Interval(0.97, 0.94, 0.99, 60)) == f"0.97{NBSP}[0.94,{NBSP}0.99]"


def test_the_headline_says_what_the_tables_hold(fakes, page):
    performance = pd.read_csv(fakes.folder / "summary" / "performance.tsv", sep="\t")
    overlap = pd.read_csv(fakes.folder / "summary" / "overlap.tsv", sep="\t")
    for model in ("planar", "block"):
        auc = performance.query(
            "model == @model and sites == 'training' and stratum.isna()", engine="python"
        ).iloc[0]
        ratio = overlap.query(
            "model == @model and sites == 'training' and method == 'gradcam' and "
            "reference == 'union' and binarisation == 'otsu' and subset == 'correct' and "
            "measure == 'irrelevant_ratio'"
        ).iloc[0]
        sentence = (
            f"{model} tells drowning with AUC {auc.auc:.2f} "
            f"[{auc.auc_low:.2f}, {auc.auc_high:.2f}]. "
            f"Of what it attends to, {100 * ratio['mean']:.0f} % [{100 * ratio['low']:.0f}, "
            f"{100 * ratio['high']:.0f}] lies where no rater marked a finding; a map placed at "
            f"random would give {100 * ratio['chance']:.0f} %, another rater "
            f"{100 * ratio['ceiling']:.0f} %. Held against the same marks as that rater, the model "
            f"has {100 * ratio['fair']:.0f} % there; it attends to 10 % of what it saw, a rater "
            "marks 22 %."
        )
        assert sentence in page.replace(NBSP, " ")
        # Of the fakes: 22 of 100 voxels are marked, and a rater scores 25 % against the others.
        assert (ratio["chance"], ratio["ceiling"]) == (0.78, 0.25)


def test_the_page_stands_alone_and_can_be_read_aloud(page):
    outline = Outline(page)
    assert outline.scripts == 1
    assert all(address.startswith(("data:", "#")) for address in outline.addresses)
    assert "url(" not in page
    assert "@import" not in page
    assert outline.headings[0] == 1
    steps = np.diff(outline.headings)
    assert steps.max() == 1
    assert outline.headings.count(1) == 1
    assert len(outline.ids) == len(set(outline.ids))
    anchors = {
        address[1:] for address in outline.addresses
        if address.startswith("#") and not address.startswith("#case=")
    }  # fmt: skip
    assert anchors <= set(outline.ids)
    # The headline; ROC, confusion, calibration, training, quadrants, methods, their cases and
    # sensitivity of each model, and its curves at training and external sites; there the
    # distributions, places and agreement; what was marked; three pictures of three cases a model.
    assert len(outline.alts) == 1 + 8 * 2 + 2 * 2 + 3 * 2 + 1 + 18
    assert all(re.search(r"\d", alt) for alt in outline.alts)
    assert "All 31 panels were made" in page


def test_the_same_study_gives_the_same_page(fakes, page):
    assert page_of(fakes) == page


@pytest.mark.parametrize(
    ("reference", "words"),
    [
        ("union", "no rater marked"),
        ("majority", "no majority of the raters marked"),
        ("intersection", "the raters did not all mark"),
        ("staple", "outside the consensus of the raters"),
        ("r2", "outside what rater r2 marked"),
    ],
)
def test_the_words_are_true_of_the_reference(reference, words):
    assert words in headline_text.irrelevant(reference)


def test_what_comes_from_tables_is_shown_and_not_run(tmp_path):
    evil = "<script>alert(1)</script>"
    outside = {"scanner": evil, "kernel": evil, "corrections": [f"gap: {evil}"],
               "left_out": [{"reason": evil, "files": [1]}]}  # fmt: skip
    fakes = fake_study(tmp_path, site=evil, config=ONE_MODEL, records={"c02": outside})
    (tmp_path / "saliency/planar/ig/shard0/maps.tsv").write_text(f"case\treason\nc00\t{evil}\n")
    page = page_of(fakes)
    assert Outline(page).scripts == 1
    assert evil not in page
    assert f">Maker {escape(evil)}<" in page
    assert page.count("&lt;script&gt;alert(1)") >= 6


def test_a_headline_without_cases_is_said(tmp_path):
    config = fake_config(("planar",), subset="wrong")
    fakes = fake_study(tmp_path, n=8, external=0, seed=4, config=config)
    assert study_of(fakes).measure("planar", "irrelevant_ratio").n == 0
    page = page_of(fakes)
    assert "Where it looks cannot be said: none of the wrongly classified drowning cases" in page
    assert "There are no annotated, wrongly classified drowning cases with a ratio" in page
    assert "All 30 panels were made" in page


def test_no_annotation_at_all_still_gives_a_page(tmp_path):
    page = page_of(fake_study(tmp_path, n=6, external=0, config=ONE_MODEL, annotate=False))
    assert '<p class="plain">No case is annotated.</p>' in page
    assert "No drowning case is annotated" in page
    for said in ("there is no conclusion", "there is no irrelevant part", "nothing to compare",
                 "no agreement to speak of"):  # fmt: skip
        assert said in page
    assert "All 30 panels were made" in page


def test_a_single_rater_has_nobody_to_stand_beside(tmp_path):
    fakes = fake_study(tmp_path, config=ONE_MODEL, raters=("r1",), important=20)
    assert not study_of(fakes).beside("planar").known
    page = page_of(fakes).replace(NBSP, " ")
    assert "a map placed at random would give 80 %." in page
    assert "Only one rater (r1) annotated" in page
    assert "With a single rater no model can be held against another one." in page
    assert "Only r1 annotated: how far raters agree is unknown." in page
    for said in ("another rater", "Another rater", "Same marks", "same marks as that"):
        assert said not in page.split('id="methods"')[0]


def test_undefined_ratios_are_counted(tmp_path):
    fakes = fake_study(tmp_path, ratios={"c05": NAN}, config=ONE_MODEL)
    study = study_of(fakes)
    found = study.verdicts.query("case == 'c05'")
    assert found["reason"].tolist() == ["undefined"]
    page = page_of(fakes)
    assert re.search(r"planar: 1 of 5\s+annotated positive cases at the training sites", page)
    assert "no positive evidence" in page  # the reason, from the table of saliency


def test_a_missing_panel_is_shown_counted_and_an_error(tmp_path):
    fakes = fake_study(tmp_path, config=fake_config(("planar",)))
    lost = choose(study_of(fakes), "planar")["Worst"]["case"]
    (tmp_path / f"saliency/planar/gradcam/shard0/{lost}.nii.gz").unlink()
    (tmp_path / "saliency/planar/ig/shard0/maps.tsv").unlink()
    with pytest.raises(InputError) as error:
        write_report(**fakes.arguments)
    assert "2 panels of the report could not be made" in str(error.value)
    assert "Model planar" in str(error.value)
    assert "What is undefined or left out" in str(error.value)
    out = fakes.arguments["out"]
    assert not out.exists()
    page = out.with_name("incomplete.html").read_text()
    assert "2 of 30 panels could not be made" in page
    assert f"planar/gradcam/shard0/{lost}.nii.gz cannot be read" in page
    anchors = re.findall(r'<li><a href="#([a-z]+-\d)">', page)
    assert anchors == ["cases-2", "cohort-4"]
    assert all(f'id="{anchor}"' in page for anchor in anchors)

    fakes.arguments["config"]["report"]["allow_missing"] = True
    assert "2 of 30 panels could not be made" in page_of(fakes)
    assert not out.with_name("incomplete.html").exists()


def test_a_fault_of_ours_costs_one_panel(tmp_path, monkeypatch):
    fakes = fake_study(tmp_path, n=6, external=0, config=ONE_MODEL)
    monkeypatch.setattr("rightreason.report_overlap._measures", lambda *of: 1 / 0)
    with pytest.raises(InputError, match="ZeroDivisionError: division by zero"):
        write_report(**fakes.arguments)
    assert "1 of 30 panels" in fakes.arguments["out"].with_name("incomplete.html").read_text()


def test_worst_median_and_best_of_the_subset(tmp_path):
    ratios = {f"c{i:02d}": value for i, value in enumerate([0.5] * 16)}
    ratios |= {"c03": 0.1, "c05": 0.9, "c07": 0.3, "c09": 0.4, "c11": NAN, "c13": 0.99}
    config = fake_config(subset="all")
    study = study_of(fake_study(tmp_path, ratios=ratios, config=config))
    chosen = {title: row["case"] for title, row in choose(study, "planar").items()}
    # c13 is external, c11 has no ratio; of the four that are left the lower median is the second.
    assert chosen == {"Worst": "c05", "Median": "c07", "Best": "c03"}


def test_warnings_against_chance(tmp_path):
    config = fake_config(subset="all")
    high = {f"c{i:02d}": 0.9 + 0.005 * i for i in range(16)}
    study = study_of(fake_study(tmp_path, ratios=high, config=config))
    said = " ".join(warnings(study))
    assert "less than a map placed at random would: planar, block." in said
    assert "The irrelevant ratios rest on few cases" in said


def test_the_colours_of_saliency_are_those_of_the_config(tmp_path):
    fakes = fake_study(tmp_path, n=6, external=0, config=ONE_MODEL)
    pictures = {}
    for colours in ("inferno", "rainbow"):
        fakes.arguments["config"]["report"]["colours"] = colours
        study = study_of(fakes)
        (view, *_others) = cases_of(study, study.models[0])
        pictures[colours] = [picture.files["png"] for picture, _caption in view.items]
    same = [one == two for one, two in zip(*pictures.values(), strict=True)]
    assert same == [True, False, True]


@pytest.mark.parametrize(
    ("low", "high", "warned"),
    [(0.1, 0.4, "AUC below 0.5"), (0.4, 0.6, "cannot be told from 0.5"), (0.6, 0.9, "")],
)
def test_warnings_of_classification_without_annotations_too(tmp_path, low, high, warned):
    fakes = fake_study(tmp_path, n=6, external=0, config=ONE_MODEL)
    study = study_of(fakes)
    study.performance[["auc", "auc_low", "auc_high"]] = (low + high) / 2, low, high
    for verdicts in (study.verdicts, study.verdicts[:0]):
        said = " ".join(warnings(replace(study, verdicts=verdicts)))
        assert "an AUC from so few is a rough one" in said
        assert [words in said for words in ("AUC below 0.5", "cannot be told from 0.5")] == [
            warned == "AUC below 0.5", warned == "cannot be told from 0.5",
        ]  # fmt: skip


def voxel_plane(shape, marked):
    plane = np.zeros(shape)
    plane[marked] = 1
    return plane


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("flips", [(1, 1, 1), (-1, 1, -1), (-1, -1, 1)])
def test_slices_are_turned_as_readers_are_used_to(axis, flips):
    # Array axes are patient axes here; a flip of -1 counts against the RAS direction.
    grid = Grid(
        (5, 6, 7), np.diag([*(f * s for f, s in zip(flips, (2.0, 3.0, 5.0), strict=True)), 1])
    )
    u, v = (a for a in range(3) if a != axis)
    # The voxel furthest to the right or front of the first axis, and furthest up on the other.
    start = [0 if flips[a] < 0 else grid.shape[a] - 1 for a in (u, v)]
    turn, aspect = display_order(grid, axis)
    shown = turn(voxel_plane((grid.shape[u], grid.shape[v]), tuple(start)))
    assert shown.shape == (grid.shape[v], grid.shape[u])
    assert shown[0, 0] == 1
    assert aspect == grid.spacing_mm[v] / grid.spacing_mm[u]
    assert edge_letters(grid, axis) == {0: ("A", "S"), 1: ("R", "S"), 2: ("R", "A")}[axis]


def test_slices_of_a_sagittal_array_are_turned_too():
    # Array axes: head, front, left (a permuted affine).
    affine = np.zeros((4, 4))
    affine[2, 0], affine[1, 1], affine[0, 2], affine[3, 3] = 4.0, 3.0, -2.0, 1.0
    grid = Grid((5, 6, 7), affine)
    turn, aspect = display_order(grid, 0)  # an axial slice: front, left
    shown = turn(voxel_plane((6, 7), (5, 0)))  # front and right
    assert shown.shape == (6, 7)
    assert shown[0, 0] == 1
    assert aspect == 3 / 2


@pytest.fixture
def files(tmp_path):
    record = fake_record("slices")
    (tmp_path / "record.json").write_bytes(record.to_json())
    ct = np.zeros(SHAPE)
    ct[:, :, 8] = 77
    save(tmp_path / "ct.nii.gz", ct, AFFINE, np.int16)
    votes = np.zeros(SHAPE)
    votes[10:14, 20:22, 8] = 2
    save(tmp_path / "votes.nii.gz", votes, AFFINE, np.uint8, "raters=3")
    values = np.full(record.shape, -1.0)
    values[5:8, 7:10, 8] = 2.0
    values[0, 0, 2] = 5.0  # a larger maximum, but less mass
    save(tmp_path / "map.nii.gz", values, record.grid.affine, np.float32)
    return CaseFiles(
        tmp_path / "ct.nii.gz", tmp_path / "map.nii.gz", tmp_path / "votes.nii.gz",
        tmp_path / "record.json",
    )  # fmt: skip


def test_the_slice_with_most_saliency_is_shown_in_place(files):
    found = take_slice(files, BINARISATIONS["otsu"], 8)
    assert (found.number, found.count, found.raters) == (9, 12, 3)
    assert found.position_mm == -300 + 8 * 8
    assert found.axis == "z, to the head"
    assert found.ct.min() == 77
    assert found.largest == 5
    # The affine of AFFINE runs to the left and to the back: arrays are shown transposed only.
    assert found.votes[20:22, 10:14].tolist() == [[2] * 4] * 2
    assert found.votes.sum() == 16
    # Map voxel 6 of x covers CT voxels 4 + 12 and 4 + 13, map voxel 8 of y 4 + 16 and 4 + 17.
    assert (found.saliency[20:22, 16:18] == 2).all()
    assert np.nanmax(found.saliency[:, :13]) == np.nanmax(found.saliency[:17]) == 0
    assert np.isnan(found.saliency[:, :4]).all()
    assert np.isfinite(found.saliency[4:36, 4:44]).all()
    assert found.attended.any()
    assert not found.attended[np.isnan(found.saliency)].any()


def test_of_slices_with_equal_saliency_the_one_with_most_marks_is_shown(files, tmp_path):
    record = fake_record("slices")
    save(tmp_path / "map.nii.gz", np.ones(record.shape), record.grid.affine, np.float32)
    found = take_slice(files, BINARISATIONS["otsu"], 8)
    assert (found.number, found.tied) == (9, 6)


def test_votes_that_do_not_say_how_many_looked(tmp_path):
    save(tmp_path / "votes.nii.gz", np.zeros(SHAPE), AFFINE, np.uint8, "raters=11")
    assert count_raters(tmp_path / "votes.nii.gz") == 11
    save(tmp_path / "votes.nii.gz", np.zeros(SHAPE), AFFINE, np.uint8)
    with pytest.raises(InputError, match="how many raters looked"):
        count_raters(tmp_path / "votes.nii.gz")


def test_an_image_on_another_grid_is_refused(files, tmp_path):
    moved = AFFINE.copy()
    moved[0, 3] += 3
    save(tmp_path / "votes.nii.gz", np.zeros(SHAPE), moved, np.uint8, "raters=3")
    with pytest.raises(InputError, match="not on the same grid"):
        take_slice(files, BINARISATIONS["otsu"], 8)


def test_methods_are_written_from_the_config(page):
    cited = page.replace(NBSP, " ")
    assert "maximises Youden’s J [8] (sensitivity" in cited
    assert "[8] Youden WJ. Index for rating diagnostic tests." in cited
    text = re.sub(r" \[\d+\]", "", cited)
    for part in (
        "with 5 folds", "planar (DenseNet121; sees single slices", "200 draws",
        "gradcam (gradcam) and ig (integrated_gradients)", "top10 (positive part, the top 10 %",
        "from −1000 to 400 HU",
        "By policy, refused were series with missing slices and with several slices at one "
        "position; unevenly spaced slices were interpolated at the smallest step there was; a "
        "tilted gantry was corrected by a shift of each slice in its plane.",
        "one that lay partly outside the image was refused, and one whose volume changed by more "
        "than 5 % was refused",
        "maximises Youden’s J (sensitivity + specificity − 1) on the patients of the training "
        "folds that were held out to stop the training",
        "at most 10 mm from the important region", "Hausdorff distance) were measured for otsu.",
        "With the input “slices” two seen slices count as neighbours",
        "(200 shifts); and the maps of 5 other patients", "5th to 95th percentile",
        "its levels expanded for few patients (Hesterberg)", "Wilson’s interval",
        "exact where there are at most 999 patterns", "Holm’s method within a family",
        "leave-one-out: each rater’s mask",
    ):  # fmt: skip
        assert part in text
    assert "probability of 0.5" not in text


def test_methods_say_what_a_config_changes():
    config = fake_config(("block",))
    config["overlap"] |= {"distances": ["otsu", "top10"], "percentiles": [2.5, 99], "donors": 0,
                          "tolerance_mm": 4.5, "shifts": 77}  # fmt: skip
    config["summary"] |= {"strata": ["sex", "cpr"], "confidence": 0.9}
    config["train"]["seeds"] = 3
    study = SimpleNamespace(config=config, cohort=pd.DataFrame({"corrections": [""]}))
    text = " ".join(methods(study)).replace(NBSP, " ")
    for part in ("measured for otsu and top10.", "2.5th to 99th percentile", "4.5 mm", "77 shifts",
                 "this level was switched off", "tabled by sex and cpr", "a 90 % interval",
                 "Each network was trained 3 times"):  # fmt: skip
        assert part in text
    assert "count as neighbours" not in text
    config["overlap"]["distances"] = []
    assert "measured for no binarisation" in " ".join(methods(study))


@pytest.mark.parametrize(
    ("value", "text"),
    [(1, "1st"), (2.5, "2.5th"), (3, "3rd"), (5, "5th"), (11, "11th"), (22, "22nd"), (95, "95th"),
     (100, "100th"), (0, "0th")],
)  # fmt: skip
def test_percentiles_in_words(value, text):
    assert sentences.ordinal(value) == text


def test_signed_numbers_as_text():
    assert sentences.points(-0.1234) == f"−12.3{NBSP}points"
    assert sentences.points(-0.00001, unit=False) == "+0.0"
    assert sentences.signed(-0.314) == "−0.31"
    assert sentences.signed(-0.001) == "0.00"
    assert decimal(-0.004) == "0.00"
    assert decimal(-0.314) == "−0.31"
    assert sentences.probability(0.0004) == "<0.001"
    assert sentences.probability(0.0123) == "0.012"
    assert (
        sentences.shown(Interval(12.34, 8.05, 17, 3), "mm") == f"12.3{NBSP}mm{NBSP}[8.1,{NBSP}17.0]"
    )
    for words in (sentences.points, sentences.signed, sentences.probability):
        assert words(NAN) == "–"
