"""What is configured, not remembered: given to every step, and recorded by name and fingerprint at each `Start`."""

from collections.abc import Iterable, Mapping
from typing import Any

import attrs

from .adapters.consulting import ConsultingAdapter
from .adapters.conversation import ConversationAdapter
from .adapters.discussion import DiscussionAdapter
from .adapters.protocol import Adapter
from .adapters.workflow.adapter import WorkflowAdapter
from .arbiter import Arbiter
from .evaluators import BUILT_IN_EVALUATORS
from .expectations import Evaluator, Handler
from .handlers import BUILT_IN_HANDLERS
from .limits import Limits
from .rule_arbiter import RuleBasedArbiter
from .session import Expectation, Manifest

# Any: a hub holds adapters of any state, and gives each only its own.
AnyAdapter = Adapter[Any]

BUILT_IN: tuple[AnyAdapter, ...] = (ConsultingAdapter(), ConversationAdapter(), DiscussionAdapter(), WorkflowAdapter())


_LIMITS = Limits()
_ARBITER = RuleBasedArbiter()


def _as_tuple(adapters: Iterable[AnyAdapter]) -> tuple[AnyAdapter, ...]:
    # Written out, because the type of `tuple` as a converter tells the type checkers nothing.
    return tuple(adapters)


def _index(adapters: tuple[AnyAdapter, ...]) -> Mapping[tuple[str, int], AnyAdapter]:
    return {(adapter.manifest.type, adapter.manifest.version): adapter for adapter in adapters}


def _evaluators(evaluators: Iterable[Evaluator]) -> tuple[Evaluator, ...]:
    return tuple(evaluators)


def _handlers(handlers: Iterable[Handler]) -> tuple[Handler, ...]:
    return tuple(handlers)


@attrs.frozen(kw_only=True)
class HubConfig:
    """A hub's configuration; all of it is pure."""

    adapters: tuple[AnyAdapter, ...] = attrs.field(default=BUILT_IN, converter=_as_tuple)
    """The protocols that sessions can be opened under; the last of one type and version counts."""
    limits: Limits = _LIMITS
    remote_agents: bool = False
    """Whether remote agents may be registered: then a shell forwards to them."""
    arbiter: Arbiter = _ARBITER
    """Who may do what."""
    evaluators: tuple[Evaluator, ...] = attrs.field(default=BUILT_IN_EVALUATORS, converter=_evaluators)
    """Those who say what is owed under an expectation; the last of one name counts."""
    handlers: tuple[Handler, ...] = attrs.field(default=BUILT_IN_HANDLERS, converter=_handlers)
    """Those who say what follows when it is not met; the last of one name counts."""

    _by_type: Mapping[tuple[str, int], AnyAdapter] = attrs.field(
        init=False, eq=False, repr=False, default=attrs.Factory(lambda self: _index(self.adapters), takes_self=True)
    )

    _evaluators_by_name: Mapping[str, Evaluator] = attrs.field(
        init=False,
        eq=False,
        repr=False,
        default=attrs.Factory(lambda self: {one.name: one for one in self.evaluators}, takes_self=True),
    )
    _handlers_by_name: Mapping[str, Handler] = attrs.field(
        init=False,
        eq=False,
        repr=False,
        default=attrs.Factory(lambda self: {one.name: one for one in self.handlers}, takes_self=True),
    )

    def adapter_for(self, type: str, version: int) -> AnyAdapter | None:
        """The adapter of a type and version, or None."""
        return self._by_type.get((type, version))

    def adapter_of(self, manifest: Manifest) -> AnyAdapter | None:
        """The adapter a session was opened under, or None."""
        return self._by_type.get((manifest.type, manifest.version))

    def evaluator_of(self, expectation: Expectation) -> Evaluator | None:
        """The evaluator an expectation is checked by, or None."""
        return self._evaluators_by_name.get(expectation.name)

    def handler_of(self, expectation: Expectation) -> Handler | None:
        """The handler that answers when an expectation is not met, or None."""
        return self._handlers_by_name.get(expectation.on_violation)
