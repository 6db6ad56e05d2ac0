"""Every write to templates: create, change, publish, archive. Assignments are in `assignment_transitions`."""

from uuid import UUID

from django.db import IntegrityError, transaction
from django.utils import timezone

from governance.audit import locked_family
from governance.differences import people_in
from governance.enums import AuditAction, TemplateStatus
from governance.models import TemplateFamily, TemplateSnapshot, TemplateStage, WorkflowTemplate
from governance.policies import (
    check_can_archive,
    check_can_change,
    check_can_manage_ladders,
    check_can_publish,
    check_not_changed_since,
)
from governance.validation import Faults, check_header, check_key, check_people, check_stages
from ledger.canonical import canonical_text, sha256_text
from ledger.errors import Invalid, TransitionDenied

HEADER = ("name", "description", "default_stage_sla_hours", "permitted_roles")


def create_template(
    *,
    by,
    template_key=None,
    name,
    description="",
    default_stage_sla_hours=None,
    permitted_roles=(),
    stage_blueprint=(),
    forked_from_id=None,
    publish=False,
):
    """A new family, or the next version of a known key or of a fork's family. A fork without stages takes its source's.

    Raises Invalid, NotAllowed.
    """
    check_can_manage_ladders(by)
    source = _source(forked_from_id)
    key = template_key or (source and source.family.template_key)
    check_key(key)
    stages = list(stage_blueprint) if isinstance(stage_blueprint, (list, tuple)) else stage_blueprint
    if source and stages in ([], None):
        stages = stages_of(source)
    header = {
        "name": _stripped(name),
        "description": description,
        "default_stage_sla_hours": default_stage_sla_hours,
        "permitted_roles": list(permitted_roles) if isinstance(permitted_roles, (list, tuple)) else permitted_roles,
    }
    _check(header, stages)
    with transaction.atomic():
        family = _family(key)
        with locked_family(family.pk) as log:
            template = _next_version(log, by, header, stages, source)
            if publish:
                _publish(log, template, by)
    return template


def _stripped(name):
    return name.strip() if isinstance(name, str) else name


def _family(key):
    try:
        with transaction.atomic():
            return TemplateFamily.objects.get_or_create(template_key=key)[0]
    except IntegrityError:  # somebody else made it in this moment
        return TemplateFamily.objects.get(template_key=key)


def _source(pk):
    if pk is None:
        return None
    try:
        return WorkflowTemplate.objects.select_related("family").get(pk=UUID(str(pk)))
    except (ValueError, WorkflowTemplate.DoesNotExist):
        raise Invalid.field("forked_from_id", "There is no such template to fork.", "unknown_template") from None


def _next_version(log, by, header, stages, source):
    family = log.family
    # The number comes from the locked row: it is never reused and has no gaps.
    family.version_count += 1
    family.save(update_fields=["version_count"])
    WorkflowTemplate.objects.filter(family=family, is_latest=True).update(is_latest=False)
    template = WorkflowTemplate(
        family=family, version=family.version_count, created_by=by, forked_from=source,
        created_at=log.now, updated_at=log.now, **header,
    )  # fmt: skip
    template.full_clean(exclude=["family", "forked_from", "created_by"])
    template.save()
    _write_stages(template, stages)
    log.record(
        AuditAction.CREATED,
        by=by,
        template=template,
        template_id=str(template.pk),
        version=template.version,
        name=template.name,
        forked_from_id=str(source.pk) if source else None,
        stage_count=len(stages),
    )
    return template


def change_template(template, *, by, expected_updated_at=None, **changes):
    """Change a draft's header fields and, with `stage_blueprint`, all of its stages.

    With `expected_updated_at`, TransitionDenied when somebody changed the draft since then.
    """
    check_can_manage_ladders(by)
    unknown = set(changes) - {*HEADER, "stage_blueprint"}
    if unknown:
        raise Invalid.field(min(unknown), f"{min(unknown)} cannot be changed.", "unknown_field")
    with locked_family(template.family_id) as log:
        template = _fresh(template.pk)
        check_can_change(template)
        if expected_updated_at is not None:
            check_not_changed_since(template, expected_updated_at)
        before = {**{field: getattr(template, field) for field in HEADER}, "stage_blueprint": stages_of(template)}
        if "name" in changes:
            changes["name"] = _stripped(changes["name"])
        after = {**before, **changes}
        _check({field: after[field] for field in HEADER}, after["stage_blueprint"])
        changed = sorted(field for field in changes if after[field] != before[field])
        if changed:
            _apply(log, template, after, changed, by)
    return template


def _apply(log, template, after, changed, by):
    for field in set(changed) & set(HEADER):
        setattr(template, field, after[field])
    template.updated_at = log.now
    template.save()
    if "stage_blueprint" in changed:
        _write_stages(template, after["stage_blueprint"])
    log.record(
        AuditAction.UPDATED,
        by=by,
        template=template,
        template_id=str(template.pk),
        version=template.version,
        changed=changed,
    )


