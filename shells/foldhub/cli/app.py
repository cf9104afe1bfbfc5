"""The commands and where each is, and what becomes of what they raise.

A command is a function in a file of its own, imported when it is asked for. It returns its exit code, or None where all is fine;
what people read goes to standard output, how far it has come and what went wrong to standard error.
"""

import os
import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.metadata import version

from cyclopts import App, CycloptsError
from rich.console import Console

from foldhub_core import NetworkError
from foldhub_stores import StoreError

FINE, FOUND, USAGE, INTERRUPTED = 0, 1, 2, 130

COMMANDS = {
    "backup": "foldhub.cli.backup:backup",
    "check": "foldhub.cli.check:check",
    "compact": "foldhub.cli.compact:compact",
    "demo": "foldhub.cli.demo:demo",
    "export": "foldhub.cli.export:export",
    "import": "foldhub.cli.import_log:import_log",
    "repair": "foldhub.cli.repair:repair",
    "serve": "foldhub.cli.serve:serve",
    "status": "foldhub.cli.status:status",
    "tail": "foldhub.cli.tail:tail",
    "token": "foldhub.cli.token:app",
    "verify-store": "foldhub.cli.verify_store:verify_store",
}
"""By name, where each is."""


def run(arguments: Sequence[str]) -> int:
    """Run one command; gives its exit code. An error that is known is one line, everything else is ours and shows where."""
    try:
        came: object = _app(arguments)(list(arguments), exit_on_error=False, result_action="return_value")
        return came if isinstance(came, int) else FINE
    except CycloptsError:
        return USAGE
    except (StoreError, NetworkError) as error:
        return _wrong(str(error))
    except BrokenPipeError:
        # Whoever read it has read enough. Python would complain once more when it flushes.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FINE
    except OSError as error:
        return _wrong(f"{error.strerror or error}: {error.filename}" if error.filename else str(error))
    except KeyboardInterrupt:
        _wrong("interrupted; what was there before is there still")
        return INTERRUPTED


def _app(arguments: Sequence[str]) -> App:
    app = App(
        name="foldhub",
        help="A network hub for agents: run one, and look after its store.",
        version=lambda: version("foldhub"),
        error_console=Console(stderr=True),
        help_format="markdown",
        suppress_keyboard_interrupt=False,
    )
    # Where one is asked for, none of the others is imported; a list of them says what each is.
    named = {arguments[0]: COMMANDS[arguments[0]]} if arguments and arguments[0] in COMMANDS else COMMANDS
    for name, place in named.items():
        module, _, function = place.partition(":")
        command = getattr(import_module(module), function)
        app.command(command) if isinstance(command, App) else app.command(command, name=name)
    return app


def _wrong(what: str) -> int:
    print(f"foldhub: {' '.join(what.split())}", file=sys.stderr)
    return FOUND
