-- What was forecast and published, and when?
-- since: only forecasts that begin on this day or later.
SELECT
    origin_day,
    horizon_days,
    center_id,
    part_no,
    mean,
    k,
    q50,
    q95,
    method,
    class_hits,
    shelf,
    cover_days,
    service_level,
    definition_version,
    published_at
FROM part_forecasts
WHERE origin_day >= toDateOrZero({since:String})
ORDER BY origin_day, center_id, part_no, horizon_days
