from hashlib import sha256
from pathlib import Path

from rightreason.layout import Layout, by_shard, shard_of

CASES = [f"case{n}" for n in range(400)]


def test_the_shard_of_a_case_is_the_remainder_of_its_digest() -> None:
    for case in CASES[:5]:
        number = int(sha256(case.encode()).hexdigest()[:16], 16)
        assert shard_of(case, 7) == f"shard{number % 7}"


def test_shards_are_of_like_size_and_a_new_case_touches_one() -> None:
    before = by_shard(CASES, 4)
    assert list(before) == ["shard0", "shard1", "shard2", "shard3"]
    assert sorted(case for cases in before.values() for case in cases) == sorted(CASES)
    # 400 in 4: mean 100, standard deviation 8.7.
    assert all(70 < len(cases) < 130 for cases in before.values())
    after = by_shard(["new", *CASES], 4)
    changed = [shard for shard in before if after[shard] != before[shard]]
    assert changed == [shard_of("new", 4)]


def test_shards_without_a_case_are_none() -> None:
    assert set(by_shard(["a"], 50)) == {shard_of("a", 50)}


def test_shards_are_ordered_by_number() -> None:
    assert list(by_shard(CASES, 11)) == [f"shard{n}" for n in range(11)]


def test_maps_lie_in_the_folder_of_their_shard() -> None:
    layout = Layout(7)
    folder = Path("results/saliency/m/gradcam") / shard_of("A1", 7)
    assert layout.map("m", "gradcam", "A1") == folder / "A1.nii.gz"
    assert layout.map("m", "gradcam", "A1", seed=2) == folder / "A1.seed2.nii.gz"
    assert layout.map_tables("m", "gradcam", ["A1"]) == [folder / "maps.tsv"]
