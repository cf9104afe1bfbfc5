"""The configuration: which adapter a type and version means."""

import pytest

from foldhub_core import (
    ConsultingAdapter,
    ConversationAdapter,
    HubConfig,
    Limits,
    Manifest,
)
from foldhub_core.starting import configured
from tests.core.session_driver import Free


def test_the_built_in_protocols_are_there_unless_others_are_given() -> None:
    config = HubConfig()
    assert type(config.adapter_for("consulting", 1)) is ConsultingAdapter
    assert type(config.adapter_for("conversation", 1)) is ConversationAdapter
    assert HubConfig(adapters=()).adapter_for("consulting", 1) is None


@pytest.mark.parametrize(("type", "version"), [("consulting", 2), ("unknown", 1), ("", 1)])
def test_what_is_not_configured_is_none(type: str, version: int) -> None:
    assert HubConfig().adapter_for(type, version) is None
    assert HubConfig().adapter_of(Manifest(type, version)) is None


def test_the_adapter_of_a_session_is_found_by_its_manifest() -> None:
    one, two = Free(version=1), Free(version=2)
    config = HubConfig(adapters=(one, two))
    assert config.adapter_of(Manifest("free", 2, information=("more",))) is two
    assert config.adapter_for("free", 1) is one


def test_the_last_of_one_type_and_version_counts() -> None:
    one, two = Free(), Free()
    assert HubConfig(adapters=(one, two)).adapter_for("free", 1) is two


def test_adapters_may_be_given_in_a_list() -> None:
    one = Free()
    config = HubConfig(adapters=[one])
    assert config.adapters == (one,)


def test_two_configurations_of_the_same_are_equal() -> None:
    one = Free()
    assert HubConfig(adapters=(one,)) == HubConfig(adapters=(one,))
    assert HubConfig(adapters=(one,)) != HubConfig(adapters=())
    assert HubConfig() != HubConfig(limits=Limits(emits=3))


def test_types_and_versions_are_part_of_what_is_recorded_whatever_their_order() -> None:
    adapters = (Free("b", 2), Free("a"), Free("b", 1))
    parts = configured(HubConfig(adapters=adapters)).parts
    assert [part for part in parts if part[0].startswith("adapter ")] == [
        ("adapter a", "1"),
        ("adapter b", "1"),
        ("adapter b", "2"),
    ]
    assert configured(HubConfig(adapters=adapters)) == configured(HubConfig(adapters=adapters[::-1]))


def test_another_version_of_an_adapter_has_another_fingerprint() -> None:
    one, two = [configured(HubConfig(adapters=(Free(version=version),))).fingerprint for version in (1, 2)]
    assert one != two
