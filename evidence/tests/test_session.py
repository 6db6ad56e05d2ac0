from evidence.session import notebook_entries, open_notebook
from evidence.tests import factories
from evidence.transitions import create_notebook_entry
from experiments import session
from experiments.timeline import locked_timeline


def test_a_run_may_begin_with_a_notebook_page(execution, runner):
    with locked_timeline(execution.pk) as timeline:
        session.open_with(["notebook"], timeline, by=runner)
    entry = execution.notebook_entries.get()
    assert (entry.title, entry.revision, entry.created_by) == ("Notebook: Plate run", 1, runner)
    assert entry.content.startswith("Protocol: RT-qPCR, version 1\n")


def test_a_title_of_full_length_still_opens_a_page(runner, lab):
    execution = factories.run(runner, team=lab, title="x" * 200)
    with locked_timeline(execution.pk) as timeline:
        open_notebook(timeline, by=runner)
    assert len(execution.notebook_entries.get().title) == 200


def test_thirty_runs_take_one_query_as_one_does(runner, lab, django_assert_num_queries):
    runs = [factories.run(runner, team=lab, title=f"Run {number}") for number in range(30)]
    for run in runs:
        create_notebook_entry(by=runner, title=run.title, execution=run)
    for chosen in (runs[:1], runs):
        with django_assert_num_queries(1):
            found = notebook_entries(chosen, runner)
        assert {pk: [entry["title"] for entry in entries] for pk, entries in found.items()} == {
            run.pk: [run.title] for run in chosen
        }
