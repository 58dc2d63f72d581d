"""The report's panel on what made the study: versions, seeds, digests, machines and times."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from rightreason import machine
from rightreason import provenance_data as data
from rightreason.durations import duration
from rightreason.report_blocks import Block, Details, Table, Text
from rightreason.report_data import TEXTS, Study
from rightreason.report_elsewhere import trained_here
from rightreason.sentences import NBSP, UNDEFINED, join, number
from rightreason.words import _, mark, plural

SOFTWARE = {
    "snakemake": mark("runs the stages"),
    "dcm2niix": mark("DICOM to NIfTI"),
    "pydicom": mark("DICOM headers and pixels"),
    "highdicom": mark("DICOM segmentations"),
    "nibabel": mark("NIfTI"),
    "SimpleITK": mark("NRRD, resampling"),
    "torch": mark("networks"),
    "pytorch-lightning": mark("training"),
    "monai": mark("networks"),
    "captum": mark("saliency by gradients"),
    "numpy": mark("arrays"),
    "scipy": mark("statistics"),
    "statsmodels": mark("statistics"),
    "scikit-learn": mark("ROC curves"),
    "pandas": mark("tables"),
    "matplotlib": mark("figures"),
}
"""Packages whose version may matter to a number or a picture, and what they are for."""

TABLES = {*TEXTS, "cohort", "curves"}
"""Of the stage summary: what an earlier version left beside them is no part of the study."""
Records = Mapping[str, Mapping[str, Any]]


def provenance(study: Study) -> Sequence[Block]:
    """Versions, seeds, digests, hardware and the time that each stage took."""
    records = data.training_records(study.results, data.networks(study.config))
    return [
        Text([repeat()]),
        _versions(records),
        _seeds(study, records),
        *_digests(study),
        _hardware(records),
        *_times(study),
    ]


def repeat() -> str:
    """Say how to repeat the study, and how far its versions are those of the lock."""
    how = _(
        "To repeat the study, run `snakemake` with the same config and tables, and the versions of "
        "envs/requirements.lock, which `make install` installs. Folds, resamples and shifts are "
        "then the same on every machine; networks are the same to the bit on a CPU with as many "
        "threads, and on a GPU as far as its operations are deterministic."
    )
    off = data.off_the_lock(SOFTWARE)
    if not data.locked():
        return how
    if off:
        return f"{how} " + _("Not of the version of the lock here: {packages}.").format(
            packages=join(f"{name} {data.installed(name)}" for name in off)
        )
    return f"{how} " + _("Every package of the table that is installed here is of that version.")


def _versions(records: Records) -> Table:
    trained = {
        name: _counted(data.of_networks(records, "versions", key))
        for name, key in {
            "Python": "python", "torch": "torch", "pytorch-lightning": "pytorch_lightning",
            "monai": "monai",
        }.items()
    }  # fmt: skip
    python = machine.python()
    rows = [
        ["rightreason", _("the pipeline"), data.own_version() or UNDEFINED, UNDEFINED],
        ["Python", _("runs everything"), python, trained["Python"]],
        *([name, _(use), data.installed(name) or UNDEFINED, trained.get(name, UNDEFINED)]
          for name, use in SOFTWARE.items()),
    ]  # fmt: skip
    caption = _(
        "Versions: where this page was made, and of training as the networks’ records say it. A "
        "package that is not installed where the page was made shows a dash."
    )
    return Table(caption, [_("Software"), _("For"), _("Here"), _("In training")], rows)


def _counted(found: Counter[str]) -> str:
    """List values; how many networks have each, where they differ."""
    if len(found) < 2:
        return next(iter(found), UNDEFINED)
    return join(
        plural("{value} ({n} network)", "{value} ({n} networks)", n).format(value=value, n=n)
        for value, n in sorted(found.items())
    )


def _seeds(study: Study, records: Records) -> Table:
    train, summary = study.config["train"], study.config["summary"]
    first = int(train.get("seed", 0))
    seeds = sorted(int(seed) for seed in data.of_networks(records, "seed"))
    trained = seeds or list(range(first, first + int(train["seeds"])))
    training = [
        [_("Folds, and the patients held out to stop training"), str(first)],
        [_("Trainings"), ", ".join(map(str, trained))],
    ]
    rows = [
        *(training if trained_here(study.config) else []),
        [_("Bootstrap and permutations"), str(summary["seed"])],
        [_("Shifts of a case’s map, order of donors"), _("the case’s name")],
    ]
    if _embedded(study):
        rows.append([_("Embedded cohort"), str(study.config["demo"]["seed"])])
    return Table(_("Seeds."), [_("Of"), _("Seed")], rows)


def _embedded(study: Study) -> bool:
    """Say whether the cases are those of the embedded cohort."""
    table = study.results / "demo" / "cases.tsv"
    if not table.is_file() or "demo" not in study.config:
        return False
    named = [line.split("\t")[0] for line in table.read_text(encoding="utf-8").splitlines()[1:]]
    return set(named) == set(study.cases)


def _digests(study: Study) -> Iterable[Block]:
    results, models = study.results, study.models
    networks = {
        model: [results / "train" / name / "weights.ckpt" for name in data.networks(study.config)
                if name.partition("/")[0] == model]
        for model in trained_here(study.config)
    }  # fmt: skip
    rows = [
        [_("Config, without the paths of tables and the device"), data.of_values(study.config)],
        [_("Cases: site, label"), data.of_values(study.cases)],
        [_("CT: records of the conversion, with digests of the slices’ UIDs"),
         _together(results, results.glob("convert/*.json"), study)],
        [_("Annotations: the raters’ votes"),
         _together(results, results.glob("annotate/*/votes.nii.gz"), study)],
        *([_("Weights of model {model}").format(model=model), _together(results, paths)]
          for model, paths in networks.items()),
        *_from_outside(study.config),
        *([_("Probabilities of model {model}").format(model=model),
           _together(results, [results / "predict" / f"{model}.tsv"])] for model in models),
        *([f"summary/{path.name}", data.of_file(path)]
          for path in sorted(results.glob("summary/*.tsv")) if path.stem in TABLES),
        *([_("Code of the stage {stage}").format(stage=stage), digest]
          for stage, digest in data.code_digests().items()),
    ]  # fmt: skip
    caption = _(
        "Digests: the first {n} digits of a sha256. Of several files together it is that of what "
        "`sha256sum` prints of them in the folder results, sorted by name. The code is what lay "
        "here when the page was made; Snakemake makes anew what other code had made."
    ).format(n=data.DIGITS)
    columns = [_("Of"), _("Digest")]
    yield Table(caption, columns, [[of, data.short(digest)] for of, digest in rows])
    single = [
        [path.relative_to(results).as_posix(), data.of_file(path)]
        for paths in networks.values() for path in paths if path.is_file()
    ]  # fmt: skip
    if single:
        title = _("The weights of each network (sha256)")
        yield Details(title, [Table(title, [_("File"), _("Digest")], single)])


def _from_outside(config: Mapping[str, Any]) -> Iterable[list[str]]:
    """List the digests of weights that were trained elsewhere, and of the code of own networks."""
    for name, model in config["models"].items():
        for n, digest in enumerate(model.get("trained_digests", []), start=1):
            yield [_("Weights of model {model}, given, file {n}").format(model=name, n=n), digest]
        if "code_digest" in model:
            yield [_("Code of the network of model {model}").format(model=name),
                   model["code_digest"]]  # fmt: skip


def _together(results: Path, paths: Iterable[Path], study: Study | None = None) -> str:
    """Digest files together, those of other cases left out; a dash where there is none."""
    mine = [
        path for path in paths
        if path.is_file() and (study is None or _case_of(path) in study.cases)
    ]  # fmt: skip
    return data.of_files(mine, results) if mine else UNDEFINED


def _case_of(path: Path) -> str:
    return path.stem if path.suffix == ".json" else path.parent.name


def _hardware(records: Records) -> Table:
    here = [
        [_("This page"), machine.processor(), str(machine.cores()), _gib(machine.memory_gib()),
         machine.system()]
    ]  # fmt: skip
    trained: dict[tuple[str, ...], list[str]] = {}
    for network, record in records.items():
        hardware = record.get("hardware", {})
        device = str(record.get("device", ""))
        processor = str(hardware.get("processor", "")) or _("a CPU")
        name = processor if device in ("cpu", "") else f"{device}; {processor}"
        key = (name, str(hardware.get("cores", UNDEFINED)))
        trained.setdefault(key, []).append(network)
    rows = [
        [plural("Training of {n} network", "Training of {n} networks", len(networks)).format(
            n=len(networks)), *key, UNDEFINED, UNDEFINED]
        for key, networks in trained.items()
    ]  # fmt: skip
    caption = _("Hardware: of the training, as the networks’ records say it, and of this page.")
    columns = [_("Of"), _("Processor or GPU"), _("Cores"), _("Memory"), _("System")]
    return Table(caption, columns, [*rows, *here])


def _gib(memory: float) -> str:
    return f"{memory:.0f}{NBSP}GiB" if memory > 0 else UNDEFINED


def _times(study: Study) -> Iterable[Block]:
    found = data.times(study.results.parent / "logs", study.cases, study.config)
    rows = [
        [stage, str(took.jobs), _time(took.seconds), _time(took.longest),
         f"{number(round(took.peak_mb))}{NBSP}MB" if took.peak_mb else UNDEFINED]
        for stage, took in found.items()
    ]  # fmt: skip
    caption = _(
        "What the stages took: the jobs as last run, the sum of their times, the longest of them, "
        "and the most memory that one held. The report itself is left out: its time is known when "
        "it has ended."
    )
    columns = [_("Stage"), _("Jobs"), _("Together"), _("Longest"), _("Peak memory")]
    if rows:
        yield Table(caption, columns, rows)
    absent = set() if trained_here(study.config) else {"train"}
    absent |= set() if study.config["trust"]["tests"] else {"trust"}
    unknown = [stage for stage in data.STAGES[1:-2] if stage not in {*found, *absent}]
    if unknown:
        yield Text([
            _("No times are known of {stages}: their logs are not here, as when results were "
              "brought from another machine.").format(stages=join(unknown))
        ], "small")  # fmt: skip


def _time(seconds: float) -> str:
    return duration(seconds).replace(" ", NBSP)
