"""Answers of the API, and what bodies hold. Bodies are checked by the verbs; their serializers describe them."""

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from accounts.api.serializers import UserBriefSerializer
from experiments import queries, session
from experiments.enums import InventoryStatus, StepStatus
from experiments.models import Booking, Equipment, Execution, InventoryItem, Protocol, Resource


def _id_list():
    return serializers.ListField(child=serializers.UUIDField(), required=False, max_length=200)


class ProtocolSerializer(serializers.ModelSerializer):
    team_id = serializers.UUIDField(allow_null=True)
    steps = serializers.ListField(source="instructions", child=serializers.CharField())

    class Meta:
        model = Protocol
        fields = ["id", "name", "content", "version", "team_id", "variables", "steps", "created_at", "updated_at"]


class ProtocolInput(serializers.Serializer):
    name = serializers.CharField(max_length=200)
    content = serializers.CharField(help_text="Each non-empty line is a step.")
    version = serializers.CharField(max_length=30, required=False)
    team_id = serializers.UUIDField(required=False, allow_null=True)
    variables = serializers.DictField(required=False)


class InventoryItemSerializer(serializers.ModelSerializer):
    team_id = serializers.UUIDField(allow_null=True)

    class Meta:
        model = InventoryItem
        fields = ["id", "item_type", "name", "status", "team_id", "created_at", "updated_at"]


class InventoryItemInput(serializers.Serializer):
    item_type = serializers.CharField(max_length=60)
    name = serializers.CharField(max_length=200)
    status = serializers.ChoiceField(InventoryStatus.choices, required=False)
    team_id = serializers.UUIDField(required=False, allow_null=True)


class EquipmentSerializer(serializers.ModelSerializer):
    team_id = serializers.UUIDField(allow_null=True)

    class Meta:
        model = Equipment
        fields = ["id", "name", "team_id", "calibration_due_at", "created_at"]


class EquipmentInput(serializers.Serializer):
    name = serializers.CharField(max_length=200)
    team_id = serializers.UUIDField(required=False, allow_null=True)
    calibration_due_at = serializers.DateTimeField(required=False, allow_null=True)


class ResourceSerializer(serializers.ModelSerializer):
    class Meta:
        model = Resource
        fields = ["id", "name", "created_at"]


class ResourceInput(serializers.Serializer):
    name = serializers.CharField(max_length=200)


class BookingSerializer(serializers.ModelSerializer):
    resource_id = serializers.UUIDField()
    resource_name = serializers.CharField(source="resource.name")

    class Meta:
        model = Booking
        fields = ["id", "resource_id", "resource_name", "start_time", "end_time", "created_at"]


class BookingInput(serializers.Serializer):
    resource_id = serializers.UUIDField()
    start_time = serializers.DateTimeField()
    end_time = serializers.DateTimeField()


class ExecutionSerializer(serializers.ModelSerializer):
    template_id = serializers.UUIDField(source="protocol_id")
    run_by = UserBriefSerializer()

    class Meta:
        model = Execution
        fields = ["id", "template_id", "title", "run_by", "status", "params", "created_at", "updated_at"]


class StepSerializer(serializers.Serializer):
    index = serializers.IntegerField()
    instruction = serializers.CharField()
    status = serializers.ChoiceField(StepStatus.choices)
    started_at = serializers.DateTimeField(allow_null=True)
    completed_at = serializers.DateTimeField(allow_null=True)
    blocked_reason = serializers.CharField(allow_null=True)
    required_actions = serializers.ListField(child=serializers.CharField())
    auto_triggers = serializers.ListField(child=serializers.CharField())


class EventSerializer(serializers.Serializer):
    id = serializers.UUIDField()
    execution_id = serializers.UUIDField()
    event_type = serializers.CharField()
    payload = serializers.DictField()
    actor_id = serializers.UUIDField()
    actor = serializers.SerializerMethodField()
    sequence = serializers.IntegerField()
    created_at = serializers.DateTimeField()
    occurred_at = serializers.DateTimeField(allow_null=True)
    hash = serializers.CharField()

    @extend_schema_field(UserBriefSerializer)
    def get_actor(self, event):
        """The name is the one printed when it happened."""
        return {"id": str(event.actor_id), "email": event.actor.email, "full_name": event.actor_name}


class SessionSerializer(serializers.Serializer):
    """Describes what `sessions` answers."""

    execution = ExecutionSerializer()
    protocol = ProtocolSerializer()
    steps = StepSerializer(many=True)
    notebook_entries = serializers.ListField(child=serializers.DictField())
    inventory_items = InventoryItemSerializer(many=True)
    bookings = BookingSerializer(many=True)
    timeline_preview = EventSerializer(many=True, help_text="The last ten events, oldest first.")


class SessionInput(serializers.Serializer):
    template_id = serializers.UUIDField()
    title = serializers.CharField(max_length=200, required=False)
    inventory_item_ids = _id_list()
    booking_ids = _id_list()
    equipment_ids = _id_list()
    parameters = serializers.DictField(required=False)
    auto_create_notebook = serializers.BooleanField(default=True)


class StepInput(serializers.Serializer):
    status = serializers.ChoiceField(StepStatus.choices)
    started_at = serializers.DateTimeField(required=False, allow_null=True)
    completed_at = serializers.DateTimeField(required=False, allow_null=True)


class RemediationInput(serializers.Serializer):
    actions = serializers.ListField(child=serializers.CharField(max_length=200), required=False, max_length=100)
    auto = serializers.BooleanField(default=False)


class RemedyResult(serializers.Serializer):
    action = serializers.CharField()
    status = serializers.ChoiceField(["executed", "scheduled", "skipped", "failed"])
    message = serializers.CharField()


class RemediationAnswer(serializers.Serializer):
    results = RemedyResult(many=True)
    session = SessionSerializer()


class EventInput(serializers.Serializer):
    event_type = serializers.CharField(max_length=100)
    payload = serializers.DictField(required=False)
    occurred_at = serializers.DateTimeField(required=False, allow_null=True)


class EventsInput(serializers.Serializer):
    events = EventInput(many=True, min_length=1, max_length=1000)


class EventsAnswer(serializers.Serializer):
    events = EventSerializer(many=True)


class TimelineAnswer(EventsAnswer):
    next_cursor = serializers.CharField(allow_null=True)


def events_json(rows):
    return EventSerializer(rows, many=True).data


def sessions_json(executions, viewer, now):
    """The sessions of a page of runs from `queries.runs()`; a constant number of queries."""
    notebooks = session.parts("notebook_entries", executions, viewer)
    previews = queries.newest_events(executions)
    return [_session(execution, notebooks, previews, now) for execution in executions]


def _session(execution, notebooks, previews, now):
    steps = [
        {
            "index": step.index,
            "instruction": step.instruction,
            "status": step.status,
            "started_at": step.started_at,
            "completed_at": step.completed_at,
            "blocked_reason": gate.blocked_reason,
            "required_actions": list(gate.required_actions),
            "auto_triggers": list(gate.auto_triggers),
        }
        for step, gate in queries.steps_with_gates(execution, now)
    ]
    return {
        "execution": ExecutionSerializer(execution).data,
        "protocol": ProtocolSerializer(execution.protocol).data,
        "steps": StepSerializer(steps, many=True).data,
        "notebook_entries": notebooks.get(execution.pk, []),
        "inventory_items": InventoryItemSerializer(execution.inventory_items.all(), many=True).data,
        "bookings": BookingSerializer(execution.bookings.all(), many=True).data,
        "timeline_preview": events_json(previews.get(execution.pk, [])),
    }
