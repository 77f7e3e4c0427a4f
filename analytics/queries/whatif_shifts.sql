-- Which shifts of a center were planned, for whom?
-- center: the center. since, until: days of the shift's start in UTC, both included. Times are milliseconds since 1970.
-- A shift that was taken back is none.
SELECT staff_key AS technician, starts_ms, ends_ms
FROM
(
    SELECT
        staff_key,
        starts_at,
        toUnixTimestamp64Milli(starts_at) AS starts_ms,
        toUnixTimestamp64Milli(ends_at) AS ends_ms
    FROM staff_shifts
    WHERE phase = 'planned' AND center_id = {center:String}
    -- Holds the condition on the start back until only shifts are left: other reference events have no start.
    LIMIT 1000000000
)
WHERE starts_at >= toDateOrZero({since:String}) AND starts_at < toDateOrZero({until:String}) + INTERVAL 2 DAY
ORDER BY technician, starts_ms
