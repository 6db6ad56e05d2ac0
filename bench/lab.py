"""People, runs and files to measure with."""

import os

from django.utils import timezone

from accounts.models import Membership, RoleGrant, Team, User
from accounts.passwords import Authentication
from approvals.transitions import approve_stage
from evidence.transitions import store_file
from experiments.models import Execution, Protocol
from experiments.timeline import locked_timeline
from narratives.models import NarrativeExport, Package
from narratives.transitions import request_export

MEGABYTE = 1024**2


class Lab:
    """One team, a requester and an approver."""

    def __init__(self):
        self.team = Team.objects.create(name="Bench")
        self.scientist = User.objects.create_user("scientist@bench.example", None, full_name="Bea Bench")
        self.approver = User.objects.create_user("approver@bench.example", None, full_name="Ari Prover")
        Membership.objects.create(team=self.team, user=self.scientist)
        RoleGrant.objects.create(user=self.approver, role="approver", team=self.team)
        self.protocol = Protocol.objects.create(
            name="Plate read", content="Thaw\nRead", team=self.team, created_by=self.scientist
        )

    def run(self, events):
        """An execution with that many events of the size instruments send."""
        execution = Execution.objects.create(
            protocol=self.protocol,
            protocol_name=self.protocol.name,
            protocol_version="1",
            title=f"Run of {events} events",
            run_by=self.scientist,
            run_by_name=self.scientist.printed_name,
        )
        with locked_timeline(execution.pk) as timeline:
            for number in range(events):
                payload = {
                    "well": f"{'ABCDEFGH'[number % 8]}{number % 12 + 1}",
                    "plate": number // 96 + 1,
                    "readings": [
                        {"value": number % 97 / 100, "unit": "AU"},
                        {"value": number % 89 / 100, "unit": "AU"},
                    ],
                    "note": "Read at 600 nm after shaking, lid on",
                }
                timeline.record("instrument.reading", by=self.scientist, payload=payload)
        return Execution.objects.get(pk=execution.pk)

    def file(self, execution, size, name):
        return store_file(Upload(size, name), by=self.scientist, execution=execution)

    def approved(self, execution, files):
        """The package of an export with these files, approved and queued."""
        attachments = [{"file_id": str(file.pk)} for file in files]
        export = request_export(execution.pk, by=self.scientist, attachments=attachments)
        approve_stage(
            export.ladder.stages.get().pk,
            by=self.approver,
            authentication=Authentication(method="password", at=timezone.now()),
            meaning="approved",
            expected_digest=export.content_digest,
        )
        return Package.objects.select_related("export").get(export=NarrativeExport.objects.get(pk=export.pk))


class Upload:
    """Random bytes of a size, in chunks of one MiB; no two files alike."""

    content_type = "application/octet-stream"

    def __init__(self, size, name):
        self.size, self.name = size, name

    def chunks(self):
        block, left = os.urandom(MEGABYTE), self.size
        while left > 0:
            yield block[: min(left, MEGABYTE)]
            left -= MEGABYTE
