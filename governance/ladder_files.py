"""Ladders as YAML files: a round trip gives the same digest; import makes a draft and never publishes."""

import json
from pathlib import Path

import jsonschema
import yaml
from django.db import transaction

from accounts.models import User
from governance.differences import people_in
from governance.models import WorkflowTemplate
from governance.stage_rules import RULES, TEAM_OWNERS, rule_faults
from governance.transitions import create_template, ladder_definition, stages_of
from ledger.canonical import digest
from ledger.errors import Invalid

SCHEMA_FILE = Path(__file__).parent / "static" / "governance" / "ladder-file.schema.json"  # so the portal serves it
SCHEMA_NAME = "biolabs-ladder-file/1"
LARGEST = 1024**2


class _Loader(yaml.SafeLoader):
    """Safe YAML without aliases (they let a small file grow without bound) and with duplicate keys refused."""

    def compose_node(self, parent, index):
        if self.check_event(yaml.AliasEvent):
            raise Invalid("A ladder file has no YAML aliases.", code="yaml_alias")
        return super().compose_node(parent, index)

    def construct_mapping(self, node, deep=False):
        seen = set()
        for key, _ in node.value:
            name = str(self.construct_object(key, deep=True))
            if name in seen:
                raise Invalid(
                    f"{name[:60]} is there twice, again in line {key.start_mark.line + 1}.", code="duplicate_key"
                )
            seen.add(name)
        return super().construct_mapping(node, deep)


def schema():
    return json.loads(SCHEMA_FILE.read_text(encoding="utf-8"))


def find_template(name):
    """The version that `KEY` (latest) or `KEY@VERSION` names. Raises Invalid."""
    key, _, version = name.partition("@")
    rows = WorkflowTemplate.objects.select_related("family").filter(family__template_key=key)
    if version and not (version.isascii() and version.isdigit() and len(version) < 10):
        raise Invalid(f"{version[:60]} is no version; write KEY@VERSION, for example {key[:80]}@2.")
    template = rows.filter(version=int(version)).first() if version else rows.filter(is_latest=True).first()
    if template is None:
        raise Invalid(f"There is no ladder {name}.", code="unknown_template")
    return template


def definition_of(template):
    """The template as a file says it: people by e-mail address, empty members left out."""
    definition = ladder_definition(template, stages_of(template))
    stages = definition.pop("stages")
    named = User.objects.filter(pk__in=people_in(stages)).values_list("pk", "email")
    emails = {str(pk): email for pk, email in named}
    stages = [_file_stage(stage, emails) for stage in stages]
    members = {key: value for key, value in definition.items() if value not in (None, "", [])}
    return {"schema": SCHEMA_NAME, **members, "stages": stages}


def _file_stage(stage, emails):
    metadata, assignee = dict(stage.pop("metadata")), emails.get(stage.pop("assignee_id"))
    rules = {rule: metadata.pop(rule) for rule in RULES if rule in metadata} if not any(rule_faults(metadata)) else {}
    if rules.get("escalation"):
        rules["escalation"] = [{**rung, "to": emails.get(rung["to"], rung["to"])} for rung in rules["escalation"]]
    said = {**stage, "assignee": assignee, **rules, "metadata": metadata}
    return {key: value for key, value in said.items() if value not in (None, [], {})}


def dump(definition):
    """The YAML text, with the definition's digest in a comment at its head."""
    body = yaml.safe_dump(definition, sort_keys=False, allow_unicode=True, width=100)
    return f"# sha256 of the canonical definition: {digest(definition)}\n{body}"


def load(text):
    """Parse and check a file's text against the published schema. Raises Invalid naming the place."""
    if len(text) > LARGEST:
        raise Invalid(f"A ladder file is {LARGEST:,} characters at most.", code="too_large")
    try:
        definition = yaml.load(text, _Loader)  # noqa: S506 a SafeLoader made stricter
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise Invalid(f"This is no YAML: {str(error)[:300]}", code="not_yaml") from error
    _check_plain(definition)
    fault = jsonschema.exceptions.best_match(jsonschema.Draft202012Validator(schema()).iter_errors(definition))
    if fault:
        place = "/".join(map(str, fault.absolute_path)) or "the file"
        raise Invalid(f"{place}: {fault.message[:300]}", code="schema")
    return definition


def _check_plain(definition):
    """YAML knows dates, bytes and sets, a ladder does not."""
    try:
        json.dumps(definition)
    except (TypeError, ValueError) as error:
        sentence = (
            f"A ladder file holds texts, numbers, lists and mappings only; put dates in quotes. {str(error)[:200]}."
        )
        raise Invalid(sentence, code="not_plain") from error


def import_definition(definition, *, by):
    """A draft from a loaded definition: a new family or the next version of its key."""
    fields = {key: value for key, value in definition.items() if key not in ("schema", "stages")}
    return create_template(by=by, stage_blueprint=_stages(definition["stages"]), **fields)


def _stages(stages):
    emails = set().union(*map(_addresses, stages))
    people = {email: str(pk) for email, pk in User.objects.active().filter(email__in=emails).values_list("email", "pk")}
    unknown = sorted(emails - set(people))
    if unknown:
        raise Invalid(f"No active user has the e-mail address {unknown[0]}.", code="unknown_user")
    return [_stage(stage, people) for stage in stages]


def _addresses(stage):
    given = [stage.get("assignee"), *(rung["to"] for rung in stage.get("escalation", []))]
    return {each.strip().lower() for each in given if each and each != TEAM_OWNERS}


def _stage(stage, people):
    rules = {rule: stage[rule] for rule in RULES if rule in stage}
    if "escalation" in rules:
        rungs = rules["escalation"]
        rules["escalation"] = [{**rung, "to": people.get(rung["to"].strip().lower(), rung["to"])} for rung in rungs]
    kept = {key: value for key, value in stage.items() if key not in {"assignee", *RULES}}
    assignee = stage.get("assignee", "").strip().lower()
    return {**kept, "assignee_id": people.get(assignee), "metadata": {**stage.get("metadata", {}), **rules}}


def rehearse(definition, *, by):
    """Import and roll back: the draft as it would be, with nothing kept."""
    with transaction.atomic():
        template = import_definition(definition, by=by)
        transaction.set_rollback(True)
    return template
