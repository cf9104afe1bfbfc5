"""Every scenario goes as it is written: what the hub answers, whom it sends what, and how each failure looks."""

from pathlib import Path

import pytest

from tests.scenarios.record import main, played, scenarios


@pytest.mark.parametrize("path", scenarios(), ids=lambda path: path.stem)
def test_a_scenario_goes_as_it_is_written(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert played(text) == text


@pytest.mark.parametrize("path", scenarios(), ids=lambda path: path.stem)
def test_a_scenario_says_what_it_shows(path: Path) -> None:
    first, *rest = path.read_text(encoding="utf-8").splitlines()
    assert first.startswith("# ")
    assert any(line.startswith("> ") for line in rest)


def test_recording_writes_what_comes_of_each_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "one.txt"
    path.write_text("# One agent.\n\n> hub starts\nsomething else\n> alice registers\n", encoding="utf-8")
    assert main(tmp_path) == 0
    assert path.read_text(encoding="utf-8") == "# One agent.\n\n> hub starts\nreply\n> alice registers\nreply alice\n"
    assert main(tmp_path) == 0
    assert capsys.readouterr().out == "one.txt: changed\none.txt: as it was\n"
