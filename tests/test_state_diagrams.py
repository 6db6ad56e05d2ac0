from django.conf import settings

from biolabs.state_diagrams import MACHINES, document


def test_the_state_diagrams_in_the_docs_are_those_of_the_code():
    drawn = (settings.BASE_DIR / "docs" / "states.md").read_text(encoding="utf-8")
    assert drawn == document(), "Run `manage.py state_diagrams`."


def test_every_move_leads_to_a_state_that_has_moves_of_its_own():
    for name, moves in MACHINES.items():
        assert set(moves) >= set().union(*moves.values()), name
