-- The alerts to the staff: one row each, with all that became of it; the highest version counts.

CREATE TABLE IF NOT EXISTS fixtrail_raw.alerts
(
    alert_id String CODEC(ZSTD(1)),
    version UInt64,
    rule LowCardinality(String),
    kind LowCardinality(String),
    severity LowCardinality(String),
    subject String CODEC(ZSTD(1)),
    order_id Nullable(String) CODEC(ZSTD(1)),
    center_id LowCardinality(Nullable(String)),
    lane LowCardinality(Nullable(String)),
    opening String CODEC(ZSTD(1)),
    since DateTime64(3, 'UTC') CODEC(ZSTD(1)),
    opened_at DateTime64(3, 'UTC') CODEC(ZSTD(1)),
    value Nullable(Float64),
    `limit` Float64,
    unit LowCardinality(String),
    level UInt8,
    escalated_at Nullable(DateTime64(3, 'UTC')) CODEC(ZSTD(1)),
    acknowledged_at Nullable(DateTime64(3, 'UTC')) CODEC(ZSTD(1)),
    acknowledged_by Nullable(String) CODEC(ZSTD(1)),
    note Nullable(String) CODEC(ZSTD(1)),
    closed_at Nullable(DateTime64(3, 'UTC')) CODEC(ZSTD(1)),
    closed_by LowCardinality(Nullable(String)),
    ended_at Nullable(DateTime64(3, 'UTC')) CODEC(ZSTD(1)),
    `told.step` Array(LowCardinality(String)),
    `told.channel` Array(LowCardinality(String)),
    `told.outcome` Array(LowCardinality(String)),
    `told.at` Array(DateTime64(3, 'UTC')) CODEC(ZSTD(1)),
    `told.reason` Array(String) CODEC(ZSTD(1))
)
ENGINE = ReplacingMergeTree(version)
ORDER BY alert_id;

-- One row per alert. Who acknowledged it, and the note, stay in the raw table: they name people. `open_s` runs on while it is open; `told` are steps, channels and outcomes, in order.
CREATE OR REPLACE VIEW fixtrail.alerts DEFINER = CURRENT_USER SQL SECURITY DEFINER AS
SELECT
    a.alert_id AS alert_id,
    a.rule AS rule,
    a.kind AS kind,
    a.severity AS severity,
    multiIf(isNull(a.closed_at), 'open', isNull(a.ended_at), 'acknowledged', 'closed') AS state,
    a.subject AS subject,
    a.order_id AS order_id,
    a.center_id AS center_id,
    a.lane AS lane,
    a.since AS since,
    a.opened_at AS opened_at,
    a.value AS value,
    a.`limit` AS limit_value,
    a.unit AS unit,
    a.level AS level,
    a.escalated_at AS escalated_at,
    a.acknowledged_at AS acknowledged_at,
    a.closed_at AS closed_at,
    a.closed_by AS closed_by,
    a.ended_at AS ended_at,
    greatest(0, dateDiff('millisecond', a.opened_at, ifNull(a.closed_at, now64(3, 'UTC')))) / 1000 AS open_s,
    arrayZip(a.`told.step`, a.`told.channel`, a.`told.outcome`, a.`told.at`) AS told,
    a.version AS version
FROM fixtrail_raw.alerts AS a FINAL;
