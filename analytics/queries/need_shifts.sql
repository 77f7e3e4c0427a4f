-- Which shifts were planned, for whom and as what?
-- since, until: days of the shift's start in UTC, both included. Times are milliseconds since 1970. A shift that was
-- taken back is none, and neither is one of which only the work was told.
SELECT
    center_id,
    staff_key,
    role,
    toUnixTimestamp64Milli(starts_at) AS starts_ms,
    toUnixTimestamp64Milli(ends_at) AS ends_ms
FROM staff_shifts
WHERE phase = 'planned'
    AND starts_at >= toDateOrZero({since:String}) AND starts_at < toDateOrZero({until:String}) + INTERVAL 2 DAY
ORDER BY center_id, staff_key, starts_ms
