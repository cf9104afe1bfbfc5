"""An error as a record: what an effect and a commit carry, where `decide` raises and a client raises again."""

from .errors import ERRORS, NetworkError
from .records import record

_BY_CODE = {error.code: error for error in ERRORS}


@record
class ErrorRecord:
    """A refusal in words: its stable code, what was expected and what came, and where."""

    code: str
    message: str
    where: str = ""


def error_record(error: NetworkError) -> ErrorRecord:
    """Write a refusal down."""
    return ErrorRecord(error.code, error.message, error.where)


def what_raised(error: Exception) -> str:
    """Say what a user's code raised, in few words, also where the error cannot say it itself."""
    try:
        told = f": {ascii(str(error))[1:-1]}"
    except Exception:
        told = ""
    return f"raised {type(error).__name__}{told}"[:200]


def error_from(record: ErrorRecord) -> NetworkError:
    """Make the error again, to be raised; a code we do not know becomes the base of the family, its code in the message."""
    known = _BY_CODE.get(record.code)
    if known is None:
        return NetworkError(f"{record.message} [{record.code}]", where=record.where)
    return known(record.message, where=record.where)
