"""What the shell owes after a step: data only, in the order in which it is to be done.

The answer to the arrival comes first. No effect may be carried out before its commit is durable, and all before it.
"""

from .error_record import ErrorRecord
from .records import hot


@hot
class Reply:
    """Answer the request `ref`; what `value` is, the command says."""

    ref: str
    value: object


@hot
class Refuse:
    """Answer the request `ref` with a refusal."""

    ref: str
    error: ErrorRecord


@hot
class Evict:
    """Tell this link that another one carries the agent's deliveries now."""

    agent_id: str
    link: str


Effect = Reply | Refuse | Evict
