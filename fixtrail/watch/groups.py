"""What alerts are settled with: their order, center, or rule."""

from schemas.facts import Alert
from schemas.order_key import OrderKey

Group = str | OrderKey


def group_of(alert: Alert) -> Group:
    """What an alert is settled with: its order, its center, or its rule on the pipeline or on the product's quality."""
    if alert.order_id is not None:
        return OrderKey(alert.center_id or "", alert.order_id)
    if alert.kind == "pipeline_lag":
        return f"pipeline:{alert.rule}"
    return f"quality:{alert.rule}" if alert.kind == "quality_warning" else f"center:{alert.center_id}"


def oldest_first(alert: Alert) -> tuple[bool, int, str]:
    """Sorts those that are not closed before the others, by when they were opened."""
    return alert.closed_at is not None, alert.opened_at, alert.alert_id
