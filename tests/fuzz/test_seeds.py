"""Every seed holds without atheris, and every target has some."""

import pytest

import make_seeds
import runner
from wattwatch.errors import FrameError

TARGETS = runner.targets()


@pytest.mark.parametrize("name", TARGETS)
def test_the_seeds_of_a_target_hold(name: str) -> None:
    assert runner.replay(name) >= 2


def test_corpus_and_targets_belong_together() -> None:
    assert sorted(path.name for path in (runner.HERE / "corpus").iterdir()) == TARGETS


def test_the_corpus_is_what_make_seeds_makes() -> None:
    assert {name: dict(runner.seeds(name)) for name in TARGETS} == make_seeds.all_seeds()


def test_seeds_are_small() -> None:
    sizes = {(name, seed): len(data) for name in TARGETS for seed, data in runner.seeds(name)}
    assert max(sizes.values()) <= 6000, sizes


def test_a_broken_law_is_told_with_its_seed(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_: bytes) -> None:
        raise FrameError("no")

    monkeypatch.setattr(runner, "check_of", lambda _: broken)
    with pytest.raises(FrameError) as caught:
        runner.replay("frame")
    assert caught.value.__notes__ == ["seed frame/short"]
