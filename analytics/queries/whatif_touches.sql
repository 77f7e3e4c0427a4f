-- Which technician was at work on which car of a center, in which bay, from when to when?
-- center: the center. since: the day of the work's start from which on, in UTC. Times are milliseconds since 1970. A
-- stretch ends with the job's next event; one after which nothing was said is left out. Not named: ''.
SELECT
    order_id,
    vehicle_key,
    technician,
    bay,
    toUnixTimestamp64Milli(occurred_at) AS started_ms,
    toUnixTimestamp64Milli(next_at) AS ended_ms
FROM
(
    SELECT
        order_id,
        vehicle_key,
        phase,
        occurred_at,
        ifNull(anyLast(technician_id) OVER past, '') AS technician,
        ifNull(anyLast(bay_id) OVER past, '') AS bay,
        leadInFrame(toNullable(occurred_at)) OVER job AS next_at
    FROM events
    WHERE type IN ('diagnosis', 'repair')
        AND center_id = {center:String}
        AND occurred_at >= toDateOrZero({since:String})
    WINDOW
        job AS (
            PARTITION BY vehicle_key, order_id, type, job_id ORDER BY occurred_at, event_id
            ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING),
        past AS (
            PARTITION BY vehicle_key, order_id, type, job_id ORDER BY occurred_at, event_id
            ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
)
WHERE phase IN ('started', 'resumed') AND isNotNull(next_at) AND next_at > occurred_at
ORDER BY order_id, vehicle_key, started_ms
