from governance.enums import TEMPLATE_MOVES, TemplateStatus
from ledger.errors import Invalid, NotAllowed, TransitionDenied

MANAGE = "governance.manage_ladders"


def can_manage_ladders(user):
    """Administrators, and members of the group "Compliance administrators"."""
    return user.is_active and (user.is_admin or user.has_perm(MANAGE))


def check_can_manage_ladders(user):
    if not can_manage_ladders(user):
        raise NotAllowed("Approval ladders are managed by compliance administrators.")


def check_can_change(template):
    if template.status != TemplateStatus.DRAFT:
        raise TransitionDenied(
            f"{template} is {template.get_status_display().lower()} and no longer changes. "
            "Make the next version instead.",
            code="not_a_draft",
        )


def check_not_changed_since(template, moment):
    """`moment` is the `updated_at` that the editor saw."""
    if moment != template.updated_at:
        raise TransitionDenied(
            f"Somebody changed {template} while you were editing it, so nothing was saved. What you typed is still "
            "here; open the draft in a second tab and carry it over.",
            code="stale",
        )


def check_can_publish(template):
    if template.status == TemplateStatus.ARCHIVED:
        raise Invalid(
            f"{template} is archived and cannot be published. Make the next version instead.", code="archived"
        )


def check_can_archive(template):
    if TemplateStatus.ARCHIVED not in TEMPLATE_MOVES[template.status]:
        raise TransitionDenied(f"{template} is archived already.", code="archived")


def check_can_assign(template):
    if template.status == TemplateStatus.ARCHIVED:
        raise Invalid(f"{template} is archived and cannot be assigned.", code="archived")
    if template.status != TemplateStatus.PUBLISHED:
        raise Invalid(f"{template} is a draft. Publish it before it is assigned.", code="not_published")