def publish_template(template, *, by):
    """Publish and freeze as a snapshot; publishing again answers the same snapshot. Raises Invalid when archived."""
    check_can_manage_ladders(by)
    with locked_family(template.family_id) as log:
        template = _fresh(template.pk)
        check_can_publish(template)
        if template.status == TemplateStatus.PUBLISHED:
            return template.snapshot
        return _publish(log, template, by)


def _publish(log, template, by):
    stages = stages_of(template)
    if not stages:
        raise Invalid.field("stage_blueprint", "A ladder needs at least one stage before it is published.", "required")
    _check({field: getattr(template, field) for field in HEADER}, stages, now=log.now)
    template.status = TemplateStatus.PUBLISHED
    template.published_by, template.published_at, template.updated_at = by, log.now, log.now
    template.save()
    snapshot = _capture(log, template, stages, by)
    facts = {
        "template_id": str(template.pk),
        "version": template.version,
        "snapshot_id": str(snapshot.pk),
        "digest": snapshot.digest,
    }
    log.record(AuditAction.PUBLISHED, by=by, template=template, **facts)
    log.record(AuditAction.SNAPSHOT_CREATED, by=by, template=template, **facts)
    return snapshot


def _capture(log, template, stages, by):
    body = canonical_text(
        {
            "schema": "biolabs-ladder-snapshot/1",
            **ladder_definition(template, stages),
            "template_id": template.pk,
            "version": template.version,
            "published_at": log.now,
            "published_by": {"id": by.pk, "name": by.printed_name},
        }
    )
    return TemplateSnapshot.objects.create(
        template=template,
        body=body,
        digest=sha256_text(body),
        captured_by=by,
        captured_by_name=by.printed_name,
        captured_at=log.now,
    )


def archive_template(template, *, by):
    """Archive a draft or published version. Refused while it is what an assignment applies."""
    check_can_manage_ladders(by)
    with locked_family(template.family_id) as log:
        template = _fresh(template.pk)
        check_can_archive(template)
        _check_nothing_depends(template)
        was = template.status
        template.status = TemplateStatus.ARCHIVED
        template.archived_by, template.archived_at, template.updated_at = by, log.now, log.now
        template.save()
        log.record(
            AuditAction.ARCHIVED,
            by=by,
            template=template,
            template_id=str(template.pk),
            version=template.version,
            from_status=str(was),
        )
    return template


def _check_nothing_depends(template):
    others = template.family.versions.filter(status=TemplateStatus.PUBLISHED).exclude(pk=template.pk)
    if template.status != TemplateStatus.PUBLISHED or others.exists():
        return
    assigned = template.family.versions.filter(assignments__revoked_at__isnull=True, assignments__isnull=False).exists()
    if assigned:
        raise TransitionDenied(
            f"{template} is the only published version and is assigned. "
            "Revoke its assignments or publish another version first.",
            code="still_assigned",
        )


def stages_of(template):
    """A version's stages in the shape of the API's `stage_blueprint`."""
    return [
        {
            "name": stage.name,
            "required_role": stage.required_role,
            "sla_hours": stage.sla_hours,
            "assignee_id": str(stage.assignee_id) if stage.assignee_id else None,
            "stage_step_indexes": stage.stage_step_indexes,
            "stage_gate_keys": stage.stage_gate_keys,
            "metadata": stage.metadata,
        }
        for stage in template.stages.all()
    ]


def ladder_definition(template, stages):
    """What a ladder says, without who and when: the part that a file round trip keeps."""
    return {
        "template_key": template.family.template_key,
        "name": template.name,
        "description": template.description,
        "default_stage_sla_hours": template.default_stage_sla_hours,
        "permitted_roles": template.permitted_roles,
        "stages": stages,
    }


def _check(header, stages, *, now=None):
    faults = Faults()
    check_header(faults, **header)
    permitted = header["permitted_roles"] if isinstance(header["permitted_roles"], list) else []
    check_stages(faults, stages, permitted_roles=permitted)
    faults.raise_if_any()
    if people_in(stages):
        check_people(faults, stages, now=now or timezone.now())
        faults.raise_if_any()


def _write_stages(template, stages):
    template.stages.all().delete()
    TemplateStage.objects.bulk_create(
        TemplateStage(
            template=template,
            position=position,
            name=stage["name"].strip(),
            required_role=stage["required_role"],
            sla_hours=stage.get("sla_hours"),
            assignee_id=stage.get("assignee_id") or None,
            stage_step_indexes=stage.get("stage_step_indexes") or [],
            stage_gate_keys=stage.get("stage_gate_keys") or [],
            metadata=stage.get("metadata") or {},
        )
        for position, stage in enumerate(stages, 1)
    )


def _fresh(pk):
    return WorkflowTemplate.objects.select_related("family").get(pk=pk)
