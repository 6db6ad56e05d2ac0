from types import SimpleNamespace

import pytest

from ledger.chain import Chain, fault_in, first_fault, genesis, link

CHAIN_ID = "urn:uuid:11111111-1111-4111-8111-111111111111"


def sealed_rows(count):
    rows, head = [], genesis(CHAIN_ID)
    for number in range(1, count + 1):
        sealed = link({"seq": number, "payload": f"event {number}"}, previous_hash=head)
        rows.append(SimpleNamespace(pk=number, sequence=number, body=sealed.body, hash=sealed.hash, previous_hash=head))
        head = sealed.hash
    return rows


def chain_of(rows, heads=()):
    """Answers one of `heads` after the other."""
    heads = iter(heads)
    return Chain("test", None, lambda _: next(heads), lambda _: iter(rows), lambda row, members: None)


def fault_of(rows, count=4, head=None):
    return first_fault(chain_of(rows), CHAIN_ID, count=count, head=head)


def test_an_untouched_chain_has_no_fault():
    rows = sealed_rows(4)
    assert fault_of(rows, head=rows[-1].hash) is None


def change_text(rows):
    rows[1].body = rows[1].body.replace("event 2", "event X")


def drop_a_row(rows):
    del rows[1]


def swap_rows(rows):
    rows[1], rows[2] = rows[2], rows[1]


def renumber(rows):
    rows[1].sequence = 7


@pytest.mark.parametrize("damage", [change_text, drop_a_row, swap_rows, renumber])
def test_the_first_row_that_does_not_fit_is_named(damage):
    rows = sealed_rows(4)
    damage(rows)
    fault = fault_of(rows)
    assert fault.sequence == 2
    assert CHAIN_ID in str(fault)


def test_rows_cut_off_at_the_end_are_noticed():
    rows = sealed_rows(4)
    assert fault_of(rows[:3]).reason == "4 rows expected, 3 found"


def test_a_chain_rewritten_from_the_start_is_noticed_by_its_head():
    published = sealed_rows(4)[-1].hash
    rewritten = sealed_rows(4)
    head = genesis(CHAIN_ID)
    for row in rewritten:
        sealed = link({"seq": row.sequence, "payload": "forged"}, previous_hash=head)
        row.body, row.hash, row.previous_hash, head = sealed.body, sealed.hash, head, sealed.hash
    assert fault_of(rewritten) is None
    assert "expected" in fault_of(rewritten, head=published).reason


def test_rows_written_while_a_chain_is_walked_are_no_fault():
    rows = sealed_rows(6)
    assert fault_in(chain_of(rows, [(4, rows[3].hash), (7, "written after the walk")]), CHAIN_ID) is None


def test_rows_past_the_head_are_a_fault_although_the_chain_grew():
    rows = sealed_rows(6)
    fault = fault_in(chain_of(rows, [(4, rows[3].hash), (5, rows[4].hash)]), CHAIN_ID)
    assert fault.reason == "5 rows expected, 6 found"


def test_a_head_that_is_not_that_of_its_row_is_a_fault_although_the_chain_grew():
    rows = sealed_rows(6)
    fault = fault_in(chain_of(rows, [(4, "f" * 64), (6, rows[5].hash)]), CHAIN_ID)
    assert (fault.sequence, fault.reason) == (4, f"head is {rows[3].hash}, {'f' * 64} expected")
