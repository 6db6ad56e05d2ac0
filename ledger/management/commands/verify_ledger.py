import json
from pathlib import Path

from django.core.management.base import BaseCommand, CommandError
from django.db import connection, transaction

from ledger import chain as chains
from ledger import triggers
from ledger.models import Checkpoint


class Command(BaseCommand):
    help = "Walk every hash chain and name the first row that does not fit."

    def add_arguments(self, parser):
        parser.add_argument("--against", help="JSON lines of published heads: {chain, sequence, head}")
        parser.add_argument("--checkpoint", action="store_true", help="store each verified head")
        parser.add_argument("--heads", action="store_true", help="print each head as a JSON line, to publish elsewhere")

    def handle(self, *args, against=None, checkpoint=False, heads=False, **options):
        faults, walked = [], 0
        absent = triggers.missing(connection)
        if absent:
            faults.append(f"append-only triggers are missing: {', '.join(sorted(absent))}")
        for chain in chains.REGISTRY.values():
            for chain_id in chain.ids():
                walked += 1
                count, head = chain.head(chain_id)
                fault = chains.first_fault(chain, chain_id, count=count, head=head, later=chain.head)
                if fault:
                    faults.append(str(fault))
                elif count:
                    self._publish(chain, chain_id, count, head, checkpoint, heads)
        faults += list(self._compare(Checkpoint.objects.values("chain", "sequence", "head").iterator()))
        if against:
            faults += list(self._compare(_read_heads(against)))
        if faults:
            raise CommandError("\n".join(faults))
        self.stderr.write(f"{walked} chains verified.")

    def _publish(self, chain, chain_id, count, head, checkpoint, heads):
        name = f"{chain.name} {chain_id}"
        known = Checkpoint.objects.filter(chain=name, sequence=count).exists() if checkpoint else True
        if not known:
            with transaction.atomic():
                Checkpoint.objects.create(chain=name, sequence=count, head=head)
        if heads:
            self.stdout.write(json.dumps({"chain": name, "sequence": count, "head": head}))

    def _compare(self, published):
        for entry in published:
            family, _, chain_id = entry["chain"].partition(" ")
            chain = chains.REGISTRY.get(family)
            found = chain and next((row for row in chain.rows(chain_id) if row.sequence == entry["sequence"]), None)
            if not found or found.hash != entry["head"]:
                yield f"{entry['chain']} row {entry['sequence']}: differs from the head published earlier"


def _read_heads(path):
    try:
        with Path(path).open(encoding="utf-8") as lines:
            for line in lines:
                if line.strip():
                    entry = json.loads(line)
                    yield {"chain": str(entry["chain"]), "sequence": int(entry["sequence"]), "head": str(entry["head"])}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CommandError(f"{path} is not a file of published heads: {error}") from error
