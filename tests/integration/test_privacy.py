"""A person's name, id, birth date and UIDs, in real files and in nothing that a run writes."""

from __future__ import annotations

import base64
import csv
import gzip
import json
import subprocess
import sys
import warnings
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pydicom
import pytest
import yaml
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from tests.integration.leaks import Search, dates, spellings
from tests.runs import checkout, finish, snakemake

FAMILY, GIVEN = "勅使河原", "龍太郎"
NAME = f"Teshigawara^Ryutaro={FAMILY}^{GIVEN}=てしがわら^りゅうたろう"
IDENTITY = "PID7731904X"
BIRTH = (1957, 8, 13)
TEXTS = {
    "Teshigawara", "Ryutaro", FAMILY, GIVEN, "てしがわら", "りゅうたろう", "テシガワラ", IDENTITY,
    *dates(*BIRTH),
}  # fmt: skip
UID = "1.2.826.0.1.3680043.9.77.31415926"
CHARACTER_SETS: dict[str, Any] = {"ISO 2022 IR 87": ["", "ISO 2022 IR 87"], "UTF-8": "ISO_IR 192"}
PATIENTS = ("STS_001", "STS_003", "STS_005", "STS_009")


def graft(path: Path, character_set: Any) -> set[str]:
    """Write the person into a file, wherever people write them; return the file's own UIDs."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        dataset: Any = pydicom.dcmread(path)
        dataset.SpecificCharacterSet = character_set
        free = f"{FAMILY} {GIVEN} {IDENTITY} 1957-08-13 Teshigawara"
        dataset.PatientName = dataset.ReferringPhysicianName = dataset.OperatorsName = NAME
        dataset.PatientID, dataset.PatientBirthDate = IDENTITY, "19570813"
        dataset.OtherPatientIDs, dataset.AccessionNumber = IDENTITY, IDENTITY
        for keyword in ("PatientComments", "StudyDescription", "SeriesDescription",
                        "InstitutionName", "ImageComments", "ProtocolName", "StationName",
                        "StructureSetLabel", "StructureSetName"):  # fmt: skip
            setattr(dataset, keyword, free[:60])
        block = dataset.private_block(0x0099, "ACME 1.0", create=True)
        block.add_new(1, "LO", free)
        block.add_new(2, "UN", free.encode("shift_jis"))
        dataset.file_meta.SourceApplicationEntityTitle = "Teshigawara"
        dataset.file_meta.PrivateInformationCreatorUID = UID
        dataset.file_meta.PrivateInformation = free.encode()
        dataset.save_as(path)
        return {UID} | uids_of(dataset) | uids_of(dataset.file_meta)


def uids_of(dataset: Any) -> set[str]:
    """Return every UID of a data set that is not one of the standard's own."""
    found: set[str] = set()
    for element in dataset.iterall():
        if element.VR == "UI" and element.value:
            values = element.value if element.VM > 1 else [element.value]
            found |= {str(value) for value in values}
    return {uid for uid in found if not uid.startswith(("1.2.840.10008.", "1.2.40.0.13.1.1"))}


def personal_copy(real_ct: Path, to: Path) -> set[str]:
    """Copy four patients, two in each character set, with the person grafted in; return UIDs."""
    uids: set[str] = set()
    for number, patient in enumerate(PATIENTS):
        character_set = list(CHARACTER_SETS.values())[number % 2]
        original = real_ct / "sts" / patient
        for path in [*sorted((original / "dicom").iterdir()), original / "rtstruct.dcm"]:
            copy = to / "sts" / patient / path.relative_to(original)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(path.read_bytes())
            uids |= graft(copy, character_set)
    return uids


def configuration(folder: Path) -> Path:
    """Write the sarcoma study with the smallest networks."""
    config: Any = yaml.safe_load((folder / "config" / "sts" / "config.yaml").read_text())
    network = {"network": "ResNet10", "epochs": 1, "options": {"block_inplanes": [4, 4, 8, 8]},
               "batch": 4}  # fmt: skip
    config["models"] = {
        f"{kind}_small": {"input": kind, **network} for kind in ("slices", "volume")
    }
    config["prepare"] |= {"slices": {"size": 32, "count": 4}, "volume": {"size": [24, 24, 16]}}
    config["saliency"] = {"methods": {"gradcam": {"algorithm": "gradcam"}}}
    config["overlap"], config["summary"] = {"shifts": 20}, {"bootstrap": 200}
    path = folder / "private.yaml"
    path.write_text(yaml.safe_dump(config))
    return path


@pytest.mark.slow
def test_nothing_personal_leaves(real_ct: Path, tmp_path: Path) -> None:
    folder = checkout(tmp_path / "checkout")
    uids = personal_copy(real_ct, tmp_path / "real")
    assert len(uids) > 200
    subprocess.run(
        [sys.executable, "config/sts/build_tables.py", tmp_path / "real", "data/sts"],
        cwd=folder, check=True,
    )  # fmt: skip
    config = configuration(folder)
    printed = finish(folder, "--configfile", str(config))
    search = Search(TEXTS, uids)
    assert (folder / "results" / "report" / "index.html").stat().st_size > 10_000
    assert search.folder(folder / "results") == []
    assert search.folder(folder / "logs") == []
    assert search.in_bytes(printed.encode(), "printed") == []
    errors_name_series_and_no_one(folder, config, uids)


