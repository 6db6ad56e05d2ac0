"""What publishing or archiving versions of ladders would lead to, in sentences, before anybody says yes."""

from django.db.models import prefetch_related_objects

from governance.enums import TemplateStatus
from governance.models import TemplateAssignment, WorkflowTemplate
from governance.queries import warnings_of
from governance.transitions import stages_of

NAMED = 5  # places that a sentence names


def of_publishing(templates):
    """Where exports would use them from then on, and the roles nobody holds. Four queries at most."""
    drafts = [template for template in templates if template.status == TemplateStatus.DRAFT]
    prefetch_related_objects(drafts, "stages")
    places = _places(drafts)
    found = [
        f"New exports of {places[template.family_id]} use {template} from then on."
        for template in drafts
        if template.family_id in places
    ]
    return found + warnings_of([stage for template in drafts for stage in stages_of(template)])


def of_archiving(templates):
    """Which version exports would fall back to, or that there would be none. Two queries at most."""
    places, going = _places(templates), {template.pk for template in templates}
    published = WorkflowTemplate.objects.filter(
        family__in={template.family_id for template in templates}, status=TemplateStatus.PUBLISHED
    )
    families = {}
    for version in published.order_by("-version"):
        families.setdefault(version.family_id, []).append(version)
    found = []
    for family, versions in families.items():
        left = [version for version in versions if version.pk not in going]
        if family not in places or versions[0] in left:
            continue
        if left:
            found.append(f"New exports of {places[family]} then use {left[0]}, which was published before.")
        else:
            found.append(f"{versions[-1]} applies to {places[family]}: revoke that first, or publish another version.")
    return found


def _places(templates):
    """By family, the teams and protocols to which a ladder applies, in words."""
    families = {template.family_id for template in templates}
    rows = TemplateAssignment.objects.filter(template__family__in=families, revoked_at__isnull=True)
    places = {}
    for row in rows.select_related("team", "protocol", "template") if families else ():
        kind = "team" if row.team_id else "protocol"
        places.setdefault(row.template.family_id, []).append(f"the {kind} {row.target.name}")
    return {family: _listed(sorted(names)) for family, names in places.items()}


def _listed(names):
    named, more = names[:NAMED], len(names) - NAMED
    return ", ".join(named) + (f" and {more} more" if more > 0 else "")
