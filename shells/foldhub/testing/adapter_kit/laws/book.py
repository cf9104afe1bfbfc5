"""All laws, in the order in which they are asked: what explains the others comes first."""

import attrs

from foldhub.testing.adapter_kit.scene import Scene

from . import answers, faces, purity, states, turns
from .law import Law

LAWS: tuple[Law, ...] = (
    purity.no_clock_no_dice,
    purity.nothing_remembered,
    purity.refused_changes_nothing,
    purity.arguments_stay,
    states.state_is_frozen,
    purity.same_in_same_out,
    states.state_survives_the_codec,
    states.state_is_equal_by_value,
    states.snapshot_changes_nothing,
    answers.create_is_answered,
    answers.send_is_answered,
    answers.accepted_can_be_folded,
    answers.hub_words_are_folded,
    answers.what_follows_is_answered,
    answers.emits_can_be_said,
    turns.comes_to_rest,
    turns.close_has_a_reason,
    turns.deadlines_move_on,
    attrs.evolve(answers.every_draft_is_answered, name=answers.send_is_answered.name),  # one law, asked in two ways
    turns.expected_are_present,
    turns.expected_can_move,
    turns.never_deadlocks,
    turns.over_is_over,
    faces.face_never_raises,
    faces.views_keep_secrets,
)


def first_broken(scene: Scene, laws: tuple[Law, ...] = LAWS) -> tuple[Law, str] | None:
    """The first law that a scene breaks, and how; None where it keeps them all."""
    for law in laws:
        why = law.broken(scene)
        if why is not None:
            return law, why
    return None


OF_ALL = {
    "state_stays_small": "A protocol's state does not grow with the envelopes beyond what was said of it.",
    "same_version_same_behaviour": "Two adapters of one type and version behave alike, whenever they were made.",
    "processes_agree": "In another process, under another hash seed, a session comes to the same.",
}
"""The laws that no single session is held to, by their names."""

SENTENCES: dict[str, str] = {law.name: law.sentence for law in LAWS} | OF_ALL
"""What each law says, by its name."""
