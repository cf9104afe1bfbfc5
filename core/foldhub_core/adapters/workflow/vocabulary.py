"""A vocabulary: the conditions and targets a graph may name, and how they are read back from data.

Those that come with the workflow are in every vocabulary, a user's own in that of the adapter they were given to.
"""

from collections.abc import Iterable, Mapping
from typing import Any, TypeVar, cast

import attrs

from foldhub_core.adapters.workflow.conditions import CONDITIONS
from foldhub_core.adapters.workflow.parts import Condition, Part, Target
from foldhub_core.adapters.workflow.targets import TARGETS, Terminate
from foldhub_core.data import freeze_value
from foldhub_core.errors import Malformed, WorkflowGraphError, inside, shown, unexpected
from foldhub_core.exact import Hook, exact_converter, hook_of

P = TypeVar("P", bound=Part)
R = TypeVar("R")


class Vocabulary:
    """Parts by their names. What does not fit the declared types is `Malformed`."""

    def __init__(self, conditions: Iterable[type[Condition]] = (), targets: Iterable[type[Target]] = ()) -> None:
        self._conditions = _by_name(Condition, (*CONDITIONS, *conditions))
        self._targets = _by_name(Target, (*TARGETS, *targets))
        self._converter = exact_converter(self._record_hook, freeze_value)

    def read(self, declared: type[R], data: object) -> R:
        """Read an attrs class from a map of its fields, a part from its name and args."""
        return cast(R, hook_of(self._converter, declared)(data))

    def _record_hook(self, cls: type) -> Hook:
        if issubclass(cls, Condition):
            return lambda value: self._part(cls, self._conditions, value)
        if issubclass(cls, Target):
            return lambda value: Terminate() if value is None else self._part(cls, self._targets, value)
        return lambda value: self._built(cls, value)

    def _part(self, declared: type, known: Mapping[str, type[Part]], value: object) -> object:
        given = _map_of(value, ("name", "args"), "a map with name and args")
        name = given.get("name")
        cls = known.get(name) if isinstance(name, str) else None
        if cls is None or not issubclass(cls, declared):
            raise Malformed(f"expected one of {', '.join(sorted(known))}, came {shown(name)}", where="name")
        try:
            return self._built(cls, given.get("args", {}))
        except Malformed as refused:
            raise inside("args", refused) from None

    def _built(self, cls: Any, value: object) -> object:
        # Any: attrs tells the fields of a class only of one it is sure of.
        fields = {field.name: field for field in attrs.fields(cls)}
        given = _map_of(value, tuple(fields), f"a map with the fields of {cls.__name__}")
        values: dict[str, object] = {}
        for name, field in fields.items():
            if name in given:
                try:
                    values[field.alias] = hook_of(self._converter, field.type)(given[name])
                except Malformed as refused:
                    raise inside(name, refused) from None
            elif field.default is attrs.NOTHING:
                raise Malformed(f"expected the field {name}, came none", where=name)
        try:
            return cls(**values)
        except WorkflowGraphError as refused:
            raise Malformed(refused.message, where=refused.where) from None


def _map_of(value: object, names: tuple[str, ...], expected: str) -> dict[object, object]:
    if not isinstance(value, dict):
        raise unexpected(expected, value)
    given = cast("dict[object, object]", value)
    for name in given:
        if name not in names:
            raise Malformed(f"expected one of {', '.join(names) or 'no fields'}, came {shown(name)}")
    return given


def _by_name(kind: Any, classes: Iterable[type[P]]) -> dict[str, type[P]]:
    """Put parts under their names; raises `ValueError` over what is no such part, or has no name of its own."""
    # Any: an abstract class is a type[...] to one of the type checkers only.
    by_name: dict[str, type[P]] = {}
    for cls in classes:
        if not issubclass(cls, kind):
            raise ValueError(f"expected a subclass of {kind.__name__}, came {cls.__name__}")
        name = getattr(cls, "name", None)
        if not isinstance(name, str) or name in by_name:
            raise ValueError(f"expected a name that no other {kind.__name__} has, came {shown(name)} of {cls.__name__}")
        declared: list[object] = [field.type for field in attrs.fields(cls)]
        if any(isinstance(one, str) for one in declared):  # where a module puts off its annotations
            attrs.resolve_types(cls)
        by_name[name] = cls
    return by_name
