"""The pytest plugin: how much all checks of adapters in a run play, and what they found out.

    pytest --adapter-examples=2000 --adapter-seed=7

`check_adapter` obeys both where a test does not say otherwise. With `-v` the run ends with what every check reported. A law that
is broken is shown by its session alone, without the kit's own frames.
"""

from collections.abc import Generator
from typing import Any

import pytest

from .adapter_kit import settings
from .adapter_kit.report import AdapterLawBroken


def pytest_addoption(parser: pytest.Parser) -> None:
    """Offer the options."""
    group = parser.getgroup("foldhub", "adapters held to their laws")
    group.addoption("--adapter-examples", type=int, default=None, help="how many sessions check_adapter plays")
    group.addoption("--adapter-seed", type=int, default=None, help="the seed of what check_adapter draws")


def pytest_configure(config: pytest.Config) -> None:
    """Take the options over."""
    settings.max_examples = config.getoption("--adapter-examples")
    settings.seed = config.getoption("--adapter-seed")
    settings.reports.clear()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(call: pytest.CallInfo[Any]) -> Generator[None, Any, Any]:
    """Show a broken law by its session. Any: what other plugins make of a report."""
    report = yield
    error = None if call.excinfo is None else call.excinfo.value
    if isinstance(error, AdapterLawBroken) and report.when == "call":
        report.longrepr = str(error)
    return report


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Tell what was reported, where more is asked for. Any: pytest does not say the reporter's class."""
    if settings.reports and config.get_verbosity() > 0:
        terminalreporter.section("adapters that keep the laws")
        for report in settings.reports:
            terminalreporter.write_line(str(report))
