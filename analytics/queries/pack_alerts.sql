-- Of the alerts that a period opened: which were taken up in time, and which were not?
-- since, until: days in time_zone, both included. Kept: acknowledged or over before it was told again.
SELECT
    rule,
    kind,
    count() AS alerts,
    countIf(level = 0 AND state != 'open') AS kept,
    countIf(level > 0 OR state = 'open') AS missed
FROM alerts
WHERE toDate(opened_at, {time_zone:String}) BETWEEN toDateOrZero({since:String}) AND toDateOrZero({until:String})
GROUP BY rule, kind
ORDER BY missed DESC, alerts DESC, rule
