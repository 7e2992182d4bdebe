"""Every (state, transition) pair of every machine, and the page drawn from them."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from oms import diagrams
from oms.errors import TransitionRefused, say
from oms.states import Machine, Transition
from tests.architecture.house import ROOT

MACHINES = diagrams.machines()
PAIRS = [(m, state, t) for m in MACHINES for state in m.states for t in m.transitions.values()]


def unguarded(machine: Machine) -> Machine:
    """The same table without guards: what the states alone allow."""
    bare = [Transition(t.name, t.sources, t.target, t.label) for t in machine.transitions.values()]
    return Machine(
        machine.name, initial=machine.initial, transitions=bare, labels=machine.labels, attribute=machine.attribute
    )


@pytest.mark.parametrize(("machine", "state", "transition"), PAIRS, ids=lambda x: getattr(x, "name", str(x)))
def test_a_transition_fires_from_its_own_states_and_no_other(machine, state, transition):
    subject = SimpleNamespace(**{machine.attribute: state})
    bare = unguarded(machine)
    if state in transition.sources:
        bare.fire(subject, transition.name)
        assert getattr(subject, machine.attribute) is transition.target
    else:
        with pytest.raises(TransitionRefused) as refusal:
            machine.fire(subject, transition.name)
        assert getattr(subject, machine.attribute) is state
        assert refusal.value.http_status == 409


@pytest.mark.parametrize("machine", MACHINES, ids=lambda m: m.name)
def test_a_guard_that_refuses_leaves_the_state(machine):
    no = say("no")
    for t in machine.transitions.values():
        guarded = Machine(
            machine.name, initial=machine.initial, labels=machine.labels, attribute=machine.attribute,
            transitions=[
                Transition(o.name, o.sources, o.target, o.label, (lambda _: no,) if o.name == t.name else ())
                for o in machine.transitions.values()
            ],
        )  # fmt: skip
        state = min(t.sources)
        subject = SimpleNamespace(**{machine.attribute: state})
        with pytest.raises(TransitionRefused):
            guarded.fire(subject, t.name)
        assert getattr(subject, machine.attribute) is state


def test_the_picture_of_the_states_is_fresh():
    stored = (ROOT / diagrams.PAGE).read_text(encoding="utf-8")
    assert stored == diagrams.page(), "run: python -m oms.diagrams"


def test_a_machine_with_a_lost_state_is_refused():
    machine = MACHINES[0]
    with pytest.raises(ValueError, match="nothing reaches"):
        Machine(machine.name, initial=machine.initial, transitions=[], labels=machine.labels)
