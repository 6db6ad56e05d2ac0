from django.db import models


class ExecutionStatus(models.TextChoices):
    PLANNED = "planned", "Planned"
    IN_PROGRESS = "in_progress", "In progress"
    COMPLETED = "completed", "Completed"


class StepStatus(models.TextChoices):
    PENDING = "pending", "Pending"
    IN_PROGRESS = "in_progress", "In progress"
    COMPLETED = "completed", "Completed"
    SKIPPED = "skipped", "Skipped"


# A finished step may be taken up again: what happened stays on the timeline.
STEP_MOVES = {
    StepStatus.PENDING: {StepStatus.IN_PROGRESS, StepStatus.COMPLETED, StepStatus.SKIPPED},
    StepStatus.IN_PROGRESS: {StepStatus.PENDING, StepStatus.COMPLETED, StepStatus.SKIPPED},
    StepStatus.COMPLETED: {StepStatus.IN_PROGRESS},
    StepStatus.SKIPPED: {StepStatus.PENDING, StepStatus.IN_PROGRESS},
}

# An execution's status follows from its steps: none touched, all done, or in between.
EXECUTION_MOVES = {
    ExecutionStatus.PLANNED: {ExecutionStatus.IN_PROGRESS, ExecutionStatus.COMPLETED},
    ExecutionStatus.IN_PROGRESS: {ExecutionStatus.PLANNED, ExecutionStatus.COMPLETED},
    ExecutionStatus.COMPLETED: {ExecutionStatus.IN_PROGRESS, ExecutionStatus.PLANNED},
}


class InventoryStatus(models.TextChoices):
    AVAILABLE = "available", "Available"
    RESERVED = "reserved", "Reserved"
    CONSUMED = "consumed", "Consumed"
    QUARANTINED = "quarantined", "Quarantined"
