-- Which technicians were at work on which car, from when to when?
-- since, until: days of the work's start in UTC, both included; centers: only these, [] for all. Times are milliseconds since 1970. A stretch ends with
-- the job's next event; one after which nothing was said is left out, as is work whose technician nobody named.
SELECT
    center_id,
    technician,
    toUnixTimestamp64Milli(occurred_at) AS started_ms,
    toUnixTimestamp64Milli(next_at) AS ended_ms
FROM
(
    SELECT
        center_id,
        phase,
        occurred_at,
        anyLast(technician_id) OVER past AS technician,
        leadInFrame(toNullable(occurred_at)) OVER job AS next_at
    FROM events
    WHERE type IN ('diagnosis', 'repair')
        AND occurred_at >= toDateOrZero({since:String})
        AND occurred_at < toDateOrZero({until:String}) + INTERVAL 2 DAY
        AND (empty({centers:Array(String)}) OR has({centers:Array(String)}, center_id))
    WINDOW
        job AS (
            PARTITION BY vehicle_key, center_id, order_id, type, job_id ORDER BY occurred_at, event_id
            ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING),
        past AS (
            PARTITION BY vehicle_key, center_id, order_id, type, job_id ORDER BY occurred_at, event_id
            ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
)
WHERE phase IN ('started', 'resumed') AND isNotNull(technician) AND isNotNull(next_at) AND next_at > occurred_at
ORDER BY center_id, technician, started_ms