def errors_name_series_and_no_one(folder: Path, config: Path, uids: set[str]) -> None:
    """Two series in one folder: the sentence may tell their UIDs, and nothing else."""
    cases = folder / "data" / "sts" / "cases.tsv"
    with cases.open() as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    case, series = rows[0]["case"], set()
    for number, row in enumerate(rows[:4:2]):
        for path in sorted((cases.parent / row["image"]).iterdir()):
            copy = cases.parent / "dicom" / "both" / f"{number}_{path.name}"
            copy.parent.mkdir(exist_ok=True)
            copy.symlink_to(path.resolve())
            series.add(str(pydicom.dcmread(path, stop_before_pixels=True).SeriesInstanceUID))
    cases.write_text(cases.read_text().replace(f"dicom/{case}\t", "dicom/both\t"))
    result = snakemake(folder, f"results/convert/{case}.json", "--configfile", str(config))
    assert result.returncode != 0
    log = (folder / "logs" / "convert" / f"{case}.log").read_text()
    assert "2 CT series could be the volume" in log
    assert all(uid in log for uid in series)
    search = Search(TEXTS, uids - series)
    assert search.folder(folder / "logs") == []
    assert search.in_bytes(result.stdout.encode(), "printed") == []


def png(path: Path, key: str, value: str, packed: bool, international: bool) -> None:
    notes = PngInfo()
    add = notes.add_itxt if international else notes.add_text
    add(key, value, zip=packed)
    Image.fromarray(np.zeros((4, 4), np.uint8)).save(path, pnginfo=notes)


def nifti(path: Path) -> None:
    image = nib.Nifti1Image(np.zeros((2, 2, 2), np.int16), np.eye(4))
    image.header["descrip"] = b"Teshigawara"
    nib.save(image, path)


def nifti_extension(path: Path) -> None:
    image = nib.Nifti1Image(np.zeros((2, 2, 2), np.int16), np.eye(4))
    image.header.extensions.append(nib.nifti1.Nifti1Extension("comment", IDENTITY.encode()))
    nib.save(image, path)


def archive(path: Path) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("data.pkl", f"\x80\x02X{IDENTITY}")


def page(path: Path) -> None:
    picture = path.with_suffix(".png")
    png(picture, "Comment", FAMILY, packed=True, international=True)
    packed = base64.b64encode(picture.read_bytes()).decode()
    picture.unlink()
    path.write_text(f'<img src="data:image/png;base64,{packed}">')


def packed_page(path: Path) -> None:
    packed = base64.b64encode(gzip.compress(f"{'x' * 99} {UID}".encode())).decode()
    path.write_text(f'const volume = "{packed}";')


PLANTS: dict[str, Callable[[Path], Any]] = {
    "a.txt": lambda p: p.write_text("patient RYUTARO"),
    "raw.txt": lambda p: p.write_bytes(b"..." + FAMILY.encode("iso2022_jp") + b"..."),
    "sjis.log": lambda p: p.write_bytes(GIVEN.encode("shift_jis")),
    "euc.log": lambda p: p.write_bytes(GIVEN.encode("euc_jp")),
    "utf16.log": lambda p: p.write_bytes(f"{IDENTITY}".encode("utf-16-be")),
    "uid16.log": lambda p: p.write_bytes(f"x{UID}".encode("utf-16-le")),
    "uid.tsv": lambda p: p.write_text(f"a\t{UID}.7\n"),
    "date.tsv": lambda p: p.write_text("born\n13.08.1957\n"),
    "escaped.json": lambda p: p.write_text(json.dumps({"name": FAMILY})),
    "entities.html": lambda p: p.write_bytes(FAMILY.encode("ascii", "xmlcharrefreplace")),
    "digest.json": lambda p: p.write_text(
        '{"series": "' + __import__("hashlib").sha256(UID.encode()).hexdigest()[:16] + '"}'
    ),
    "Teshigawara.txt": lambda p: p.write_text(""),
    "v.nii": nifti,
    "v.nii.gz": nifti,
    "x.nii.gz": nifti_extension,
    "w.ckpt": archive,
    "z.bin": lambda p: p.write_bytes(zlib.compress(f"of {IDENTITY}".encode())),
    "text.png": lambda p: png(p, "Author", "Teshigawara", packed=False, international=False),
    "ztxt.png": lambda p: png(p, "Author", f"{IDENTITY} " * 9, packed=True, international=False),
    "itxt.png": lambda p: png(p, "Author", GIVEN * 9, packed=True, international=True),
    "page.html": page,
    "volume.html": packed_page,
}


@pytest.mark.parametrize("name", PLANTS)
def test_the_search_finds_a_leak_in_each_kind_of_file(tmp_path: Path, name: str) -> None:
    search = Search(TEXTS, {UID})
    (tmp_path / "innocent.txt").write_text("Thorax 1.2.840.10008.1.2 0123456789abcdef 1957")
    assert search.folder(tmp_path) == []
    PLANTS[name](tmp_path / name)
    found = search.folder(tmp_path)
    assert found
    assert all(name in line for line in found)


@pytest.mark.parametrize("name", CHARACTER_SETS)
def test_the_person_is_in_the_grafted_files(tmp_path: Path, name: str) -> None:
    """In the very bytes that the character set makes of the name."""
    path = tmp_path / "a.dcm"
    path.write_bytes(Path(pydicom.data.get_testdata_file("CT_small.dcm")).read_bytes())
    uids = graft(path, CHARACTER_SETS[name])
    raw = path.read_bytes()
    encoding = "utf-8" if name == "UTF-8" else "iso2022_jp"
    assert FAMILY.encode(encoding).removesuffix(b"\x1b(B") in raw
    assert FAMILY.encode(encoding).removesuffix(b"\x1b(B").lower() in {
        spelling.removesuffix(b"\x1b(b") for spelling in spellings(FAMILY)
    }
    found = "\n".join(Search(TEXTS, uids).in_bytes(raw, "a.dcm"))
    for text in (FAMILY, "Teshigawara", IDENTITY, "19570813", "1957-08-13", UID):
        assert text in found
