"""Who may ask: the principal's own rights, checked before anything else of a command.

What is not there and what is not yours are refused alike, so that nobody learns by asking which ids exist.
"""

from fnmatch import fnmatchcase

from .commands import SHELL_COMMANDS, Command, Principal, acting_id
from .errors import AccessDeniedError, shown

_SHELLS = frozenset(SHELL_COMMANDS)


def check_principal(principal: Principal, command: Command) -> None:
    """Refuse a command whose principal may not ask it at all."""
    if principal.admin:
        return
    if type(command) in _SHELLS:
        raise AccessDeniedError(f"expected the administrator for {type(command).__name__}, came another principal")
    acting = command.acting
    if acting:
        check_acts_for(principal, acting_id(command), acting)


def check_acts_for(principal: Principal, agent_id: str, where: str) -> None:
    """Refuse an agent the principal may not act for, whether there is one or not."""
    if not principal.admin and agent_id not in principal.agent_ids:
        raise AccessDeniedError(f"expected an agent the principal may act for, came {shown(agent_id)}", where=where)


def registering_glob(principal: Principal, name: str) -> str | None:
    """The first of the principal's globs that lets it register this name."""
    return next((glob for glob in principal.may_register if fnmatchcase(name, glob)), None)


def check_may_register(principal: Principal, name: str) -> None:
    """Refuse a name the principal may not register."""
    if not principal.admin and registering_glob(principal, name) is None:
        raise AccessDeniedError(f"expected a name the principal may register, came {shown(name)}", where="passport.name")
